import { createdOf, lineOffsets } from '../record/lines.ts';
import type { CompiledQuery } from './compile.ts';
import { parseRecord, type ParsedRecord } from './record-text.ts';
import type { TimeOf, TimeRange } from './request.ts';
import { parseIsoTime } from './time-text.ts';

export interface FoundLine {
  /** The record's place in the journal. */
  readonly seq: number;
  /** Its line as it is stored, without LF. */
  readonly line: string;
  readonly record: ParsedRecord;
  /** In milliseconds since 1970; when it was received where the record says nothing else. */
  readonly timeMs: number;
}

/** Strings of this size live and die where memory is fresh; larger ones cost more than the search itself. */
const CHUNK_BYTES = 65_536;
const LF = 0x0a;

interface Chunk {
  /** Where in the lines it begins. */
  readonly start: number;
  readonly text: string;
}

/** A batch's lines, as they are looked through: what is made of them is made once, however many queries ask. */
export class BatchText {
  readonly firstSeq: number;
  readonly records: number;
  readonly lines: Buffer;
  readonly #parsed = new Map<number, ParsedRecord | undefined>();
  readonly #chunks: Chunk[] = [];
  #offsets: Uint32Array | undefined;

  constructor({ firstSeq, records }: { readonly firstSeq: number; readonly records: number }, lines: Buffer) {
    this.firstSeq = firstSeq;
    this.records = records;
    this.lines = lines;
  }

  /** All lines in pieces of whole lines, each byte as one character: expressions run over that fastest. */
  *chunks(): Generator<Chunk, void> {
    yield* this.#chunks;
    const { lines } = this;
    const last = this.#chunks.at(-1);
    for (let start = last === undefined ? 0 : last.start + last.text.length; start < lines.length;) {
      let end = Math.min(start + CHUNK_BYTES, lines.length);
      if (end < lines.length) end = lines.lastIndexOf(LF, end - 1) + 1;
      // A line that is longer than that has one for itself.
      if (end <= start) end = lines.indexOf(LF, start + CHUNK_BYTES) + 1 || lines.length;
      const chunk = { start, text: lines.toString('latin1', start, end) };
      this.#chunks.push(chunk);
      yield chunk;
      start = end;
    }
  }

  /** See `lineOffsets`. */
  get offsets(): Uint32Array {
    return (this.#offsets ??= lineOffsets(this.lines, this.records));
  }

  /** A line, without LF; empty where its record was purged. */
  line(index: number): string {
    const { offsets } = this;
    return this.lines.toString('utf8', offsets[index], Math.max(offsets[index]!, offsets[index + 1]! - 1));
  }

  /** The same as `parseRecord(line)`, remembered. */
  record(index: number): ParsedRecord | undefined {
    if (this.#parsed.has(index)) return this.#parsed.get(index);
    const record = parseRecord(this.line(index));
    this.#parsed.set(index, record);
    return record;
  }
}

/**
 * The records of one batch that are meant, in order of place or the other way round. What they must hold is looked for in all lines at
 * once; only lines that have it are parsed.
 */
export function* findLines(
  query: Pick<CompiledQuery, 'needs' | 'matches'>,
  batch: BatchText,
  range: TimeRange | undefined,
  options: { readonly newestFirst: boolean; readonly timeOf: TimeOf },
): Generator<FoundLine, void> {
  const [first, ...others] = query.needs;
  const candidates = first === undefined ? undefined : candidatesOf(first, batch);
  const count = candidates?.length ?? batch.records;
  if (count === 0) return;
  const { offsets } = batch;
  for (let i = 0; i < count; i++) {
    const nth = options.newestFirst ? count - 1 - i : i;
    const index = candidates?.[nth] ?? nth;
    const start = offsets[index]!;
    const end = offsets[index + 1]! - 1;
    // The place of a record that was purged.
    if (end <= start) continue;
    if (others.length > 0 && !hasAll(others, batch.lines.toString('latin1', start, end))) continue;
    const record = batch.record(index);
    if (record === undefined || !query.matches(record)) continue;
    const timeMs = timeOf(record, options.timeOf, batch.lines, start);
    if (range !== undefined && (timeMs < range.sinceMs || timeMs >= range.untilMs)) continue;
    yield { seq: batch.firstSeq + index, line: batch.line(index), record, timeMs };
  }
}

function hasAll(needs: readonly RegExp[], text: string): boolean {
  return needs.every((need) => {
    need.lastIndex = 0;
    return need.test(text);
  });
}

/** The indexes of the lines that hold something. */
function candidatesOf(need: RegExp, batch: BatchText): number[] {
  const candidates: number[] = [];
  let index = 0;
  for (const { start, text } of batch.chunks()) {
    need.lastIndex = 0;
    for (let hit = need.exec(text); hit !== null; hit = need.exec(text)) {
      const { offsets } = batch;
      // Most often the next hit is near; where it is not, the lines between are passed over in a tight loop.
      while (offsets[index + 1]! <= start + hit.index) index++;
      candidates.push(index);
      need.lastIndex = offsets[index + 1]! - start;
    }
  }
  return candidates;
}

function timeOf(record: ParsedRecord, of: TimeOf, lines: Buffer, lineStart: number): number {
  if (of === 'event') {
    const time = record['@timestamp'];
    const ms = typeof time === 'string' ? parseIsoTime(time) : undefined;
    if (ms !== undefined) return ms;
  }
  return parseIsoTime(createdOf(lines, lineStart)) ?? 0;
}

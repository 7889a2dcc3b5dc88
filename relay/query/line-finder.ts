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

/** A batch's lines, as they are looked through: what is made of them is made once, however many queries ask. */
export class BatchText {
  readonly firstSeq: number;
  readonly records: number;
  readonly lines: Buffer;
  readonly #parsed = new Map<number, ParsedRecord | undefined>();
  #text: string | undefined;
  #offsets: Uint32Array | undefined;

  constructor({ firstSeq, records }: { readonly firstSeq: number; readonly records: number }, lines: Buffer) {
    this.firstSeq = firstSeq;
    this.records = records;
    this.lines = lines;
  }

  /** All lines, each byte as one character: expressions run over that fastest. */
  get text(): string {
    return (this.#text ??= this.lines.toString('latin1'));
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
  if (first !== undefined && !found(first, batch.text)) return;
  const { offsets } = batch;
  const candidates = first === undefined ? undefined : candidatesOf(first, batch.text, offsets);
  const count = candidates?.length ?? batch.records;
  for (let i = 0; i < count; i++) {
    const nth = options.newestFirst ? count - 1 - i : i;
    const index = candidates?.[nth] ?? nth;
    const start = offsets[index]!;
    const end = offsets[index + 1]! - 1;
    // The place of a record that was purged.
    if (end <= start) continue;
    if (others.length > 0 && !others.every((need) => found(need, batch.text.slice(start, end)))) continue;
    const record = batch.record(index);
    if (record === undefined || !query.matches(record)) continue;
    const timeMs = timeOf(record, options.timeOf, batch.lines, start);
    if (range !== undefined && (timeMs < range.sinceMs || timeMs >= range.untilMs)) continue;
    yield { seq: batch.firstSeq + index, line: batch.line(index), record, timeMs };
  }
}

function found(need: RegExp, text: string): boolean {
  need.lastIndex = 0;
  return need.test(text);
}

/** The indexes of the lines that hold something. */
function candidatesOf(need: RegExp, text: string, offsets: Uint32Array): number[] {
  const candidates: number[] = [];
  let index = 0;
  need.lastIndex = 0;
  for (let hit = need.exec(text); hit !== null; hit = need.exec(text)) {
    // Most often the next hit is near; where it is not, the lines between are passed over in a tight loop.
    while (offsets[index + 1]! <= hit.index) index++;
    candidates.push(index);
    need.lastIndex = offsets[index + 1]!;
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

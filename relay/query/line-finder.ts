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

/**
 * The records of one batch that are meant, in order of place or the other way round. What they must hold is looked for in all lines at
 * once; only lines that have it are parsed.
 */
export function* findLines(
  query: CompiledQuery,
  batch: { readonly firstSeq: number; readonly records: number; readonly lines: Buffer },
  range: TimeRange | undefined,
  options: { readonly newestFirst: boolean; readonly timeOf: TimeOf },
): Generator<FoundLine> {
  const { lines } = batch;
  const text = query.needs.length === 0 ? '' : lines.toString('latin1');
  const [first, ...others] = query.needs;
  if (first !== undefined && !found(first, text)) return;
  const offsets = lineOffsets(lines, batch.records);
  const candidates = first === undefined ? undefined : candidatesOf(first, text, offsets);
  const count = candidates?.length ?? batch.records;
  for (let i = 0; i < count; i++) {
    const nth = options.newestFirst ? count - 1 - i : i;
    const index = candidates?.[nth] ?? nth;
    const start = offsets[index]!;
    const end = offsets[index + 1]! - 1;
    // The place of a record that was purged.
    if (end <= start) continue;
    if (others.length > 0 && !others.every((need) => found(need, text.slice(start, end)))) continue;
    const line = lines.toString('utf8', start, end);
    const record = parseRecord(line);
    if (record === undefined || !query.matches(record)) continue;
    const timeMs = timeOf(record, options.timeOf, lines, start);
    if (range !== undefined && (timeMs < range.sinceMs || timeMs >= range.untilMs)) continue;
    yield { seq: batch.firstSeq + index, line, record, timeMs };
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

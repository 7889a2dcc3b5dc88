import { EVENT_ID_LENGTH } from './event-id.ts';

/**
 * Every line begins `{"event":{"id":"…24…","created":"…24…","dataset":"…"`, so that id, receive time and dataset are found
 * without a JSON parser.
 */
export const LINE_HEAD = '{"event":{"id":"';
const ID_START = LINE_HEAD.length;
const CREATED_START = ID_START + EVENT_ID_LENGTH + '","created":"'.length;
const CREATED_LENGTH = 24;
const DATASET_START = CREATED_START + CREATED_LENGTH + '","dataset":"'.length;
const LF = 0x0a;
const QUOTE = 0x22;

/**
 * Calls `visit` with the bounds of each line, without its LF. Lines in a batch always end in LF. An empty line holds the place of a record
 * that was purged: it is counted and not visited.
 */
export function forEachLine(lines: Buffer, visit: (start: number, end: number, index: number) => void): void {
  for (let start = 0, index = 0; start < lines.length; index++) {
    const lf = lines.indexOf(LF, start);
    const end = lf < 0 ? lines.length : lf;
    if (end > start) visit(start, end, index);
    start = end + 1;
  }
}

/** The bounds of every line: `offsets[i]` up to `offsets[i + 1]`, LF included. */
export function lineOffsets(lines: Buffer, records: number): Uint32Array {
  const offsets = new Uint32Array(records + 1);
  let at = 0;
  for (let i = 1; i <= records; i++) {
    const lf = lines.indexOf(LF, at);
    at = lf < 0 ? lines.length : lf + 1;
    offsets[i] = at;
  }
  return offsets;
}

/** The indexes of the lines that are empty: the places of records that were purged. */
export function emptyLines(lines: Uint8Array): number[] {
  const found: number[] = [];
  for (let start = 0, index = 0; start < lines.length; index++) {
    if (lines[start] === LF) found.push(index);
    const lf = lines.indexOf(LF, start);
    start = lf < 0 ? lines.length : lf + 1;
  }
  return found;
}

export function eventIdOf(lines: Buffer, lineStart: number): string {
  return lines.toString('latin1', lineStart + ID_START, lineStart + ID_START + EVENT_ID_LENGTH);
}

/** When the relay accepted the record, ISO 8601 in UTC with milliseconds. */
export function createdOf(lines: Buffer, lineStart: number): string {
  return lines.toString('latin1', lineStart + CREATED_START, lineStart + CREATED_START + CREATED_LENGTH);
}

/** The place after the dataset's closing quote: what is before it is the relay's own. */
export function headEnd(lines: Buffer, lineStart: number): number {
  return lines.indexOf(QUOTE, lineStart + DATASET_START) + 1;
}

export function datasetOf(lines: Buffer, lineStart: number): string {
  const start = lineStart + DATASET_START;
  return lines.toString('utf8', start, lines.indexOf(QUOTE, start));
}

/** True where a line of the journal has this dataset. */
export function hasDataset(line: string, dataset: string): boolean {
  return line.startsWith(dataset, DATASET_START) && line[DATASET_START + dataset.length] === '"';
}

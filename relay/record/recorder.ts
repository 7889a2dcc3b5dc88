import type { LineWriter, Source } from './line-writer.ts';

/** What is odd about a record that was kept all the same. A closed set: it labels a metric and fills `spillway.flags`. */
export type Flag =
  | 'unparsed'
  | 'invalid_utf8'
  | 'time_invalid'
  | 'time_missing'
  | 'priority_invalid'
  | 'split'
  | 'cut'
  | 'ambiguous'
  | 'forged'
  | 'joined'
  | 'incomplete'
  | 'time_skewed'
  | 'binary'
  | 'id_replaced';

/** A value of `event.dataset` with what follows from it, made once by `InputContext.dataset`. */
export interface Dataset {
  readonly name: string;
  /** False where `store: false` holds: the journal keeps such records only until every endpoint has them. */
  readonly stored: boolean;
}

/**
 * Where an input writes its records: into the batch being built. A record is one line of ECS JSON:
 *
 *     recorder.open(dataset, textBytes)   → `{"event":{"id":"…","created":"…","dataset":"…"`
 *     … the input writes more members of `event`, closes it with `}`, and the other members …
 *     recorder.close(eventTimeMs)         → `}` and LF
 *
 * Everything between `open` and `close` happens in one synchronous piece.
 */
export interface Recorder {
  /**
   * Opens a record whose source text has at most `textBytes` bytes. There is room for that text twice over as JSON text in its
   * worst form, once as base64, and 4 KiB of other fields.
   */
  open(dataset: Dataset, textBytes: number): LineWriter;
  /** Names what the open record belongs to, for the index: kind `host`, `source`, `run` … and a name in UTF-8. */
  stream(kind: string, name: Source, start: number, end: number): void;
  /** Ends the record. `eventTimeMs` is the time in its `@timestamp`. */
  close(eventTimeMs: number): void;
  /** The receive time that `open` writes; follows the clock at each `touch`. */
  readonly nowMs: number;
  /** `nowMs` as ISO 8601 in UTC with milliseconds, 24 bytes. */
  readonly nowText: Source;
  /** Reads the clock. To be called once for each piece that arrives, not for each record. */
  touch(): void;
}

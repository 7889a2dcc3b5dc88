import type { Slab } from './slab.ts';

/** What a batch's records belong to, as the journal's index knows it: `host:web-1`, `source:10.0.0.7`, `run:4711`. */
export type StreamName = string;

/** A repeat of this key within the window is answered without being stored again. Made of a digest, scoped by input. */
export interface Receipt {
  readonly key: string;
}

/** What is known of a batch without looking inside. All times are milliseconds since 1970. */
export interface BatchSummary {
  /** The place of the first record in the journal; the others follow without a gap. */
  readonly firstSeq: number;
  readonly records: number;
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
  readonly eventFirstMs: number;
  readonly eventLastMs: number;
  /** Records by `event.dataset`. */
  readonly datasets: Readonly<Record<string, number>>;
}

/** Records that are not in the journal yet: lines of ECS JSON, each ended by LF. */
export interface BuiltBatch extends BatchSummary {
  readonly slab: Slab;
  /** How much of the slab is used. */
  readonly bytes: number;
  readonly streams: readonly StreamName[];
  /** True where the stream names were too many to keep: the index then cannot rule this batch out for any stream. */
  readonly streamsCut: boolean;
  /** True where `store: false` holds for its records: it goes as soon as every endpoint has it. */
  readonly transient: boolean;
  readonly receipts: readonly Receipt[];
  /** What the journal writes in the same transaction beside its records. Made and read by others; here it is only carried. */
  readonly changes: readonly object[];
  /** True where a sender's request goes on in the next batch: both are committed together or not at all. */
  readonly continues: boolean;
}

/** Records as they are read from the journal, to be delivered or shown. */
export interface Batch {
  readonly firstSeq: number;
  readonly records: number;
  /** Lines of ECS JSON, each ended by LF. Valid until `release`. The line of a record that was purged is empty. */
  readonly lines: Buffer;
  /** Of `records`, the places whose record was purged. Left out where there is none. */
  readonly absent?: number;
  /** Records by `event.dataset`: lets a filter take or leave the batch without a look inside. */
  readonly datasets: Readonly<Record<string, number>>;
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
  /** Says that the bytes will not be looked at any more. To be called exactly once. */
  readonly release: () => void;
}

/** The place after the last record. */
export function endSeq(batch: { firstSeq: number; records: number }): number {
  return batch.firstSeq + batch.records;
}

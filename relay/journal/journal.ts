import type { Batch, BuiltBatch, StreamName } from '../record/batch.ts';
import type { RetentionStore } from './retention-store.ts';
import type { JobCheckpoint, JobKey, JobQuery, JobWithParts, PageQuery, RunCheckpoints, StoredJob } from './runs.ts';

/**
 * The contract of the journal: durable, ordered, one cursor for each endpoint. It has one implementation, in `sqlite/`; its
 * suite of tests is written against this interface.
 */
export interface Journal {
  readonly identity: JournalIdentity;
  /** The place that the next record will get. The caller numbers the records; the journal refuses a gap or an overlap. */
  readonly nextSeq: number;

  /**
   * Resolves when the batch, and all appended before it, are on stable storage. Rejects with a `retry` error where there is no
   * room or the disk failed: then nothing of it is stored, and the caller offers the same batch again. What is `urgent` may pass the limits
   * by a little: it lets records go that take more.
   */
  append(batch: BuiltBatch, urgent?: boolean): Promise<void>;

  /**
   * Passes over what is known, without a read, to hold no record of these datasets. Returns the first place from `fromSeq` on where one
   * may be.
   */
  passOver(fromSeq: number, datasets: readonly string[]): number;

  /**
   * The next batch that ends after `fromSeq`, or undefined where there is none yet. A batch may begin before `fromSeq` (a part
   * of it was taken already) or well after it (what lay between was purged or dropped). Rejects with `JOURNAL_DAMAGED`
   * for a batch that cannot be read: it has then been set aside and counted, and the next call goes on after it.
   */
  read(fromSeq: number): Promise<Batch | undefined>;
  /** The batch that a place is in, by itself; undefined where it has gone. Rejects as `read` does. */
  readOne(seq: number): Promise<Batch | undefined>;
  /**
   * Where the batches begin that may hold a record of a stream, such as `job:…`: from the one that `fromSeq` is in up to `endSeq`, in
   * order, so many at most. What is not listed holds none.
   */
  streamPlaces(stream: StreamName, fromSeq: number, endSeq: number, limit: number): Promise<number[]>;
  /** Calls back each time that a commit has made more records readable. Returns what ends it. */
  onCommit(listener: (endSeq: number) => void): () => void;
  /**
   * Calls back with the places of records that a purge took before every endpoint had them, so that what was read of them is not sent any
   * more. Returns what ends that.
   */
  onPurge(listener: (seqs: readonly number[]) => void): () => void;

  /** The endpoint's cursor, made where it is missing: at the journal's first record or at its end. */
  openCursor(endpoint: string, startAt: 'first' | 'end'): Promise<Cursor>;
  /** Moves a cursor. Made durable with the next commit, or a moment later; after a crash some records are delivered again. */
  advance(endpoint: string, progress: Progress): void;
  /** Removes a cursor with its dead letters; what it was still owed is counted in the journal's log. */
  removeCursor(endpoint: string): Promise<void>;
  /** Those of endpoints. The relay's own parts know theirs. */
  cursors(): Promise<Cursor[]>;
  /**
   * Where an endpoint's cursor shall end, kept over restarts and gone with the cursor: `set` puts it at the journal's end, unless one was
   * put before; `clear` takes it away. Resolves with the place; undefined where there is none.
   */
  cursorEnd(endpoint: string, change: 'set' | 'clear'): Promise<number | undefined>;

  deadLetters(endpoint: string, limit: number): Promise<DeadLetter[]>;
  /** Removes dead letters, to be sent again or for good. Returns how many there were. */
  discardDeadLetters(endpoint: string, ids: readonly number[], outcome: 'redelivered' | 'discarded'): Promise<number>;

  /** The keys of requests accepted within the window. */
  receipts(): Promise<string[]>;

  /** See `RunReading`. */
  jobs(query: JobQuery): Promise<StoredJob[]>;
  job(key: JobKey): Promise<JobWithParts | undefined>;
  /** For the assembly: a job as it was left. */
  jobCheckpoint(key: JobKey): Promise<JobCheckpoint | undefined>;
  pageCheckpoint(query: PageQuery): Promise<JobCheckpoint | undefined>;
  /** What the assembly of jobs was about when the journal was closed. */
  runCheckpoints(): Promise<RunCheckpoints>;

  stats(): Promise<JournalStats>;
  /** What of the disk it takes, and what is left. Asked of the system alone: whoever looks often disturbs neither writer nor reader. */
  room(): Promise<JournalRoom>;
  /** Changes what the operator may change while it runs. */
  configure(limits: JournalLimits): void;
  /** Waits for what was appended and advanced, then closes. */
  close(): Promise<void>;
}

/** A journal that can purge. */
export interface PurgeableJournal extends Journal {
  readonly retention: RetentionStore;
}

/** What the journal tells while it runs. Whoever opens it decides what to log and to count. */
export interface JournalEvents {
  /** A damaged journal was set aside, and what could be read of it was taken over. */
  salvaged(report: { folder: string; reason: string; recordsSaved: number; recordsLost: number }): void;
  /** Records could not be read and were set aside. */
  damaged(range: { firstSeq: number; records: number; reason: string }): void;
  /** Records were removed to stay within the quota. Of them `owedRecords` had not been taken by every endpoint. */
  reclaimed(range: { firstSeq: number; records: number; owedRecords: number }): void;
  full(full: boolean, reason: string): void;
  /** An endpoint's books did not add up: a mistake in this program. */
  inconsistent(endpoint: string, detail: string): void;
  /** The journal's thread has ended; nothing more can be accepted. */
  failed(error: unknown): void;
}

export interface JournalIdentity {
  /** Six characters, the first part of every `event.id`. */
  readonly node: string;
  /** A UUID for protocols that want one. */
  readonly relayId: string;
  /** The second part of every `event.id` of this process. */
  readonly bootSeconds: number;
}

export interface JournalLimits {
  /** The most that the journal's files may take, in bytes. 0: no limit but the disk. */
  readonly bytesMax: number;
  /** Free space on the disk below which the journal takes no more, in bytes. */
  readonly freeBytesMin: number;
  readonly whenFull: 'block' | 'drop_oldest';
  /** How long a job is listed after the last of its lines went, in milliseconds. Left out: 30 days. */
  readonly goneJobsMs?: number;
}

export interface Cursor extends CursorCounts {
  readonly endpoint: string;
  /** The first record not yet taken. */
  readonly seq: number;
  /** Where the cursor began. `seq - startSeq` is the sum of the counts. */
  readonly startSeq: number;
  readonly backlogRecords: number;
  /** Bytes of the batches waiting, uncompressed. */
  readonly backlogBytes: number;
  /** Of these, lines of runners as they came, which go to no endpoint that does not name them. Left out where there is none. */
  readonly internal?: { readonly records: number; readonly bytes: number };
  /** When the oldest waiting record was received; undefined where none waits. */
  readonly oldestReceivedMs: number | undefined;
}

/** True for the cursors of the relay's own parts: an endpoint's name has no colon. */
export function isInternalCursor({ endpoint }: Pick<Cursor, 'endpoint'>): boolean {
  return endpoint.includes(':');
}

export interface CursorCounts {
  readonly delivered: number;
  /** Not for this endpoint, by its `match`. */
  readonly filtered: number;
  readonly deadLettered: number;
  /** Taken from it by quota, damage or an operator. */
  readonly dropped: number;
  /** Taken from it by a purge that was told to. */
  readonly purged: number;
}

/** What became of the records from `fromSeq` up to, not including, `toSeq`. The counts add up to their number. */
export interface Progress {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly refused: readonly RefusedRecord[];
  /** Places in batches that were there, but whose record had been purged. Left out: none. */
  readonly purged?: number;
}

export interface RefusedRecord {
  readonly seq: number;
  readonly code: string;
  readonly reason: string;
  /** The record's line, without LF. */
  readonly line: Uint8Array;
}

export interface DeadLetter {
  readonly id: number;
  readonly endpoint: string;
  readonly seq: number;
  readonly atMs: number;
  readonly code: string;
  readonly reason: string;
  readonly line: string;
}

export interface JournalRoom {
  /** On the disk, write-ahead log included. */
  readonly fileBytes: number;
  readonly freeBytes: number;
}

export interface JournalStats extends JournalRoom {
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly batches: number;
  readonly records: number;
  /** Uncompressed. */
  readonly recordBytes: number;
  /** Of the index of searches on the disk, which `fileBytes` leaves out. */
  readonly searchIndexBytes: number;
  /** Records set aside because they could not be read. */
  readonly damagedRecords: number;
  /** Records that purges took. */
  readonly purgedRecords: number;
  /** Records removed to stay within the quota. */
  readonly reclaimedRecords: number;
  readonly oldestReceivedMs: number | undefined;
  readonly chainHead: string;
}

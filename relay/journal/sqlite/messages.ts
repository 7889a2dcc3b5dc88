import type { WireError } from '../../io/thread.ts';
import type { LentMemory } from './lent-memory.ts';
import type { PurgeDeskCalls } from './purge/purge-desk.ts';
import type { StreamName } from '../../record/batch.ts';
import type { Cursor, DeadLetter, JournalLimits, JournalStats, Progress } from '../journal.ts';
import type {
  JobCheckpoint,
  PageQuery,
  JobKey,
  JobQuery,
  JobWithParts,
  RunChanges,
  RunCheckpoints,
  StoredJob,
} from '../runs.ts';

/** What passes between the main thread and the journal's threads. Batches pass as shared memory: nothing is copied. */

export interface WireBatch {
  readonly firstSeq: number;
  readonly records: number;
  /** The memory that holds the lines. Left out where the writer has seen a slab of this id before. */
  readonly shared: SharedArrayBuffer | undefined;
  readonly slabId: number | undefined;
  readonly bytes: number;
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
  readonly eventFirstMs: number;
  readonly eventLastMs: number;
  readonly datasets: Readonly<Record<string, number>>;
  readonly streams: readonly StreamName[];
  readonly streamsCut: boolean;
  readonly transient: boolean;
  readonly receipts: readonly string[];
  readonly changes: readonly RunChanges[];
  readonly continues: boolean;
}

export interface WriterOptions {
  readonly directory: string;
  readonly sync: 'full' | 'normal';
  readonly compressionLevel: number;
  readonly limits: JournalLimits;
  readonly receiptsWindowMs: number;
}

/** Calls that get an answer. */
export interface WriterCalls {
  openCursor(endpoint: string, startAt: 'first' | 'end'): void;
  removeCursor(endpoint: string): void;
  cursorEnd(endpoint: string, change: 'set' | 'clear'): number | undefined;
  discardDeadLetters(endpoint: string, ids: readonly number[], outcome: 'redelivered' | 'discarded'): number;
  setAsideDamage(firstSeq: number, records: number, reason: string): DamageOutcome;
  cursors(): Cursor[];
  /** Looks whether what the reader says of damage is so, and begins a fresh file if it is. True where it did. */
  repair(): boolean;
  receipts(): string[];
  /** Retention's own calls, each in one transaction, with how long it kept others from writing. */
  retention<Name extends keyof PurgeDeskCalls>(
    method: Name,
    args: Parameters<PurgeDeskCalls[Name]>,
  ): { readonly value: ReturnType<PurgeDeskCalls[Name]>; readonly heldMs: number };
  runCheckpoints(): RunCheckpoints;
  settle(): void;
  close(): void;
}

/**
 * What the writer made of damage that the reader found: set aside now or before, not found there, or all of the journal had to be
 * written anew.
 */
export type DamageOutcome = 'set_aside' | 'gone' | 'readable' | 'salvaged';

/** A batch whose memory the writer has. */
export interface HeldBatch extends WireBatch {
  readonly shared: SharedArrayBuffer;
}

export interface ToldProgress {
  readonly endpoint: string;
  readonly progress: Progress;
}

export type ToWriter =
  | {
      readonly kind: 'append';
      readonly batch: WireBatch;
      readonly urgent: boolean;
      readonly progress: readonly ToldProgress[];
    }
  | { readonly kind: 'advance'; readonly progress: readonly ToldProgress[] }
  | { readonly kind: 'limits'; readonly limits: JournalLimits }
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: keyof WriterCalls;
      readonly args: readonly unknown[];
    };

export interface WriterReady {
  readonly nextSeq: number;
  readonly node: string;
  readonly relayId: string;
  readonly bootSeconds: number;
  readonly salvage: SalvageReport | undefined;
  /** Records that were there at the last stop and are not any more. */
  readonly missing: DamagedRange | undefined;
}

export interface DamagedRange {
  readonly firstSeq: number;
  readonly records: number;
  readonly reason: string;
}

/** What was found when a damaged journal was set aside. */
export interface SalvageReport {
  readonly folder: string;
  readonly reason: string;
  readonly recordsSaved: number;
  readonly recordsLost: number;
}

export type FromWriter =
  | { readonly kind: 'ready'; readonly ready: WriterReady }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'committed'; readonly endSeq: number; readonly batches: number }
  | { readonly kind: 'refused'; readonly batches: number; readonly error: WireError }
  | { readonly kind: 'reply'; readonly id: number; readonly value?: unknown; readonly error?: WireError }
  | { readonly kind: 'reclaimed'; readonly firstSeq: number; readonly records: number; readonly owedRecords: number }
  | { readonly kind: 'salvaged'; readonly report: SalvageReport }
  | { readonly kind: 'inconsistent'; readonly endpoint: string; readonly detail: string }
  | { readonly kind: 'full'; readonly full: boolean; readonly reason: string };

export interface ReaderCalls {
  /** Batches from `fromSeq` on, up to about `bytesMax` of lines and not beyond `endSeq`. */
  read(fromSeq: number, endSeq: number, bytesMax: number): WireRead[];
  cursors(): Cursor[];
  deadLetters(endpoint: string, limit: number): DeadLetter[];
  stats(): JournalStats;
  streamPlaces(stream: StreamName, fromSeq: number, endSeq: number, limit: number): number[];
  jobs(query: JobQuery): StoredJob[];
  job(key: JobKey): JobWithParts | undefined;
  jobCheckpoint(key: JobKey): JobCheckpoint | undefined;
  pageCheckpoint(query: PageQuery): JobCheckpoint | undefined;
  runCheckpoints(): RunCheckpoints;
  close(): void;
}

export type WireRead =
  | {
      readonly kind: 'batch';
      readonly firstSeq: number;
      readonly records: number;
      /** Places whose record was purged: their lines are empty. */
      readonly absent: number;
      readonly lines: Uint8Array<ArrayBuffer>;
      readonly datasets: Readonly<Record<string, number>>;
      readonly receivedFirstMs: number;
      readonly receivedLastMs: number;
    }
  | ({ readonly kind: 'damaged' } & DamagedRange);

/** The same as it comes from the reading thread: the lines lent, to be given back. */
export type SentRead =
  | (Omit<Extract<WireRead, { kind: 'batch' }>, 'lines'> & { readonly lent: LentMemory })
  | Extract<WireRead, { kind: 'damaged' }>;

/** What the reading thread answers. */
export interface ReaderThreadCalls extends Omit<ReaderCalls, 'read'> {
  read(fromSeq: number, endSeq: number, bytesMax: number): SentRead[];
  /** Gives lent memory back. */
  giveBack(id: number): void;
}

export type ToReader = {
  readonly kind: 'call';
  readonly id: number;
  readonly method: keyof ReaderThreadCalls;
  readonly args: readonly unknown[];
};

import { RelayError } from '../errors.ts';
import type { StreamName } from '../record/batch.ts';
import { isInternalCursor, type Cursor, type DeadLetter, type JournalStats } from './journal.ts';
import type { JobKey, JobQuery, JobWithParts, RunReading, StoredJob } from './runs.ts';
import { openForReading, type Sqlite } from './sqlite/database.ts';
import type { Anchor } from './sqlite/anchors.ts';
import { rememberedEnd } from './sqlite/identity.ts';
import { Reader } from './sqlite/reader.ts';
import { verifyChain, type Verification } from './sqlite/verify.ts';

export type { Anchor } from './sqlite/anchors.ts';
export type { Verification } from './sqlite/verify.ts';

/** Records read from the journal by somebody who may take their time. */
export interface ArchivedBatch {
  readonly firstSeq: number;
  readonly records: number;
  /** Places whose record was purged: their lines are empty. */
  readonly absent: number;
  /** Lines of ECS JSON, each ended by LF. */
  readonly lines: Buffer;
  readonly datasets: Readonly<Record<string, number>>;
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
}

const READ_BYTES_MAX = 4 * 1_048_576;

/**
 * The journal for commands: read only, synchronous, whether a relay runs on it or not. Throws `JOURNAL_UNUSABLE` where there is
 * none.
 */
export class Archive implements Disposable, RunReading {
  readonly #reader: Reader;
  readonly #database: Sqlite;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#database = openForReading(directory);
    this.#reader = new Reader(directory);
  }

  stats(): JournalStats {
    return this.#reader.stats();
  }

  cursors(): Cursor[] {
    return this.#reader.cursors().filter((cursor) => !isInternalCursor(cursor));
  }

  /** Those of the relay's own parts. */
  internalCursors(): Cursor[] {
    return this.#reader.cursors().filter(isInternalCursor);
  }

  /** Runs `read` on the journal as it is at one moment, while the relay goes on writing. */
  consistently<T>(read: () => T): T {
    return this.#reader.consistently(read);
  }

  jobs(query: JobQuery): StoredJob[] {
    return this.#reader.jobs(query);
  }

  job(key: JobKey): JobWithParts | undefined {
    return this.#reader.job(key);
  }

  deadLetters(endpoint: string, limit: number): DeadLetter[] {
    return this.#reader.deadLetters(endpoint, limit);
  }

  /** See `Journal.streamPlaces`. */
  streamPlaces(stream: StreamName, fromSeq: number, endSeq: number, limit: number): number[] {
    return this.#reader.streamPlaces(stream, fromSeq, endSeq, limit);
  }

  /** The batch that a place is in; undefined where it has gone. Throws `JOURNAL_DAMAGED` where it cannot be read. */
  readOne(seq: number): ArchivedBatch | undefined {
    const [found] = this.#reader.read(seq, seq + 1, 1);
    if (found?.kind === 'damaged')
      throw new RelayError('JOURNAL_DAMAGED', `records from ${found.firstSeq} on: ${found.reason}`);
    return found === undefined
      ? undefined
      : { ...found, lines: Buffer.from(found.lines.buffer, found.lines.byteOffset, found.lines.byteLength) };
  }

  /** Everything from one place up to another, in order. What cannot be read is told of and passed over. */
  *batches(fromSeq: number, endSeq: number, onDamage: (problem: string) => void): Generator<ArchivedBatch> {
    for (let seq = fromSeq; seq < endSeq;) {
      const found = this.#reader.read(seq, endSeq, READ_BYTES_MAX);
      if (found.length === 0) return;
      for (const item of found) {
        seq = item.firstSeq + item.records;
        if (item.kind === 'damaged') onDamage(`records ${item.firstSeq} to ${seq - 1}: ${item.reason}`);
        else yield { ...item, lines: Buffer.from(item.lines.buffer, item.lines.byteOffset, item.lines.byteLength) };
      }
    }
  }

  /** The place of the first record there is. */
  firstSeq(): number {
    const found = this.#database.prepare('SELECT min(first_seq) FROM batch').pluck().get();
    return typeof found === 'number' ? found : this.nextSeq();
  }

  /** The place that the next record will get. */
  nextSeq(): number {
    return this.#reader.head().nextSeq;
  }

  /** The UUID that names this relay to endpoints. */
  relayId(): string {
    const value = this.#database.prepare("SELECT value FROM setting WHERE name = 'identity'").pluck().get();
    const identity: unknown = typeof value === 'string' ? JSON.parse(value) : undefined;
    const id = typeof identity === 'object' && identity !== null ? Reflect.get(identity, 'relayId') : undefined;
    if (typeof id !== 'string') throw new RelayError('JOURNAL_UNUSABLE', 'the journal does not say whose it is');
    return id;
  }

  /** The place of the first batch that holds something received at that time or later. */
  seqReceivedFrom(ms: number): number {
    const found = this.#database
      .prepare('SELECT min(first_seq) FROM batch INDEXED BY batch_summary WHERE received_last_ms >= ?')
      .pluck()
      .get(ms);
    return typeof found === 'number' ? found : this.nextSeq();
  }

  /** SQLite's own check of its pages; what it finds, or nothing. */
  checkPages(): string[] {
    const found = this.#database.pragma('quick_check(20)') as { quick_check: string }[];
    return found.map((row) => row.quick_check).filter((text) => text !== 'ok');
  }

  /** Walks the chain, all of one moment, and holds it against anchors, if there are any. */
  verify(onProgress: (records: number) => void, anchors: readonly Anchor[] = []): Verification {
    // Read before the journal, which may go on meanwhile.
    const nextSeqMin = rememberedEnd(this.#directory);
    this.#database.exec('BEGIN');
    try {
      return verifyChain(this.#database, onProgress, { anchors, nextSeqMin });
    } finally {
      this.#database.exec('ROLLBACK');
    }
  }

  [Symbol.dispose](): void {
    this.#reader.close();
    this.#database.close();
  }
}

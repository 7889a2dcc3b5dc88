import { statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../io/clock.ts';
import type { JournalLimits } from '../journal.ts';
import { JOURNAL_FILE, truncateWal, type Sqlite, type Statement } from './database.ts';
import type { Gaps } from './gaps.ts';
import type { Endangered, Guard } from './purge/guard.ts';

/** Batches removed in one transaction, so that no writer waits long. */
const BATCHES_PER_STEP = 32;
/** How long a look at the disk's free space holds. */
const FREE_SPACE_VALID_MS = 1_000;

export interface Reclaimed {
  readonly firstSeq: number;
  readonly records: number;
  /** Of them, those that some endpoint had not got yet. */
  readonly owedRecords: number;
}

/** Batches looked at in one step for some that may go. */
const LOOKS_PER_STEP = 4_096;

interface Candidate extends Endangered {
  readonly records: number;
  readonly line_bytes: number;
  readonly payload_bytes: number;
  readonly transient: number;
  readonly chain_hash: Buffer;
}

/**
 * Keeps the journal within its limits. `block` takes back only what every endpoint has; `drop_oldest` takes also what is still
 * owed. Batches of datasets that are not to be stored go as soon as every endpoint has them. What a hold is on stays in any case; what a
 * retention rule still keeps, with `block`.
 */
export class Reclaimer {
  readonly #directory: string;
  readonly #database: Sqlite;
  readonly #gaps: Gaps;
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #pageBytes: number;
  readonly #oldest: Statement;
  readonly #transient: Statement;
  readonly #lowestCursor: Statement;
  readonly #lowestOwed: Statement;
  #freeBytes = Number.POSITIVE_INFINITY;
  #freeReadMs = Number.NEGATIVE_INFINITY;
  /** Transient batches before this place are held. */
  #transientFrom = 0;
  limits: JournalLimits;

  constructor(options: {
    directory: string;
    database: Sqlite;
    gaps: Gaps;
    guard: Guard;
    clock: Clock;
    limits: JournalLimits;
  }) {
    this.#directory = options.directory;
    this.#database = options.database;
    this.#gaps = options.gaps;
    this.#guard = options.guard;
    this.#clock = options.clock;
    this.limits = options.limits;
    this.#pageBytes = Number(this.#database.pragma('page_size', { simple: true }));
    const columns = `first_seq, records, line_bytes, payload_bytes, transient, chain_hash, datasets,
      received_first_ms, received_last_ms, event_first_ms, event_last_ms`;
    this.#oldest = this.#database.prepare(
      `SELECT ${columns} FROM batch NOT INDEXED WHERE NOT (transient = 1 AND first_seq + records > ?) ORDER BY first_seq LIMIT ?`,
    );
    this.#transient = this.#database.prepare(
      `SELECT ${columns} FROM batch INDEXED BY batch_transient WHERE transient = 1 AND first_seq >= ? AND first_seq + records <= ?
       ORDER BY first_seq LIMIT ?`,
    );
    this.#lowestCursor = this.#database.prepare('SELECT min(seq) FROM cursor').pluck();
    // The relay's own parts read what is kept only until they have it, and their cursors may stand far behind.
    this.#lowestOwed = this.#database.prepare("SELECT min(seq) FROM cursor WHERE instr(endpoint, ':') = 0").pluck();
  }

  /** Bytes of the pages in use, and of the write-ahead log. */
  usedBytes(): number {
    const pages = Number(this.#database.pragma('page_count', { simple: true }));
    const free = Number(this.#database.pragma('freelist_count', { simple: true }));
    return (pages - free) * this.#pageBytes + this.#walBytes();
  }

  /** Why there is no room for so many bytes more, where the limits may be passed by `excessMax`; undefined where there is. */
  shortage(incomingBytes: number, excessMax = 0): string | undefined {
    const { bytesMax, freeBytesMin } = this.limits;
    const used = this.usedBytes();
    if (bytesMax > 0 && used + incomingBytes > bytesMax + excessMax)
      return `the journal holds ${used} of the ${bytesMax} bytes that journal.max_bytes allows`;
    // Free pages inside the file are used first, so they count as free space.
    const free =
      this.#readFreeBytes() + Number(this.#database.pragma('freelist_count', { simple: true })) * this.#pageBytes;
    if (free - incomingBytes < freeBytesMin - excessMax)
      return `the disk has ${free} bytes left, less than journal.min_free_bytes (${freeBytesMin})`;
    return undefined;
  }

  /** The same, once the write-ahead log was folded into the file. Readers under way are not waited for. */
  shortageAfterCheckpoint(incomingBytes: number): string | undefined {
    const shortage = this.shortage(incomingBytes);
    if (shortage === undefined || this.#walBytes() === 0) return shortage;
    truncateWal(this.#database);
    this.#freeReadMs = Number.NEGATIVE_INFINITY;
    return this.shortage(incomingBytes);
  }

  /** Removes some of the oldest batches, as the policy allows. Undefined where there is nothing that may go. Within a transaction. */
  makeRoom(): Reclaimed | undefined {
    const lowest = this.#lowest(this.#lowestCursor);
    const lowestOwed = this.#lowest(this.#lowestOwed);
    const drops = this.limits.whenFull === 'drop_oldest';
    const candidates: Candidate[] = [];
    const looks = this.#guard.idle ? BATCHES_PER_STEP : LOOKS_PER_STEP;
    for (const batch of this.#oldest.all(drops ? Number.MAX_SAFE_INTEGER : lowest, looks) as Candidate[]) {
      if (candidates.length >= BATCHES_PER_STEP) break;
      if (!drops && batch.first_seq + batch.records > lowestOwed) break;
      if (!this.#guard.holds(batch) && (drops || !this.#guard.stillKept(batch))) candidates.push(batch);
    }
    return this.#remove(candidates, 'quota', (batch) => (batch.transient === 1 ? lowest : lowestOwed));
  }

  /** Looks again at what was found to be held. */
  holdsChanged(): void {
    this.#transientFrom = 0;
  }

  /** Removes batches that were kept only until every endpoint had them. Within a transaction. */
  removeTransient(): Reclaimed | undefined {
    const lowest = this.#lowest(this.#lowestCursor);
    const found = this.#transient.all(this.#transientFrom, lowest, BATCHES_PER_STEP) as Candidate[];
    const free = found.filter((batch) => !this.#guard.holds(batch));
    if (free.length < found.length) this.#transientFrom = found.at(-1)!.first_seq + 1;
    return this.#remove(free, 'transient', () => lowest);
  }

  #remove(
    batches: readonly Candidate[],
    reason: 'quota' | 'transient',
    owedFrom: (batch: Candidate) => number,
  ): Reclaimed | undefined {
    const first = batches[0];
    if (first === undefined) return undefined;
    let records = 0;
    let owedRecords = 0;
    for (const batch of batches) {
      this.#gaps.remove(batch, reason);
      records += batch.records;
      owedRecords += Math.max(0, batch.first_seq + batch.records - Math.max(owedFrom(batch), batch.first_seq));
    }
    return { firstSeq: first.first_seq, records, owedRecords };
  }

  /** The first record that some endpoint still waits for; with no endpoint at all nothing is owed. */
  #lowest(ofCursors: Statement): number {
    const seq = ofCursors.get();
    return typeof seq === 'number' ? seq : Number.MAX_SAFE_INTEGER;
  }

  #walBytes(): number {
    try {
      return statSync(join(this.#directory, `${JOURNAL_FILE}-wal`)).size;
    } catch {
      return 0;
    }
  }

  #readFreeBytes(): number {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#freeReadMs > FREE_SPACE_VALID_MS) {
      const disk = statfsSync(this.#directory);
      this.#freeBytes = disk.bavail * disk.bsize;
      this.#freeReadMs = nowMs;
    }
    return this.#freeBytes;
  }
}

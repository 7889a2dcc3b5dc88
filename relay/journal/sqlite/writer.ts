import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Random } from '../../io/random.ts';
import type { Cursor, JournalLimits, Progress } from '../journal.ts';
import { isDamage, lockDirectory, openForWriting, setAside, writeError, type Sqlite } from './database.ts';
import { takeIdentity } from './identity.ts';
import type { FromWriter, SalvageReport, WireBatch, WriterCalls, WriterOptions, WriterReady } from './messages.ts';
import { joinProgress } from './progress.ts';
import { Reader } from './reader.ts';
import { Reclaimer } from './reclaimer.ts';
import { salvage } from './salvage.ts';
import { Store } from './store.ts';

/** Steps of making room for one group of batches, before it is refused: 32 batches each. */
const ROOM_STEPS_MAX = 64;
const RECEIPTS_SWEEP_INTERVAL_MS = 60_000;

/**
 * What the writing thread does, without the thread: takes groups of batches and cursor moves, one transaction for each group.
 * Synchronous throughout.
 */
export class Writer implements WriterCalls {
  readonly #directory: string;
  readonly #lock: Sqlite;
  readonly #database: Sqlite;
  readonly #store: Store;
  readonly #reclaimer: Reclaimer;
  readonly #clock: Clock;
  readonly #post: (message: FromWriter) => void;
  readonly #progress = new Map<string, Progress[]>();
  readonly ready: WriterReady;
  #full = false;
  #receiptsSweptMs: number;

  constructor(options: WriterOptions, world: { clock: Clock; random: Random }, post: (message: FromWriter) => void) {
    this.#directory = options.directory;
    this.#clock = world.clock;
    this.#post = post;
    this.#lock = lockDirectory(options.directory);
    const opened = openOrSalvage(options, world.clock);
    this.#database = opened.database;
    const identity = takeIdentity(options.directory, this.#database, world);
    this.#store = new Store(this.#database, {
      clock: world.clock,
      compressionLevel: options.compressionLevel,
      receiptsWindowMs: options.receiptsWindowMs,
    });
    this.#reclaimer = new Reclaimer({
      directory: options.directory,
      database: this.#database,
      gaps: this.#store.gaps,
      clock: world.clock,
      limits: options.limits,
    });
    this.#receiptsSweptMs = world.clock.monotonicMs();
    this.ready = { nextSeq: this.#store.nextSeq, ...identity, salvage: opened.salvage };
  }

  setLimits(limits: JournalLimits): void {
    this.#reclaimer.limits = limits;
  }

  /** Commits a group: all of it or nothing. The answer goes out by `post`. */
  append(batches: readonly WireBatch[]): void {
    try {
      const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0);
      this.#makeRoom(bytes);
      this.#transaction(() => {
        this.#store.append(batches);
        this.#applyProgress();
      });
      this.#progress.clear();
      this.#post({ kind: 'committed', endSeq: this.#store.nextSeq, batches: batches.length });
    } catch (error) {
      const failure = writeError(error);
      this.#post({ kind: 'refused', batches: batches.length, error: { code: failure.code, message: failure.message } });
    }
  }

  /** Remembers a cursor's move; it is written with the next group, or by `settle`. */
  advance(endpoint: string, progress: Progress): void {
    const waiting = this.#progress.get(endpoint);
    const last = waiting?.at(-1);
    if (waiting === undefined) {
      this.#progress.set(endpoint, [progress]);
    } else if (last !== undefined && last.toSeq === progress.fromSeq) {
      waiting[waiting.length - 1] = joinProgress(last, progress);
    } else {
      waiting.push(progress);
    }
  }

  get hasProgress(): boolean {
    return this.#progress.size > 0;
  }

  /** Writes the cursor moves that wait. Throws where it cannot; they wait on then. */
  settle(): void {
    if (this.#progress.size === 0) return;
    this.#transaction(() => this.#applyProgress());
    this.#progress.clear();
  }

  /** A piece of the work that nobody waits for. True where there is more of it. */
  tidy(): boolean {
    if (this.#clock.monotonicMs() - this.#receiptsSweptMs > RECEIPTS_SWEEP_INTERVAL_MS) {
      this.#receiptsSweptMs = this.#clock.monotonicMs();
      this.#transaction(() => this.#store.forgetReceipts());
    }
    const removed = this.#transaction(() => this.#reclaimer.removeTransient());
    return this.#store.tidy() || removed !== undefined;
  }

  get wantsTidying(): boolean {
    return this.#store.wantsTidying;
  }

  openCursor(endpoint: string, startAt: 'first' | 'end'): void {
    this.#transaction(() => {
      const start =
        startAt === 'end'
          ? this.#store.nextSeq
          : Number(
              this.#database.prepare('SELECT coalesce(min(first_seq), ?) FROM batch').pluck().get(this.#store.nextSeq),
            );
      this.#database
        .prepare('INSERT OR IGNORE INTO cursor (endpoint, seq, start_seq) VALUES (?, ?, ?)')
        .run(endpoint, start, start);
    });
  }

  removeCursor(endpoint: string): void {
    this.#progress.delete(endpoint);
    this.#transaction(() => {
      this.#database.prepare('DELETE FROM cursor WHERE endpoint = ?').run(endpoint);
      this.#database.prepare('DELETE FROM dead_letter WHERE endpoint = ?').run(endpoint);
    });
  }

  discardDeadLetters(endpoint: string, ids: readonly number[], outcome: 'redelivered' | 'discarded'): number {
    return this.#transaction(() => {
      const remove = this.#database.prepare('DELETE FROM dead_letter WHERE endpoint = ? AND id = ?');
      let removed = 0;
      for (const id of ids) removed += remove.run(endpoint, id).changes;
      const column = outcome === 'redelivered' ? 'delivered' : 'dropped';
      this.#database
        .prepare(`UPDATE cursor SET dead_lettered = dead_lettered - ?, ${column} = ${column} + ? WHERE endpoint = ?`)
        .run(removed, removed, endpoint);
      return removed;
    });
  }

  setAsideBatch(firstSeq: number, reason: string): void {
    this.#transaction(() => {
      const row = this.#database
        .prepare('SELECT first_seq, records, line_bytes, chain_hash FROM batch WHERE first_seq = ?')
        .get(firstSeq) as { first_seq: number; records: number; line_bytes: number; chain_hash: Buffer } | undefined;
      if (row === undefined) return;
      this.#database
        .prepare(
          `INSERT OR REPLACE INTO damaged (first_seq, records, at_ms, reason, payload)
           SELECT first_seq, records, ?, ?, payload FROM batch WHERE first_seq = ?`,
        )
        .run(this.#clock.nowMs(), reason, firstSeq);
      this.#store.gaps.remove(row, 'damaged');
    });
  }

  /** Where the endpoints are, for a start: after it, whoever asks disturbs only the reading thread. */
  cursors(): Cursor[] {
    this.settle();
    const reader = new Reader(this.#directory);
    try {
      return reader.cursors();
    } finally {
      reader.close();
    }
  }

  receipts(): string[] {
    this.#store.forgetReceipts();
    return this.#database.prepare('SELECT key FROM receipt').pluck().all() as string[];
  }

  close(): void {
    this.settle();
    while (this.#transaction(() => this.#reclaimer.removeTransient()) !== undefined);
    while (this.#store.tidy(true));
    this.#database.pragma('optimize');
    this.#database.close();
    this.#lock.close();
  }

  #applyProgress(): void {
    for (const [endpoint, moves] of this.#progress) {
      for (const move of moves) {
        const wrong = this.#store.advance(endpoint, move);
        // A mistake of ours in one endpoint's books must not keep the journal from accepting records.
        if (wrong !== undefined) this.#post({ kind: 'inconsistent', endpoint, detail: wrong });
      }
    }
  }

  /** Runs `work` as one durable change. A roll-back leaves the memory of it as it was, too. */
  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      this.#store.reload();
      throw error;
    }
  }

  #makeRoom(bytes: number): void {
    let shortage = this.#reclaimer.shortage(bytes);
    if (shortage !== undefined) {
      // What endpoints have taken meanwhile may go; and the write-ahead log counts too, folding it in costs nobody a record.
      this.settle();
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
    }
    for (let step = 0; shortage !== undefined && step < ROOM_STEPS_MAX; step++) {
      shortage = this.#reclaimer.shortage(bytes);
      if (shortage === undefined) break;
      const reclaimed = this.#transaction(() => this.#reclaimer.makeRoom());
      if (reclaimed === undefined) break;
      this.#post({ kind: 'reclaimed', ...reclaimed });
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
      shortage = this.#reclaimer.shortage(bytes);
    }
    const full = shortage !== undefined;
    if (full !== this.#full) {
      this.#full = full;
      this.#post({ kind: 'full', full, reason: shortage ?? '' });
    }
    if (shortage !== undefined) throw new RelayError('JOURNAL_FULL', shortage);
  }
}

function openOrSalvage(options: WriterOptions, clock: Clock): { database: Sqlite; salvage: SalvageReport | undefined } {
  try {
    const database = openForWriting(options.directory, options.sync);
    return { database, salvage: undefined };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const folder = setAside(options.directory, clock.nowMs());
    const database = openForWriting(options.directory, options.sync);
    return { database, salvage: salvage({ folder, into: database, reason: error }) };
  }
}

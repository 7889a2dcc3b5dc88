import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Random } from '../../io/random.ts';
import type { Cursor, JournalIdentity, JournalLimits, Progress } from '../journal.ts';
import type { KeepPolicy } from '../retention-store.ts';
import type { RunCheckpoints } from '../runs.ts';
import { isDamage, lockDirectory, setSynchronous, writeError, type Sqlite } from './database.ts';
import { readHead } from './head.ts';
import { keepIdentity, takeIdentity } from './identity.ts';
import type { DamageOutcome, FromWriter, HeldBatch, WriterCalls, WriterOptions, WriterReady } from './messages.ts';
import { markLost, openOrSalvage, startAfresh } from './opening.ts';
import { damageFrom, inspect, type Inspection } from './inspect.ts';
import { joinProgress } from '../progress.ts';
import { GoneJobs } from './gone-jobs.ts';
import { Guard } from './purge/guard.ts';
import { PurgeDesk, type PurgeDeskCalls } from './purge/purge-desk.ts';
import { Reader } from './reader.ts';
import { Reclaimer } from './reclaimer.ts';
import { RunReader } from './run-tables.ts';
import { Store } from './store.ts';

/** Steps of making room for one group of batches, before it is refused: 32 batches each. */
const ROOM_STEPS_MAX = 64;
/** By so much what is urgent may pass the limits: all that may be on its way to the journal, and what is made of it. */
const URGENT_BYTES = 32 * 1_048_576;
const SWEEP_INTERVAL_MS = 60_000;
const GONE_JOBS_MS = 30 * 86_400_000;
/** Retention's calls that need not be on the disk before they are answered. */
const UNSYNCED: readonly (keyof PurgeDeskCalls)[] = ['apply', 'giveBack', 'note'];
/** A file that is damaged again within this time is not worth a further try: the disk is at fault. */
const SALVAGE_INTERVAL_MS = 60_000;

/** The setting that says where an endpoint's cursor ends. */
function cursorEndName(endpoint: string): string {
  return `cursor_end:${endpoint}`;
}

/** What the writer needs of the world. */
export interface WriterWorld {
  readonly clock: Clock;
  readonly random: Random;
  /** Shown each connection before it is used: tests make it fail. */
  readonly opened?: (database: Sqlite) => void;
}

/** What works on one connection. */
interface Parts {
  readonly store: Store;
  readonly reclaimer: Reclaimer;
  readonly desk: PurgeDesk;
  readonly goneJobs: GoneJobs;
}

/**
 * What the writing thread does, without the thread: takes groups of batches and cursor moves, one transaction for each group.
 * Synchronous throughout.
 */
export class Writer implements WriterCalls {
  readonly #options: WriterOptions;
  readonly #lock: Sqlite;
  readonly #clock: Clock;
  readonly #opened: ((database: Sqlite) => void) | undefined;
  readonly #post: (message: FromWriter) => void;
  readonly #progress = new Map<string, Progress[]>();
  #progressRecords = 0;
  readonly #identity: JournalIdentity;
  readonly ready: WriterReady;
  #database: Sqlite;
  #store: Store;
  #reclaimer: Reclaimer;
  #desk: PurgeDesk;
  #goneJobs: GoneJobs;
  #policy: KeepPolicy = { rules: [] };
  #full = false;
  #sweptMs: number;
  #salvagedMs = Number.NEGATIVE_INFINITY;

  constructor(options: WriterOptions, world: WriterWorld, post: (message: FromWriter) => void) {
    this.#options = options;
    this.#clock = world.clock;
    this.#opened = world.opened;
    this.#post = post;
    this.#lock = lockDirectory(options.directory);
    const opened = openOrSalvage(options, world.clock);
    this.#database = opened.database;
    const { nextSeqBefore, ...identity } = takeIdentity(options.directory, this.#database, world);
    this.#identity = identity;
    const firstSeq = readHead(this.#database).nextSeq;
    const records = markLost(this.#database, world.clock, nextSeqBefore, firstSeq);
    const parts = this.#over(this.#database, options.limits);
    ({ store: this.#store, reclaimer: this.#reclaimer, desk: this.#desk, goneJobs: this.#goneJobs } = parts);
    this.#keepIdentity();
    this.#sweptMs = world.clock.monotonicMs();
    const reason =
      'the journal ends before the place that it had come to: its end is gone, or an older copy was put in its place';
    this.ready = {
      ...identity,
      nextSeq: this.#store.nextSeq,
      salvage:
        opened.salvage === undefined
          ? undefined
          : { ...opened.salvage, recordsLost: opened.salvage.recordsLost + records },
      missing: records === 0 || opened.salvage !== undefined ? undefined : { firstSeq, records, reason },
    };
  }

  #over(database: Sqlite, limits: JournalLimits): Parts {
    const { directory, compressionLevel, receiptsWindowMs } = this.#options;
    const clock = this.#clock;
    this.#opened?.(database);
    const store = new Store(database, { clock, compressionLevel, receiptsWindowMs });
    const { gaps } = store;
    const guard = new Guard(database, clock);
    guard.policy = this.#policy;
    const reclaimer = new Reclaimer({ directory, database, gaps, guard, clock, limits });
    guard.onReload = () => reclaimer.holdsChanged();
    const end = (): Store => this.#store;
    const desk = new PurgeDesk({ database, clock, node: this.#identity.node, gaps, guard, end });
    const goneJobs = new GoneJobs(database, clock, () => store.forgetStreamIds());
    return { store, reclaimer, desk, goneJobs };
  }

  #keepIdentity(): void {
    const nextSeq = this.#store.nextSeq;
    keepIdentity(this.#options.directory, this.#database, { ...this.#identity, nextSeq });
  }

  setLimits(limits: JournalLimits): void {
    this.#reclaimer.limits = limits;
  }

  /** Commits a group: all of it or nothing. The answer goes out by `post`. An urgent one may pass the limits by `URGENT_BYTES`. */
  append(batches: readonly HeldBatch[], urgent = false): void {
    try {
      this.#makeRoom(
        batches.reduce((sum, batch) => sum + batch.bytes, 0),
        urgent ? URGENT_BYTES : 0,
      );
      this.#transaction(() => {
        this.#store.append(batches);
        this.#applyProgress();
      });
      this.#forgetProgress();
      this.#post({ kind: 'committed', endSeq: this.#store.nextSeq, batches: batches.length });
    } catch (error) {
      const failure = writeError(error);
      this.#post({ kind: 'refused', batches: batches.length, error: { code: failure.code, message: failure.message } });
    }
  }

  /** Remembers a cursor's move; it is written with the next group, or by `settle`. */
  advance(endpoint: string, progress: Progress): void {
    this.#progressRecords += progress.toSeq - progress.fromSeq;
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

  /** Records that cursors have passed and that would be delivered again after a crash, over all endpoints. */
  get progressRecords(): number {
    return this.#progressRecords;
  }

  /** Writes the cursor moves that wait. Throws where it cannot; they wait on then. */
  settle(): void {
    if (this.#progress.size === 0) return;
    this.#transaction(() => this.#applyProgress());
    this.#forgetProgress();
  }

  /** A piece of the work that nobody waits for. True where there is more of it. */
  tidy(): boolean {
    if (this.#clock.monotonicMs() - this.#sweptMs > SWEEP_INTERVAL_MS) {
      this.#sweptMs = this.#clock.monotonicMs();
      this.#transaction(() => this.#store.forgetReceipts());
      this.#keepIdentity();
    }
    const removed = this.#transaction(() => this.#reclaimer.removeTransient());
    // A merge changes nothing that anybody was told of: the next commit takes it to the disk.
    const { goneJobsMs = GONE_JOBS_MS } = this.#reclaimer.limits;
    const forgot = this.#goneJobs.due && this.#unsynced(() => this.#transaction(() => this.#goneJobs.step(goneJobsMs)));
    const merged = this.#store.wantsTidying && this.#unsynced(() => this.#transaction(() => this.#store.tidy()));
    return merged || forgot || removed !== undefined;
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
      this.#store.rememberCursors();
    });
  }

  removeCursor(endpoint: string): void {
    this.#progress.delete(endpoint);
    this.#transaction(() => {
      this.#database.prepare('DELETE FROM cursor WHERE endpoint = ?').run(endpoint);
      this.#database.prepare('DELETE FROM dead_letter WHERE endpoint = ?').run(endpoint);
      this.#database.prepare('DELETE FROM setting WHERE name = ?').run(cursorEndName(endpoint));
    });
  }

  cursorEnd(endpoint: string, change: 'set' | 'clear'): number | undefined {
    const name = cursorEndName(endpoint);
    const known = this.#database.prepare('SELECT value FROM setting WHERE name = ?').pluck().get(name);
    if (change === 'clear') {
      if (known !== undefined)
        this.#transaction(() => this.#database.prepare('DELETE FROM setting WHERE name = ?').run(name));
      return undefined;
    }
    if (known !== undefined) return Number(known);
    const end = this.#store.nextSeq;
    this.#transaction(() => this.#database.prepare('INSERT INTO setting VALUES (?, ?)').run(name, String(end)));
    return end;
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

  setAsideDamage(firstSeq: number, records: number, reason: string): DamageOutcome {
    let found: Inspection;
    try {
      found = inspect(this.#options.directory, firstSeq);
    } catch (error) {
      if (!isDamage(error) || !this.#startAfresh(error)) throw error;
      return 'salvaged';
    }
    // Without a count it was SQLite that could not go on there, so all must be written anew if it cannot now.
    if (records === 0 && found.kind !== 'damaged') return this.#repairAt(firstSeq) ? 'salvaged' : 'readable';
    if (found.kind === 'intact') return 'readable';
    const salvagedMs = this.#salvagedMs;
    const gone = this.#transaction(() => {
      if (found.kind === 'damaged') return this.#store.setAside(found.row, reason);
      return this.#store.gaps.markMissing(firstSeq, firstSeq + records);
    });
    if (this.#salvagedMs !== salvagedMs) return 'salvaged';
    return gone > 0 ? 'set_aside' : 'gone';
  }

  /** Where the endpoints are, for a start: after it, whoever asks disturbs only the reading thread. */
  cursors(): Cursor[] {
    this.settle();
    const reader = new Reader(this.#options.directory);
    try {
      return reader.cursors();
    } finally {
      reader.close();
    }
  }

  repair(): boolean {
    return this.#repairAt(this.#store.nextSeq);
  }

  #repairAt(seq: number): boolean {
    const damage = damageFrom(this.#options.directory, seq, this.#store.nextSeq);
    return damage !== undefined && this.#startAfresh(damage);
  }

  retention<Name extends keyof PurgeDeskCalls>(
    method: Name,
    args: Parameters<PurgeDeskCalls[Name]>,
  ): { readonly value: ReturnType<PurgeDeskCalls[Name]>; readonly heldMs: number } {
    const startMs = this.#clock.monotonicMs();
    if (method === 'protect') this.#policy = args[0] as KeepPolicy;
    const call = this.#desk[method].bind(this.#desk) as (...args: readonly unknown[]) => unknown;
    const work = (): unknown => {
      // What endpoints have taken meanwhile is theirs: a purge must not count it as owed.
      if (method === 'apply' || method === 'begin') this.settle();
      return this.#transaction(() => call(...args));
    };
    const value = UNSYNCED.includes(method) ? this.#withoutSync(work) : work();
    return { value: value as ReturnType<PurgeDeskCalls[Name]>, heldMs: this.#clock.monotonicMs() - startMs };
  }

  /**
   * A step of a purge need not be on the disk at once, only in order: a power cut takes the last of them back as a whole, and the
   * purge goes on from there. So nobody waits for a sync that nobody needs, nor for the write-ahead log to be folded in: another thread
   * sees to that.
   */
  #withoutSync<T>(work: () => T): T {
    const database = this.#database;
    const pages = Number(database.pragma('wal_autocheckpoint', { simple: true }));
    database.pragma('synchronous = NORMAL');
    database.pragma('wal_autocheckpoint = 0');
    try {
      return work();
    } finally {
      if (database.open) {
        database.pragma(`synchronous = ${this.#options.sync === 'full' ? 'FULL' : 'NORMAL'}`);
        database.pragma(`wal_autocheckpoint = ${pages}`);
      }
    }
  }

  receipts(): string[] {
    this.#store.forgetReceipts();
    return this.#database.prepare('SELECT key FROM receipt').pluck().all() as string[];
  }

  /** What the assembly of jobs goes on with, read here since it is asked once, at a start. */
  runCheckpoints(): RunCheckpoints {
    return new RunReader(this.#database).checkpoints();
  }

  /** Leaves the journal in order. What cannot be done any more is left for the next start. */
  close(): void {
    try {
      this.settle();
      while (this.#transaction(() => this.#reclaimer.removeTransient()) !== undefined);
      while (this.#transaction(() => this.#store.tidy(true)));
      this.#keepIdentity();
    } finally {
      this.#database.close();
      this.#lock.close();
    }
  }

  #forgetProgress(): void {
    this.#progress.clear();
    this.#progressRecords = 0;
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

  /**
   * Runs `work` as one durable change. A roll-back leaves the memory of it as it was, too. Where the file turns out to be damaged, it is
   * done over in a fresh one.
   */
  #transaction<T>(work: () => T): T {
    try {
      return this.#attempt(work);
    } catch (error) {
      if (!isDamage(error) || !this.#startAfresh(error)) throw error;
      return this.#attempt(work);
    }
  }

  /** Without a sync of its own. Where that is lost to a power cut, all is as it was before. */
  #unsynced<T>(work: () => T): T {
    const before = this.#database;
    setSynchronous(before, 'normal');
    try {
      return work();
    } finally {
      // A fresh file, where this one was damaged, was opened as the operator wants it.
      if (this.#database === before) setSynchronous(before, this.#options.sync);
    }
  }

  #attempt<T>(work: () => T): T {
    const mark = this.#store.mark();
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      try {
        if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      } finally {
        this.#store.restore(mark);
      }
      throw error;
    }
  }

  /** Goes on in a fresh file with what can be read of the damaged one. False where that was done a moment ago: it does not help. */
  #startAfresh(reason: unknown): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#salvagedMs < SALVAGE_INTERVAL_MS) return false;
    this.#salvagedMs = nowMs;
    const known = { nextSeq: this.#store.nextSeq, cursors: this.#store.cursorSeqs };
    this.#database.close();
    const opened = startAfresh(this.#options, this.#clock, reason, known);
    this.#database = opened.database;
    const parts = this.#over(opened.database, this.#reclaimer.limits);
    ({ store: this.#store, reclaimer: this.#reclaimer, desk: this.#desk, goneJobs: this.#goneJobs } = parts);
    this.#keepIdentity();
    if (opened.salvage !== undefined) this.#post({ kind: 'salvaged', report: opened.salvage });
    return true;
  }

  #makeRoom(bytes: number, excessMax: number): void {
    let shortage = this.#reclaimer.shortage(bytes);
    if (shortage !== undefined) {
      // What endpoints have taken meanwhile may go; and the write-ahead log counts too, folding it in costs nobody a record.
      this.settle();
      shortage = this.#reclaimer.shortageAfterCheckpoint(bytes);
    }
    for (let step = 0; shortage !== undefined && step < ROOM_STEPS_MAX; step++) {
      const reclaimed = this.#transaction(() => this.#reclaimer.removeTransient() ?? this.#reclaimer.makeRoom());
      if (reclaimed === undefined) break;
      this.#post({ kind: 'reclaimed', ...reclaimed });
      shortage = this.#reclaimer.shortageAfterCheckpoint(bytes);
    }
    const full = shortage !== undefined;
    if (full !== this.#full) {
      this.#full = full;
      this.#post({ kind: 'full', full, reason: shortage ?? '' });
    }
    if (shortage !== undefined && this.#reclaimer.shortage(bytes, excessMax) !== undefined)
      throw new RelayError('JOURNAL_FULL', shortage);
  }
}

import { RelayError } from '../../../errors.ts';
import type { Clock } from '../../../io/clock.ts';
import type {
  Certificate,
  ChainAnchor,
  Hold,
  HoldScope,
  KeepPolicy,
  PurgeRun,
  PurgeStart,
  PurgeState,
} from '../../retention-store.ts';
import type { Sqlite } from '../database.ts';
import type { Gaps } from '../gaps.ts';
import { CertificateTable } from './certificate-table.ts';
import type { Guard } from './guard.ts';
import { HoldTable } from './hold-table.ts';
import { lowestCursor, readHolds, type ScanStep } from './scanner.ts';
import { RunTable } from './run-table.ts';
import { joinTallies } from './tally.ts';
import { Taker } from './taker.ts';

/** Where the journal ends: the next place, and the chain's value before it. */
interface JournalEnd {
  readonly nextSeq: number;
  readonly chainHead: Buffer;
}

/** What became of a step: `stale` says that something had changed since it was thought out, so nothing of it was done. */
export interface Applied {
  readonly outcome: 'applied' | 'stale';
  readonly run: PurgeRun;
}

/** All that retention has the journal's writer do. Each call is one transaction. */
export interface PurgeDeskCalls {
  begin(start: PurgeStart): PurgeRun;
  apply(id: number, step: ScanStep): Applied;
  giveBack(pagesMax: number): number;
  setWaiting(id: number, waiting: boolean): PurgeRun;
  end(id: number, state: PurgeState, error: string | undefined): PurgeRun;
  runs(limit: number, beforeId: number): PurgeRun[];
  run(id: number): PurgeRun | undefined;
  note(id: number, lines: readonly string[]): void;
  log(id: number): { readonly atMs: number; readonly text: string }[];
  forget(endedBeforeMs: number, runsMax: number): number;
  untold(): Certificate[];
  told(runId: number, seq: number): void;
  anchor(): ChainAnchor;
  holds(lifted: boolean): Hold[];
  addHold(hold: { readonly scope: HoldScope; readonly who: string; readonly why: string }): Hold;
  liftHold(id: number, lift: { readonly who: string; readonly why: string }): Hold;
  protect(policy: KeepPolicy): void;
  setting(name: string): string | undefined;
  putSetting(name: string, value: string | undefined): void;
}

export class PurgeDesk implements PurgeDeskCalls {
  readonly #database: Sqlite;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #end: () => JournalEnd;
  readonly #guard: Guard;
  readonly #runs: RunTable;
  readonly #holds: HoldTable;
  readonly #certificates: CertificateTable;
  readonly #taker: Taker;

  constructor(options: {
    database: Sqlite;
    clock: Clock;
    node: string;
    gaps: Gaps;
    guard: Guard;
    end: () => JournalEnd;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#node = options.node;
    this.#end = options.end;
    this.#guard = options.guard;
    this.#runs = new RunTable(options.database);
    this.#holds = new HoldTable(options.database);
    this.#certificates = new CertificateTable(options.database);
    this.#taker = new Taker(options.database, options.gaps);
  }

  begin(start: PurgeStart): PurgeRun {
    const other = this.#runs.unended();
    if (other !== undefined)
      throw new RelayError('PURGE_RUNNING', `purge ${other.id} has not ended; wait for it, or stop it`);
    const first = this.#database.prepare('SELECT min(first_seq) FROM batch').pluck().get();
    const untilSeq = this.#end().nextSeq;
    const fromSeq = typeof first === 'number' ? first : untilSeq;
    return this.#found(this.#runs.insert(start, { fromSeq, untilSeq, nowMs: this.#clock.nowMs() }));
  }

  apply(id: number, step: ScanStep): Applied {
    const row = this.#runs.row(id);
    const run = this.#found(id);
    if (row === undefined || run.state !== 'running' || run.position !== step.fromSeq) return { outcome: 'stale', run };
    const { version } = readHolds(this.#database);
    const decidedAnew = version !== step.holdVersion || lowestCursor(this.#database) < step.lowestSeq;
    if (decidedAnew || !this.#taker.stillFits(step.changes)) return { outcome: 'stale', run };
    const owed = this.#taker.owed(step.changes);
    const tally = joinTallies(run.tally, { ...step.tally, owed });
    const digest = run.dryRun ? row.digest : this.#taker.take(id, step.changes, row.digest);
    this.#runs.move(id, { position: step.nextSeq, tally, digest, nowMs: this.#clock.nowMs() });
    return { outcome: 'applied', run: this.#found(id) };
  }

  /** Returns how many free pages are left. */
  giveBack(pagesMax: number): number {
    this.#database.pragma(`incremental_vacuum(${Math.floor(pagesMax)})`);
    return Number(this.#database.pragma('freelist_count', { simple: true }));
  }

  setWaiting(id: number, waiting: boolean): PurgeRun {
    this.#runs.setState(id, waiting ? 'waiting' : 'running', this.#clock.nowMs());
    return this.#found(id);
  }

  end(id: number, state: PurgeState, error: string | undefined): PurgeRun {
    const row = this.#runs.row(id);
    const run = this.#found(id);
    if (row === undefined || run.endedMs !== undefined) return run;
    const nowMs = this.#clock.nowMs();
    if (!run.dryRun && run.tally.records > 0) this.#certificates.add(row, { outcome: state, nowMs, node: this.#node });
    this.#runs.setState(id, state, nowMs, error);
    return this.#found(id);
  }

  runs(limit: number, beforeId: number): PurgeRun[] {
    return this.#runs.runs(limit, beforeId);
  }

  run(id: number): PurgeRun | undefined {
    return this.#runs.run(id);
  }

  note(id: number, lines: readonly string[]): void {
    for (const line of lines) this.#runs.note(id, line, this.#clock.nowMs());
  }

  log(id: number): { readonly atMs: number; readonly text: string }[] {
    return this.#runs.log(id);
  }

  forget(endedBeforeMs: number, runsMax: number): number {
    return this.#runs.forget(endedBeforeMs, runsMax);
  }

  untold(): Certificate[] {
    return this.#certificates.untold();
  }

  told(runId: number, seq: number): void {
    this.#certificates.told(runId, seq);
  }

  anchor(): ChainAnchor {
    const { nextSeq, chainHead } = this.#end();
    return { seq: nextSeq, head: chainHead.toString('hex'), certificate: this.#certificates.last() };
  }

  holds(lifted: boolean): Hold[] {
    return this.#holds.list(lifted);
  }

  addHold(hold: { readonly scope: HoldScope; readonly who: string; readonly why: string }): Hold {
    const added = this.#holds.add(hold, this.#clock.nowMs());
    this.#guard.reload();
    return added;
  }

  liftHold(id: number, lift: { readonly who: string; readonly why: string }): Hold {
    const lifted = this.#holds.lift(id, lift, this.#clock.nowMs());
    this.#guard.reload();
    return lifted;
  }

  protect(policy: KeepPolicy): void {
    this.#guard.policy = policy;
  }

  setting(name: string): string | undefined {
    const value = this.#database.prepare('SELECT value FROM setting WHERE name = ?').pluck().get(`retention.${name}`);
    return typeof value === 'string' ? value : undefined;
  }

  putSetting(name: string, value: string | undefined): void {
    const key = `retention.${name}`;
    if (value === undefined) this.#database.prepare('DELETE FROM setting WHERE name = ?').run(key);
    else this.#database.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(key, value);
  }

  #found(id: number): PurgeRun {
    const run = this.#runs.run(id);
    if (run === undefined) throw new RelayError('PURGE_UNKNOWN', `there is no purge ${id}`);
    return run;
  }
}

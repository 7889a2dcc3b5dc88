import type { PurgePlan, PurgeRun, PurgeStart, PurgeState, PurgeTally } from '../../retention-store.ts';
import type { Sqlite, Statement } from '../database.ts';
import { DIGEST_START } from './items.ts';
import { NO_TALLY } from './tally.ts';

/** A row of `purge_run`. */
export interface RunRow {
  readonly id: number;
  readonly state: string;
  readonly dry_run: number;
  readonly cause: string;
  readonly who: string;
  readonly parameters: string;
  readonly plan: string;
  readonly position: number;
  readonly started_ms: number;
  readonly updated_ms: number;
  readonly ended_ms: number | null;
  readonly tally: string;
  readonly digest: Buffer;
  readonly error: string | null;
}

const UNENDED = "state IN ('running', 'waiting')";

/** The tables of purges and their logs. Methods that write expect an open transaction. */
export class RunTable {
  readonly #database: Sqlite;
  readonly #select: Statement;

  constructor(database: Sqlite) {
    this.#database = database;
    this.#select = database.prepare('SELECT * FROM purge_run WHERE id = ?');
  }

  row(id: number): RunRow | undefined {
    return this.#select.get(id) as RunRow | undefined;
  }

  run(id: number): PurgeRun | undefined {
    const row = this.row(id);
    return row === undefined ? undefined : runOf(row);
  }

  /** The run that has not ended. */
  unended(): PurgeRun | undefined {
    const row = this.#database.prepare(`SELECT * FROM purge_run WHERE ${UNENDED} LIMIT 1`).get() as RunRow | undefined;
    return row === undefined ? undefined : runOf(row);
  }

  runs(limit: number, beforeId: number): PurgeRun[] {
    const rows = this.#database
      .prepare('SELECT * FROM purge_run WHERE id < ? ORDER BY id DESC LIMIT ?')
      .all(beforeId, limit) as RunRow[];
    return rows.map(runOf);
  }

  insert(
    start: PurgeStart,
    at: { readonly fromSeq: number; readonly untilSeq: number; readonly nowMs: number },
  ): number {
    const plan: PurgePlan = { rules: start.rules, untilSeq: at.untilSeq };
    const inserted = this.#database
      .prepare(
        `INSERT INTO purge_run (state, dry_run, cause, who, parameters, plan, position, started_ms, updated_ms, tally, digest)
         VALUES ('running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        start.dryRun ? 1 : 0,
        start.cause,
        start.who,
        JSON.stringify(start.parameters),
        JSON.stringify(plan),
        at.fromSeq,
        at.nowMs,
        at.nowMs,
        JSON.stringify(NO_TALLY),
        DIGEST_START,
      );
    return Number(inserted.lastInsertRowid);
  }

  move(
    id: number,
    to: { readonly position: number; readonly tally: PurgeTally; readonly digest: Buffer; readonly nowMs: number },
  ): void {
    this.#database
      .prepare('UPDATE purge_run SET position = ?, tally = ?, digest = ?, updated_ms = ? WHERE id = ?')
      .run(to.position, JSON.stringify(to.tally), to.digest, to.nowMs, id);
  }

  setState(id: number, state: PurgeState, nowMs: number, error?: string): void {
    const ended = state === 'running' || state === 'waiting' ? null : nowMs;
    this.#database
      .prepare('UPDATE purge_run SET state = ?, updated_ms = ?, ended_ms = ?, error = ? WHERE id = ?')
      .run(state, nowMs, ended, error ?? null, id);
  }

  note(id: number, text: string, nowMs: number): void {
    this.#database
      .prepare(
        `INSERT INTO purge_log (run_id, number, at_ms, text)
         VALUES (@id, (SELECT coalesce(max(number), 0) + 1 FROM purge_log WHERE run_id = @id), @nowMs, @text)`,
      )
      .run({ id, nowMs, text });
  }

  log(id: number): { readonly atMs: number; readonly text: string }[] {
    return this.#database
      .prepare('SELECT at_ms AS atMs, text FROM purge_log WHERE run_id = ? ORDER BY number')
      .all(id) as { atMs: number; text: string }[];
  }

  forget(endedBeforeMs: number, runsMax: number): number {
    const old = `SELECT id FROM purge_run WHERE ended_ms IS NOT NULL AND
      (ended_ms < @endedBeforeMs OR id <= coalesce((SELECT id FROM purge_run ORDER BY id DESC LIMIT 1 OFFSET @runsMax), 0))`;
    this.#database.prepare(`DELETE FROM purge_log WHERE run_id IN (${old})`).run({ endedBeforeMs, runsMax });
    return this.#database.prepare(`DELETE FROM purge_run WHERE id IN (${old})`).run({ endedBeforeMs, runsMax }).changes;
  }
}

function runOf(row: RunRow): PurgeRun {
  return {
    id: row.id,
    // What is read here was written by this program.
    state: row.state as PurgeState,
    dryRun: row.dry_run === 1,
    cause: row.cause,
    who: row.who,
    parameters: JSON.parse(row.parameters) as Record<string, unknown>,
    plan: JSON.parse(row.plan) as PurgePlan,
    position: row.position,
    startedMs: row.started_ms,
    updatedMs: row.updated_ms,
    endedMs: row.ended_ms ?? undefined,
    tally: JSON.parse(row.tally) as PurgeTally,
    error: row.error ?? undefined,
  };
}

import { RelayError } from '../../../errors.ts';
import type { Hold, HoldScope } from '../../retention-store.ts';
import type { Sqlite } from '../database.ts';

/** Each is looked at for every batch that might go. */
const HOLDS_MAX = 1_000;

interface HoldRow {
  readonly id: number;
  readonly scope: string;
  readonly who: string;
  readonly why: string;
  readonly created_ms: number;
  readonly lifted_ms: number | null;
  readonly lifted_by: string | null;
  readonly lifted_why: string | null;
}

/** Methods that write expect an open transaction. */
export class HoldTable {
  readonly #database: Sqlite;

  constructor(database: Sqlite) {
    this.#database = database;
  }

  list(lifted: boolean): Hold[] {
    const rows = this.#database
      .prepare(`SELECT * FROM hold ${lifted ? '' : 'WHERE lifted_ms IS NULL'} ORDER BY id`)
      .all() as HoldRow[];
    return rows.map(holdOf);
  }

  add(
    { scope, who, why }: { readonly scope: HoldScope; readonly who: string; readonly why: string },
    nowMs: number,
  ): Hold {
    if (this.list(false).length >= HOLDS_MAX)
      throw new RelayError('USAGE', `there are ${HOLDS_MAX} holds already; lift one, or make one that is wider`);
    const inserted = this.#database
      .prepare('INSERT INTO hold (scope, who, why, created_ms) VALUES (?, ?, ?, ?)')
      .run(JSON.stringify(scope), who, why, nowMs);
    return this.#find(Number(inserted.lastInsertRowid))!;
  }

  lift(id: number, { who, why }: { readonly who: string; readonly why: string }, nowMs: number): Hold {
    const lifted = this.#database
      .prepare('UPDATE hold SET lifted_ms = ?, lifted_by = ?, lifted_why = ? WHERE id = ? AND lifted_ms IS NULL')
      .run(nowMs, who, why, id);
    if (lifted.changes === 0) throw new RelayError('HOLD_UNKNOWN', `there is no hold ${id} in force`);
    return this.#find(id)!;
  }

  #find(id: number): Hold | undefined {
    const row = this.#database.prepare('SELECT * FROM hold WHERE id = ?').get(id) as HoldRow | undefined;
    return row === undefined ? undefined : holdOf(row);
  }
}

function holdOf(row: HoldRow): Hold {
  return {
    id: row.id,
    scope: JSON.parse(row.scope) as HoldScope,
    who: row.who,
    why: row.why,
    createdMs: row.created_ms,
    liftedMs: row.lifted_ms ?? undefined,
    liftedBy: row.lifted_by ?? undefined,
    liftedWhy: row.lifted_why ?? undefined,
  };
}

import { emptyLines } from '../../record/lines.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from './batch-row.ts';
import type { Sqlite, Statement } from './database.ts';

/** Counts the places that hold no record any more. */
export class Absent {
  readonly #after: Statement;
  readonly #within: Statement;

  constructor(database: Sqlite) {
    this.#after = database.prepare('SELECT coalesce(sum(records), 0) FROM batch_absent WHERE first_seq >= ?').pluck();
    this.#within = database.prepare(
      `SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED
       WHERE first_seq = ? AND first_seq IN (SELECT first_seq FROM batch_absent)`,
    );
  }

  /** Those from `seq` on, where `start` is the first place of the batch that holds it. */
  from(seq: number, start: number): number {
    const after = Number(this.#after.get(seq));
    if (start >= seq) return after;
    const row = this.#within.get(start) as BatchRow | undefined;
    if (row === undefined) return after;
    try {
      return after + emptyLines(intactLines(row)).filter((index) => row.first_seq + index >= seq).length;
    } catch {
      // It is damaged: whoever reads it next sets it aside, and then it is counted as gone.
      return after;
    }
  }
}

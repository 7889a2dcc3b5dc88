import { BATCH_COLUMNS, intactLines, type BatchRow } from './batch-row.ts';
import { isDamage, openForReading } from './database.ts';
import { Reader } from './reader.ts';

export type Inspection = { readonly kind: 'intact' | 'absent' } | { readonly kind: 'damaged'; readonly row: BatchRow };

/**
 * Reads the batch that holds a place, over a connection of its own: another one may still have in its memory what is no longer on the
 * disk. Throws what SQLite throws where its pages are damaged.
 */
export function inspect(directory: string, seq: number): Inspection {
  const database = openForReading(directory);
  try {
    const row = database
      .prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1`)
      .get(seq) as BatchRow | undefined;
    if (row === undefined) return { kind: 'absent' };
    try {
      intactLines(row);
    } catch {
      // A damaged count may say that it ends before the place; only one that begins there is surely meant.
      return row.first_seq === seq ? { kind: 'damaged', row } : { kind: 'absent' };
    }
    return row.first_seq + row.records > seq ? { kind: 'intact' } : { kind: 'absent' };
  } finally {
    database.close();
  }
}

/** Does what the reading thread does: the counts, and a read from one place. Returns what keeps SQLite from it, if its pages are damaged. */
export function damageFrom(directory: string, seq: number, endSeq: number): unknown {
  const reader = new Reader(directory);
  try {
    reader.stats();
    reader.cursors();
    const [first] = reader.read(seq, endSeq, 1);
    return first?.kind === 'damaged' && first.records === 0 ? new Error(first.reason) : undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error;
  } finally {
    reader.close();
  }
}

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describeError } from '../../errors.ts';
import { contentHash } from './chain.ts';
import { decodePayload } from './codec.ts';
import { JOURNAL_FILE, type Sqlite } from './database.ts';
import type { SalvageReport } from './messages.ts';

interface Row {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly encoding: string;
  readonly hash_of: string;
  readonly payload_hash: Buffer;
  readonly payload: Buffer;
}

/** Rows tried one after the other beyond a place that cannot be read, before the rest is given up. */
const PROBES_MAX = 64;

/**
 * Copies what can be read of a damaged journal into a fresh one: every batch whose content still has its hash, the cursors, the dead
 * letters. The damaged files stay where they were put; nothing here writes to them.
 */
export function salvage({ folder, into, reason }: { folder: string; into: Sqlite; reason: unknown }): SalvageReport {
  const report = { folder, reason: describeError(reason), recordsSaved: 0, recordsLost: 0, batchesLost: 0 };
  let damaged: Sqlite;
  try {
    damaged = new Database(join(folder, JOURNAL_FILE), { readonly: true });
  } catch {
    return report;
  }
  try {
    into.exec('BEGIN IMMEDIATE');
    for (const table of ['setting', 'cursor', 'dead_letter', 'stream', 'receipt', 'gap', 'batch_stream'])
      copyTable(damaged, into, table);
    copyBatches(damaged, into, report);
    into.exec('COMMIT');
  } catch (error) {
    if (into.inTransaction) into.exec('ROLLBACK');
    report.reason += `; salvage stopped: ${describeError(error)}`;
  } finally {
    damaged.close();
  }
  return report;
}

function copyTable(from: Sqlite, into: Sqlite, table: string): void {
  try {
    const rows = from.prepare(`SELECT * FROM ${table}`).iterate() as IterableIterator<Record<string, unknown>>;
    let insert: Database.Statement | undefined;
    for (const row of rows) {
      insert ??= into.prepare(
        `INSERT OR IGNORE INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
          .map(() => '?')
          .join(', ')})`,
      );
      insert.run(...Object.values(row));
    }
  } catch {
    // What was read before the damage stays; the caller's report says that there was damage.
  }
}

function copyBatches(
  from: Sqlite,
  into: Sqlite,
  report: { recordsSaved: number; recordsLost: number; batchesLost: number },
): void {
  const next = from.prepare(
    'SELECT first_seq, records FROM batch INDEXED BY batch_summary WHERE first_seq >= ? ORDER BY first_seq LIMIT 1',
  );
  const nextRow = from.prepare(
    'SELECT first_seq, records FROM batch NOT INDEXED WHERE first_seq >= ? ORDER BY first_seq LIMIT 1',
  );
  const row = from.prepare('SELECT * FROM batch NOT INDEXED WHERE first_seq = ?');
  let insert: Database.Statement | undefined;
  let lastRecords = 1;
  for (let seq = 0, probes = 0; probes < PROBES_MAX;) {
    // The index and the table are separate trees: where one is broken the other may still tell what comes next.
    const head = tryGet(next, seq) ?? tryGet(nextRow, seq);
    if (head === 'end') return;
    if (head === undefined) {
      seq += lastRecords;
      probes++;
      continue;
    }
    probes = 0;
    lastRecords = head.records;
    const found = readRow(row, head.first_seq);
    if (found === undefined) {
      report.recordsLost += head.records;
      report.batchesLost++;
    } else {
      insert ??= into.prepare(
        `INSERT OR IGNORE INTO batch (${Object.keys(found).join(', ')}) VALUES (${Object.keys(found)
          .map(() => '?')
          .join(', ')})`,
      );
      insert.run(...Object.values(found));
      report.recordsSaved += head.records;
    }
    seq = head.first_seq + Math.max(1, head.records);
  }
}

function tryGet(
  statement: Database.Statement,
  seq: number,
): { first_seq: number; records: number } | 'end' | undefined {
  try {
    const row = statement.get(seq) as { first_seq: number; records: number } | undefined;
    return row ?? 'end';
  } catch {
    return undefined;
  }
}

function readRow(statement: Database.Statement, firstSeq: number): Row | undefined {
  try {
    const row = statement.get(firstSeq) as Row | undefined;
    if (row === undefined) return undefined;
    const lines = decodePayload(row.payload, row.encoding, row.line_bytes);
    return contentHash(row.hash_of === 'lines' ? lines : row.payload).equals(row.payload_hash) ? row : undefined;
  } catch {
    return undefined;
  }
}

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describeError } from '../../errors.ts';
import { BATCH_COLUMNS, columnValues, intactLines, type BatchRow } from './batch-row.ts';
import { JOURNAL_FILE, type Sqlite } from './database.ts';
import { gapHash, type GapRow } from './gaps.ts';

/** Rows tried one after the other beyond a place that cannot be read, before the rest is given up. */
const PROBES_MAX = 64;
/** Batches copied in one transaction. */
const BATCHES_PER_STEP = 64;
const TABLES = [
  'setting',
  'cursor',
  'dead_letter',
  'stream',
  'receipt',
  'batch_stream',
  'damaged',
  'job',
  'step',
  'page',
  'worker_log',
  'batch_absent',
  'purge_run',
  'purge_log',
  'purge_item',
  'certificate',
  'hold',
];

interface Findings {
  recordsSaved: number;
  /** Why the copying stopped before its end. */
  stopped: string;
}

/**
 * Copies what can be read of a damaged journal into a fresh one: every batch that is as it was written, the cursors, the dead letters.
 * The damaged files stay where they were put; nothing here writes to them.
 */
export function salvage({ folder, into }: { folder: string; into: Sqlite }): Findings {
  const findings: Findings = { recordsSaved: 0, stopped: '' };
  let damaged: Sqlite | undefined;
  try {
    damaged = new Database(join(folder, JOURNAL_FILE), { readonly: true });
    for (const table of TABLES) copyTable(damaged, into, table);
    copyGaps(damaged, into);
    copyBatches(damaged, into, findings);
  } catch (error) {
    if (into.inTransaction) into.exec('ROLLBACK');
    findings.stopped = describeError(error);
  } finally {
    damaged?.close();
  }
  return findings;
}

function copyTable(from: Sqlite, into: Sqlite, table: string): void {
  into.exec('BEGIN IMMEDIATE');
  try {
    const rows = from.prepare(`SELECT * FROM ${table}`).iterate() as IterableIterator<Record<string, unknown>>;
    let insert: Database.Statement | undefined;
    for (const row of rows) {
      const names = Object.keys(row);
      insert ??= into.prepare(
        `INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      );
      insert.run(...Object.values(row));
    }
  } catch {
    // What was read before the damage stays; the report says that there was damage.
  }
  into.exec('COMMIT');
}

function copyGaps(from: Sqlite, into: Sqlite): void {
  into.exec('BEGIN IMMEDIATE');
  try {
    const insert = into.prepare('INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    for (const gap of from.prepare('SELECT * FROM gap').iterate() as IterableIterator<GapRow & { gap_hash: Buffer }>)
      if (gapHash(gap).equals(gap.gap_hash)) insert.run(...Object.values(gap));
  } catch {
    // As with the other tables: what was read stays.
  }
  into.exec('COMMIT');
}

function copyBatches(from: Sqlite, into: Sqlite, findings: Findings): void {
  // The index and the table are separate trees: where one is broken the other may still tell what comes next.
  const heads = ['INDEXED BY batch_summary', 'NOT INDEXED'].map((how) =>
    from.prepare(`SELECT first_seq, records FROM batch ${how} WHERE first_seq >= ? ORDER BY first_seq LIMIT 1`),
  );
  const row = from.prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?`);
  const insert = into.prepare(
    `INSERT OR IGNORE INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`,
  );
  let step = 0;
  let lastRecords = 1;
  into.exec('BEGIN IMMEDIATE');
  for (let seq = 0, probes = 0; probes < PROBES_MAX;) {
    const found = heads.map((statement) => tryGet(statement, seq));
    // The nearer of the two: the farther one may have lost what lies between.
    const head = found
      .filter((one) => one !== undefined && one !== 'end')
      .toSorted((a, b) => a.first_seq - b.first_seq)[0];
    if (head === undefined) {
      if (found.every((one) => one === 'end')) break;
      seq += lastRecords;
      probes++;
      continue;
    }
    probes = 0;
    lastRecords = Math.max(1, head.records);
    const intact = readRow(row, head.first_seq);
    if (intact !== undefined) {
      insert.run(...columnValues(intact, intact.payload));
      findings.recordsSaved += intact.records;
    }
    // A damaged summary must not lead past what follows it.
    seq = head.first_seq + (intact?.records ?? 1);
    if (++step % BATCHES_PER_STEP === 0) into.exec('COMMIT; BEGIN IMMEDIATE');
  }
  // What is not there any more lacks nothing.
  into.exec('DELETE FROM batch_absent WHERE first_seq NOT IN (SELECT first_seq FROM batch)');
  into.exec('COMMIT');
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

function readRow(statement: Database.Statement, firstSeq: number): BatchRow | undefined {
  try {
    const row = statement.get(firstSeq) as BatchRow | undefined;
    if (row === undefined) return undefined;
    intactLines(row);
    return row;
  } catch {
    return undefined;
  }
}

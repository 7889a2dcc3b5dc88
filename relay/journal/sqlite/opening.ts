import { describeError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import { isDamage, openForWriting, setAside, type Sqlite } from './database.ts';
import { Gaps } from './gaps.ts';
import { readHead } from './head.ts';
import type { SalvageReport, WriterOptions } from './messages.ts';
import { salvage } from './salvage.ts';
import { Store } from './store.ts';
import { damagedWal } from './wal-check.ts';

export interface Opened {
  readonly database: Sqlite;
  readonly salvage: SalvageReport | undefined;
}

/** What is known of a journal beside its file. */
export interface Known {
  /** The place that the next record gets, at least. */
  readonly nextSeq: number;
  /** Where the endpoints' cursors stood. */
  readonly cursors: ReadonlyMap<string, number>;
}

const NOTHING_KNOWN: Known = { nextSeq: 1, cursors: new Map() };

/** Opens the journal. One that is damaged is set aside, and what can be read of it is taken over into a fresh one. */
export function openOrSalvage(options: WriterOptions, clock: Clock): Opened {
  let database: Sqlite | undefined;
  try {
    const lostCommits = damagedWal(options.directory);
    if (lostCommits !== undefined) throw new DamagedFile(lostCommits);
    database = openForWriting(options.directory, options.sync);
    // What every start reads must be readable.
    new Store(database, { clock, ...options }).forgetReceipts();
    for (const table of ['setting', 'receipt', 'hold']) database.prepare(`SELECT * FROM ${table}`).all();
    if (!endsAgree(database)) throw new DamagedFile('the table of batches and its index end at different places');
    return { database, salvage: undefined };
  } catch (error) {
    database?.close();
    if (!isDamage(error) && !(error instanceof DamagedFile)) throw error;
    return startAfresh(options, clock, error, NOTHING_KNOWN);
  }
}

/** Sets the journal's files aside and begins a fresh one with what can be read of them. */
export function startAfresh(options: WriterOptions, clock: Clock, reason: unknown, known: Known): Opened {
  const folder = setAside(options.directory, clock.nowMs());
  const database = openForWriting(options.directory, options.sync);
  const { recordsSaved, stopped } = salvage({ folder, into: database });
  const insert = database.prepare('INSERT OR IGNORE INTO cursor (endpoint, seq, start_seq) VALUES (?, ?, ?)');
  for (const [endpoint, seq] of known.cursors) insert.run(endpoint, seq, seq);
  const recordsLost = markLost(database, clock, known.nextSeq);
  const why = stopped === '' ? describeError(reason) : `${describeError(reason)}; salvage stopped: ${stopped}`;
  return { database, salvage: { folder, reason: why, recordsSaved, recordsLost } };
}

/**
 * Marks as damaged what should stand between a place (left out: the first there ever was) and the journal's end and does not, so that
 * every endpoint's books still add up and no place is given twice. Returns how many records that are.
 */
export function markLost(database: Sqlite, clock: Clock, nextSeqMin: number, fromSeq?: number): number {
  const cursors = 'SELECT coalesce(max(seq), 1) FROM cursor';
  const end = Math.max(nextSeqMin, readHead(database).nextSeq, Number(database.prepare(cursors).pluck().get()));
  const first = database
    .prepare(
      `SELECT coalesce(min(first_seq), ?) FROM (SELECT min(first_seq) AS first_seq FROM batch NOT INDEXED
       UNION ALL SELECT min(first_seq) FROM gap UNION ALL SELECT min(start_seq) FROM cursor)`,
    )
    .pluck();
  const start = Math.min(fromSeq ?? Number(first.get(end)), end);
  if (start === end) return 0;
  return database.transaction(() => new Gaps(database, clock).markMissing(start, end)).immediate();
}

/**
 * Whether the table of batches and its index, trees of their own, begin and end alike. SQLite fills the missing part of a page at a
 * file's cut end with zeroes and reads them as a row: what is last would then be taken for gone while the index still counts it.
 */
function endsAgree(database: Sqlite): boolean {
  const ends = ['NOT INDEXED', 'INDEXED BY batch_summary'].map((how) =>
    ['ASC', 'DESC'].map((order) =>
      database.prepare(`SELECT first_seq, records FROM batch ${how} ORDER BY first_seq ${order} LIMIT 1`).raw().get(),
    ),
  );
  return JSON.stringify(ends[0]) === JSON.stringify(ends[1]);
}

/** Damage that SQLite itself would pass over without a word. */
class DamagedFile extends Error {}

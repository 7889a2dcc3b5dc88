import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { RelayError, describeError } from '../../errors.ts';
import { MIGRATIONS } from './migrations.ts';

export type Sqlite = Database.Database;
export type Statement = Database.Statement;

export const JOURNAL_FILE = 'journal.db';
const LOCK_FILE = 'journal.lock';

/** What may be set without a promise being broken by it is not an option but a constant here. */
const PAGE_BYTES = 8_192;
/**
 * Pages of the write-ahead log after which it is folded into the database: 32 MiB. Somebody's commit waits for it, and a commit of one
 * record writes four pages, so it must not come often.
 */
const CHECKPOINT_PAGES = 4_096;
/** Memory for the page cache, in KiB. */
const CACHE_KIB = 8_192;

/**
 * Opens the journal for writing, makes or migrates its tables. Throws `JOURNAL_TOO_NEW` for one that a newer version wrote, and what
 * SQLite throws for one that is damaged (see `isDamage`).
 */
export function openForWriting(directory: string, sync: 'full' | 'normal'): Sqlite {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new Database(ownFile(join(directory, JOURNAL_FILE)));
  try {
    // Both must be set before the first table is made, and hold for the file's life.
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma('journal_mode = WAL');
    setSynchronous(database, sync);
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma('temp_store = MEMORY');
    // A damaged page must be found when it is read, not trusted.
    database.pragma('cell_size_check = ON');
    database.pragma('busy_timeout = 5000');
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What a commit waits for. */
export function setSynchronous(database: Sqlite, sync: 'full' | 'normal'): void {
  database.pragma(`synchronous = ${sync === 'full' ? 'FULL' : 'NORMAL'}`);
}

/** The file, made where it is missing, for its owner alone. SQLite gives the files that it makes beside it the same mode. */
function ownFile(file: string): string {
  // Not opened where it is there: closing it would end the locks that this process may hold on it.
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  try {
    chmodSync(file, 0o600);
  } catch {
    // It belongs to somebody else, who decides.
  }
  return file;
}

/** Opens the journal for reading beside whoever writes it. Throws `JOURNAL_UNUSABLE` where there is none. */
export function openForReading(directory: string): Sqlite {
  const file = join(directory, JOURNAL_FILE);
  if (!existsSync(file)) throw new RelayError('JOURNAL_UNUSABLE', `there is no journal in ${directory}`);
  const database = new Database(file, { readonly: true });
  database.pragma('busy_timeout = 5000');
  database.pragma('cell_size_check = ON');
  database.pragma(`cache_size = -${CACHE_KIB}`);
  return database;
}

/** Opens the journal beside its writer, for reading and for folding in its write-ahead log. Writes nothing of its own. */
export function openBeside(directory: string): Sqlite {
  const database = new Database(join(directory, JOURNAL_FILE), { fileMustExist: true });
  database.pragma('busy_timeout = 5000');
  database.pragma('synchronous = FULL');
  database.pragma('cell_size_check = ON');
  database.pragma(`cache_size = -${CACHE_KIB}`);
  return database;
}

function migrate(database: Sqlite): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    throw new RelayError(
      'JOURNAL_TOO_NEW',
      `the journal was written by a newer version (its format is ${version}, this version knows ${MIGRATIONS.length}); run that version or restore the journal of before the upgrade`,
    );
  }
  for (const [i, step] of MIGRATIONS.entries()) {
    if (i < version) continue;
    database.exec('BEGIN IMMEDIATE');
    try {
      database.exec(step);
      database.pragma(`user_version = ${i + 1}`);
      database.exec('COMMIT');
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}

/**
 * Makes sure that no other process writes this journal. SQLite's own lock on a file of its own is used, since the system lets go of it
 * however the process ends. Throws `JOURNAL_LOCKED`. Keep the result; closing it unlocks.
 */
export function lockDirectory(directory: string): Sqlite {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return takeLock(directory);
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    // The file holds nothing. One that is not SQLite's is nobody's lock.
    rmSync(join(directory, LOCK_FILE), { force: true });
    return takeLock(directory);
  }
}

function takeLock(directory: string): Sqlite {
  const lock = new Database(ownFile(join(directory, LOCK_FILE)), { timeout: 0 });
  try {
    lock.pragma('journal_mode = DELETE');
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Database.SqliteError && cause.code.startsWith('SQLITE_BUSY'))) throw cause;
    throw new RelayError(
      'JOURNAL_LOCKED',
      `another spillway is running on ${directory}; stop it, or give this one a data_dir of its own`,
      { cause },
    );
  }
}

const DAMAGE_CODES = ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_FORMAT', 'SQLITE_IOERR_SHORT_READ'];

/** True where SQLite says that the file's content is broken, not that the disk or the caller is at fault. */
export function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && DAMAGE_CODES.some((code) => error.code.startsWith(code));
}

/** How long a reader may keep the write-ahead log from being emptied: a read takes a few milliseconds. */
const TRUNCATE_PATIENCE_MS = 100;

/** Folds the write-ahead log into the file and empties it, unless readers keep it. Throws what the disk says. */
export function truncateWal(database: Sqlite): void {
  database.pragma(`busy_timeout = ${TRUNCATE_PATIENCE_MS}`);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.pragma('busy_timeout = 5000');
}

/** What SQLite threw while writing, in the catalogue's words. */
export function writeError(error: unknown): RelayError {
  if (error instanceof RelayError) return error;
  const full = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_FULL');
  return full
    ? new RelayError('JOURNAL_FULL', 'the disk is full', { cause: error })
    : new RelayError('JOURNAL_WRITE_FAILED', `the journal could not be written: ${describeError(error)}`, {
        cause: error,
      });
}

/** Moves the journal's files into a folder of their own, where nothing touches them again. Returns that folder. */
export function setAside(directory: string, nowMs: number): string {
  const name = new Date(nowMs).toISOString().replaceAll(':', '-');
  let folder = join(directory, 'damaged', name);
  for (let n = 1; existsSync(folder); n++) folder = join(directory, 'damaged', `${name}-${n}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const suffix of ['', '-wal', '-shm']) {
    const file = join(directory, JOURNAL_FILE + suffix);
    if (existsSync(file)) renameSync(file, join(folder, JOURNAL_FILE + suffix));
  }
  return folder;
}

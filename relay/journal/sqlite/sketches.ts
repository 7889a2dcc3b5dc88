import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Sqlite, Statement } from './database.ts';

/** Beside the journal, not in it: whoever writes here never keeps its writer waiting, and it may be deleted at any time. */
export const SKETCH_FILE = 'search-index.db';

/** Raised when sketches are made in another way: what was made before is then made anew. */
const FORMAT = 1;
const CACHE_KIB = 2_048;

/** The first bytes of a batch's content hash: they tell whether a sketch was made of what stands in the journal now. */
export const SKETCH_HASH_BYTES = 8;

export interface StoredSketch {
  readonly first_seq: number;
  readonly hash: Buffer;
  readonly bits: Buffer;
}

/**
 * What is known of the texts in each batch, for searches. A sketch counts only together with the hash of the batch that it was made of,
 * so one whose batch was rewritten, merged or purged since is never believed.
 */
export class Sketches {
  readonly #database: Sqlite;
  readonly #select: Statement;
  readonly #keys: Statement;
  readonly #oldest: Statement;
  readonly #insert: Statement;
  readonly #discard: Statement;

  private constructor(database: Sqlite) {
    this.#database = database;
    this.#select = database.prepare(
      'SELECT first_seq, hash, bits FROM sketch WHERE first_seq BETWEEN ? AND ? ORDER BY first_seq',
    );
    this.#keys = database.prepare(
      'SELECT first_seq, hash FROM sketch INDEXED BY sketch_key WHERE first_seq BETWEEN ? AND ? ORDER BY first_seq',
    );
    this.#oldest = database
      .prepare('SELECT first_seq FROM sketch INDEXED BY sketch_key WHERE first_seq < ? ORDER BY first_seq LIMIT ?')
      .pluck();
    // Prepared once: each holds memory that is given back only when somebody collects what is left lying about.
    this.#insert = database.prepare('INSERT OR REPLACE INTO sketch (first_seq, hash, bits) VALUES (?, ?, ?)');
    this.#discard = database.prepare('DELETE FROM sketch WHERE first_seq = ?');
  }

  /** Opens what there is for reading. Undefined where nobody has made sketches yet, or what is there cannot be used. */
  static forReading(directory: string): Sketches | undefined {
    const file = join(directory, SKETCH_FILE);
    if (!existsSync(file)) return undefined;
    let database: Sqlite | undefined;
    try {
      database = new Database(file, { readonly: true });
      if (Number(database.pragma('user_version', { simple: true })) !== FORMAT) throw new Error('another format');
      database.pragma(`cache_size = -${CACHE_KIB}`);
      return new Sketches(database);
    } catch {
      database?.close();
      return undefined;
    }
  }

  /** Opens for writing; what cannot be used is begun anew. Throws what the disk says. */
  static forWriting(directory: string): Sketches {
    try {
      return new Sketches(open(directory));
    } catch {
      Sketches.discard(directory);
      return new Sketches(open(directory));
    }
  }

  /** Removes all sketches. Nothing is lost with them that cannot be made again. */
  static discard(directory: string): void {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, SKETCH_FILE + suffix), { force: true });
  }

  /** In order of place. */
  between(fromSeq: number, toSeq: number): StoredSketch[] {
    return this.#select.all(fromSeq, toSeq) as StoredSketch[];
  }

  keysBetween(fromSeq: number, toSeq: number): Omit<StoredSketch, 'bits'>[] {
    return this.#keys.all(fromSeq, toSeq) as Omit<StoredSketch, 'bits'>[];
  }

  oldestBefore(seq: number, limit: number): number[] {
    return this.#oldest.all(seq, limit) as number[];
  }

  /** Writes some and removes others, as one change. */
  change(put: readonly StoredSketch[], remove: readonly number[]): void {
    const [insert, discard] = [this.#insert, this.#discard];
    this.#database
      .transaction(() => {
        for (const seq of remove) discard.run(seq);
        for (const { first_seq, hash, bits } of put) insert.run(first_seq, hash, bits);
      })
      .immediate();
    if (remove.length > 0) this.#database.pragma('incremental_vacuum');
  }

  /** How much of the disk they take, in bytes. */
  get bytes(): number {
    const pages = Number(this.#database.pragma('page_count', { simple: true }));
    return pages * Number(this.#database.pragma('page_size', { simple: true }));
  }

  close(): void {
    this.#database.close();
  }
}

function open(directory: string): Sqlite {
  const file = join(directory, SKETCH_FILE);
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  const database = new Database(file);
  try {
    database.pragma('page_size = 8192');
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma('journal_mode = WAL');
    // A power cut may cost some of it, never its order; then it is made again.
    database.pragma('synchronous = NORMAL');
    database.pragma(`cache_size = -${CACHE_KIB}`);
    if (Number(database.pragma('user_version', { simple: true })) !== FORMAT)
      database.exec(`
        BEGIN IMMEDIATE;
        DROP TABLE IF EXISTS sketch;
        CREATE TABLE sketch (first_seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, bits BLOB NOT NULL) STRICT;
        CREATE INDEX sketch_key ON sketch (first_seq, hash);
        PRAGMA user_version = ${FORMAT};
        COMMIT;
      `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** A position database as Fluent Bit 5.1.1 makes it: write-ahead log, its columns, its row for each file that it reads. */
export class TailDatabase implements Disposable {
  readonly #database: Database.Database;

  constructor(folder: string, name = 'pages.db') {
    this.#database = new Database(join(folder, name));
    this.#database.pragma('journal_mode = WAL');
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS in_tail_files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER, inode INTEGER, created INTEGER, ' +
        'rotated INTEGER DEFAULT 0, offset_marker INTEGER DEFAULT 0, offset_marker_size INTEGER DEFAULT 0)',
    );
  }

  /** Fluent Bit has read the file so far; without `offset` to its end. */
  read(path: string, offset?: number): void {
    const { ino, size } = lstatSync(path, { bigint: true });
    this.row(path, ino, offset ?? Number(size));
  }

  row(path: string, inode: bigint, offset: number): void {
    this.#database.prepare('DELETE FROM in_tail_files WHERE inode = ?').run(inode);
    this.#database
      .prepare('INSERT INTO in_tail_files (name, offset, inode, created) VALUES (?, ?, ?, 0)')
      .run(path, offset, inode);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

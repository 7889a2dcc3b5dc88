import Database from 'better-sqlite3';
import type { TailedFile } from './tailed-file.ts';

/** Where Fluent Bit's tail input notes how far it has read each file (plugins/in_tail/tail_sql.h): a keeper may look into it. */
export class TailDatabase {
  readonly #database: Database.Database;
  readonly #note: Database.Statement;
  readonly #forget: Database.Statement;
  readonly #offset: Database.Statement;

  constructor(path: string) {
    this.#database = new Database(path);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = OFF');
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS in_tail_files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER, inode INTEGER, ' +
        'created INTEGER, rotated INTEGER DEFAULT 0, offset_marker INTEGER DEFAULT 0, offset_marker_size INTEGER DEFAULT 0)',
    );
    this.#database.exec('CREATE UNIQUE INDEX IF NOT EXISTS file ON in_tail_files (name, inode)');
    this.#note = this.#database.prepare(
      'INSERT INTO in_tail_files (name, offset, inode, created) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (name, inode) DO UPDATE SET offset = excluded.offset',
    );
    this.#forget = this.#database.prepare('DELETE FROM in_tail_files WHERE name = ? AND inode = ?');
    this.#offset = this.#database.prepare('SELECT offset FROM in_tail_files WHERE name = ? AND inode = ?').pluck();
  }

  note(file: TailedFile): void {
    this.#note.run(file.path, file.offset, file.inode, Math.floor(Date.now() / 1_000));
  }

  forget(file: TailedFile): void {
    this.#forget.run(file.path, file.inode);
  }

  offset(path: string, inode: number): number {
    const found = this.#offset.get(path, inode);
    return typeof found === 'number' ? found : 0;
  }

  close(): void {
    this.#database.close();
  }
}

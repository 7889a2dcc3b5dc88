import Database from 'better-sqlite3';

/** What can be said to a write, by SQLite's names: where that undoes the transaction, and where it does not. */
export const ROLLED_BACK_FAULTS = ['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_FSYNC'] as const;
export const LOCK_FAULTS = ['SQLITE_BUSY'] as const;

/** Has the calls that write fail, one of them, the `at`-th, as SQLite has it: all but `SQLITE_BUSY` roll the transaction back. */
export class Faults {
  calls = 0;
  at = 0;
  code: (typeof ROLLED_BACK_FAULTS | typeof LOCK_FAULTS)[number] = 'SQLITE_FULL';
  /** So many calls fail, from that one on. */
  count = 1;

  /** Stands between the writer and its connection. */
  over(database: Database.Database): void {
    const exec = database.exec.bind(database);
    database.exec = (sql) => {
      if (sql !== 'ROLLBACK') this.#call(database, exec);
      return exec(sql);
    };
    const prepare = database.prepare.bind(database);
    database.prepare = ((sql: string) => {
      const statement = prepare(sql);
      if (statement.readonly) return statement;
      const run = statement.run.bind(statement);
      statement.run = (...values: unknown[]) => {
        this.#call(database, exec);
        return run(...values);
      };
      return statement;
    }) as typeof database.prepare;
  }

  #call(database: Database.Database, exec: (sql: string) => void): void {
    this.calls++;
    if (this.at === 0 || this.calls < this.at || this.calls >= this.at + this.count) return;
    if (this.code !== 'SQLITE_BUSY' && database.inTransaction) exec('ROLLBACK');
    throw new Database.SqliteError('a fault of the test', this.code);
  }
}

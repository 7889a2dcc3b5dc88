import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { systemCode } from './folder.ts';

/** How far Fluent Bit has read each file, in bytes; an unfinished last line is not counted as read. */
export type Positions = ReadonlyMap<string, number>;

/** The key of a file in `Positions`. An inode alone does not do: it is used again for the next file soon after it was freed. */
export function positionKey(inode: bigint, name: string): string {
  return `${inode}:${name}`;
}

/** No more files than this are read of one database. */
const ROWS_MAX = 200_000;
/** How long to wait where Fluent Bit is writing, in milliseconds. */
const BUSY_MS = 250;

export interface PositionReading {
  readonly positions: Positions;
  /** How many databases were read. */
  readonly databases: number;
  /** The first that could not be read, and why. */
  readonly failure: string | undefined;
}

/**
 * Reads the position databases (`db` of Fluent Bit's tail inputs, plugins/in_tail/tail_sql.h) in a folder, read-only. They are opened
 * and closed each time: Fluent Bit may remove them and make them again, and a connection that stays would hold on to the old ones.
 * Never throws: what cannot be read says nothing about its files.
 */
export function readPositions(folder: string): PositionReading {
  const positions = new Map<string, number>();
  let databases = 0;
  let failure: string | undefined;
  const attempt = (what: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        failure ??= `${what}: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  attempt(folder, () => {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.db')))
      attempt(file, () => {
        readDatabase(join(folder, file), positions);
        databases++;
      });
  });
  return { positions, databases, failure };
}

function readDatabase(file: string, positions: Map<string, number>): void {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    const rows = database
      .prepare<[number], { name: string; offset: bigint; inode: bigint }>(
        'SELECT name, offset, inode FROM in_tail_files LIMIT ?',
      )
      .safeIntegers()
      .all(ROWS_MAX);
    for (const { name, offset, inode } of rows) {
      const key = positionKey(inode, basename(name));
      positions.set(key, Math.max(positions.get(key) ?? 0, Number(offset)));
    }
  } finally {
    database.close();
  }
}

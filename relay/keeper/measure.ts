import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { RelayError } from '../errors.ts';
import { systemCode } from './folder.ts';
import { kindOf } from './names.ts';
import { positionKey, readPositions } from './positions.ts';
import type { Left } from './status.ts';
import { endsInRest } from './unended.ts';

/** What stands in the kept folder, as seen from outside of the keeper. */
export interface Measure {
  /** What Fluent Bit has not read yet. */
  readonly left: Left;
  /** All that is kept, read or not. */
  readonly keptBytes: number;
  /** Last lines without a line end: Fluent Bit never reads them, the keeper hands them over when the page is finished. */
  readonly unended: Left;
  /** Why the positions cannot be read. */
  readonly failure: string | undefined;
}

/** Compares the kept files with Fluent Bit's positions. Changes nothing. Throws `KEEP_IMPOSSIBLE`. */
export function measure(keptFolder: string, positionsFolder: string): Measure {
  const { positions, failure } = readPositions(positionsFolder);
  const left = { files: 0, bytes: 0 };
  const unended = { files: 0, bytes: 0 };
  let keptBytes = 0;
  for (const { path, name } of keptFiles(keptFolder)) {
    try {
      const { ino, size } = lstatSync(path, { bigint: true });
      keptBytes += Number(size);
      const position = positions.get(positionKey(ino, name));
      const bytes = Number(size) - Math.min(Number(size), position ?? 0);
      if (bytes === 0) continue;
      const sum = position !== undefined && endsInRest(path, position) ? unended : left;
      sum.files++;
      sum.bytes += bytes;
    } catch (error) {
      // The keeper may have removed it a moment ago.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  return { left, unended, keptBytes, failure };
}

function keptFiles(folder: string): { readonly path: string; readonly name: string }[] {
  const namesIn = (below: string): string[] => {
    try {
      return readdirSync(join(folder, below));
    } catch (error) {
      if (below !== '.' && systemCode(error) === 'ENOENT') return [];
      throw new RelayError('KEEP_IMPOSSIBLE', `the kept folder ${folder} cannot be read: has the keeper run?`, {
        cause: error,
      });
    }
  };
  const again = namesIn('again').map((n) => join('again', n));
  return ['.', 'unended', ...again].flatMap((below) =>
    namesIn(below)
      .filter((name) => kindOf(name) !== undefined)
      .map((name) => ({ path: join(folder, below, name), name })),
  );
}

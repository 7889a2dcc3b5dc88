import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, RelayError } from '../errors.ts';

/** Beside the journal, so that it goes where that goes. */
const FILE = 'known-damage.json';

const schema = z.strictObject({
  acknowledged_at: z.string(),
  damaged_records: z.int().min(0),
  set_aside: z.array(z.string()).max(100_000),
});

/** Damage that an operator has seen and cannot undo: `doctor` tells of it, but does not count it as a problem any more. */
export interface KnownDamage {
  readonly acknowledgedAt: string;
  /** Records that could not be read when it was acknowledged. More of them are news. */
  readonly damagedRecords: number;
  /** Names of the folders in which damaged journals were set aside. */
  readonly setAside: readonly string[];
}

/** Undefined where nothing was acknowledged. Throws `CONFIG_UNREADABLE` for a file that says something else. */
export function readKnownDamage(dataFolder: string): KnownDamage | undefined {
  const file = join(dataFolder, FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { acknowledged_at, damaged_records, set_aside } = schema.parse(JSON.parse(text));
    return { acknowledgedAt: acknowledged_at, damagedRecords: damaged_records, setAside: set_aside };
  } catch (cause) {
    throw new RelayError('CONFIG_UNREADABLE', `${file} is not what doctor wrote; remove it: ${describeError(cause)}`, {
      cause,
    });
  }
}

export function writeKnownDamage(dataFolder: string, known: KnownDamage): void {
  const file = join(dataFolder, FILE);
  const fields = {
    acknowledged_at: known.acknowledgedAt,
    damaged_records: known.damagedRecords,
    set_aside: known.setAside,
  };
  // Whole or not at all.
  writeFileSync(`${file}.new`, `${JSON.stringify(fields, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Refusal } from './link.ts';

/** What is kept and not yet read by Fluent Bit. */
export interface Left {
  readonly files: number;
  readonly bytes: number;
}

/** Counts since the keeper's start. */
export interface Figures {
  /** How new files are found: `scan` where the system gives no watch. */
  readonly finds_by: 'inotify' | 'scan';
  /** Files that were given a second name. */
  readonly kept: number;
  /** Files whose second name went, because everything in them was read. */
  readonly removed: number;
  /** Last lines without a line end that were handed over in a file of their own. */
  readonly handed_over: number;
  /** Files that were not kept, by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** Kept files that somebody else removed. */
  readonly vanished: number;
  /** Kept now. */
  readonly files: number;
  readonly left: Left;
}

/** What the keeper tells of itself, in `status.json` in the kept folder. Times are in milliseconds since 1970. */
export interface KeeperStatus extends Figures {
  readonly written_ms: number;
  /** When the last complete look through the runner's folders began. */
  readonly scanned_ms: number;
  readonly started_ms: number;
}

const NAME = 'status.json';

/** Replaces the status as a whole, so that nobody reads half of it. */
export function writeStatus(keptFolder: string, status: KeeperStatus): void {
  const unfinished = join(keptFolder, `.${NAME}`);
  writeFileSync(unfinished, `${JSON.stringify(status)}\n`, { mode: 0o644 });
  renameSync(unfinished, join(keptFolder, NAME));
}

/** Undefined where there is none, or what is there cannot be read. */
export function readStatus(keptFolder: string): KeeperStatus | undefined {
  try {
    const status: unknown = JSON.parse(readFileSync(join(keptFolder, NAME), 'utf8'));
    return isStatus(status) ? status : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is KeeperStatus {
  if (typeof value !== 'object' || value === null) return false;
  const { scanned_ms, left, refused } = value as Partial<Record<keyof KeeperStatus, unknown>>;
  return typeof scanned_ms === 'number' && typeof left === 'object' && left !== null && typeof refused === 'object';
}

import { join } from 'node:path';
import { type Clock, sleep } from '../io/clock.ts';
import { systemCode } from './folder.ts';
import type { KeptFile, KeptFolder } from './kept-folder.ts';
import { type PositionReading, positionKey, readPositions } from './positions.ts';
import { type Observation, type Patience, standingOf } from './standing.ts';
import type { Left } from './status.ts';
import { handOver } from './unended.ts';

/** After so many files others get their turn. */
const SLICE_FILES = 200;
/** Fluent Bit looks at a rotated file for 5 s (`rotate_wait`) before it closes it. */
const RETIRED_MS = 60_000;

export interface CleanerOptions {
  readonly clock: Clock;
  readonly kept: KeptFolder;
  /** Where Fluent Bit has its position databases; undefined: nothing is ever removed. */
  readonly positionsFolder: string | undefined;
  readonly fileBytesMax: number;
}

export interface Sweep {
  readonly left: Left;
  readonly reading: PositionReading;
  /** Kept files that grew over the limit, and were let go. */
  readonly tooLarge: readonly string[];
}

const NOTHING_READ: PositionReading = { positions: new Map(), databases: 0, failure: undefined };

/** Goes behind Fluent Bit and lets go of what it has read. */
export class Cleaner {
  readonly #options: CleanerOptions;
  #retiredMs: number | undefined;
  #removed = 0;
  #vanished = 0;
  #handedOver = 0;

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  get counts(): { readonly removed: number; readonly vanished: number; readonly handed_over: number } {
    return { removed: this.#removed, vanished: this.#vanished, handed_over: this.#handedOver };
  }

  /** Looks at every kept file once. Throws only where the kept folder itself cannot be worked with. */
  async sweep(patience: Patience): Promise<Sweep> {
    const { clock, kept, positionsFolder, fileBytesMax } = this.#options;
    kept.makeFolders();
    this.#clearRetired();
    // Before the files: a file may grow in between, and then has more than was read, never less.
    const reading = positionsFolder === undefined || kept.count === 0 ? NOTHING_READ : readPositions(positionsFolder);
    const tooLarge: string[] = [];
    let files = 0;
    let bytes = 0;
    let looked = 0;
    for (const file of kept.files) {
      if (++looked % SLICE_FILES === 0) await sleep(clock, 0);
      const position = reading.positions.get(positionKey(file.inode, file.name));
      if (this.#settle(file, position, patience)) continue;
      if (file.bytes > fileBytesMax) {
        this.#retire(file);
        tooLarge.push(file.name);
        continue;
      }
      const unread = file.bytes - Math.min(file.bytes, Math.max(position ?? 0, file.handedOverTo));
      if (unread === 0) continue;
      files++;
      bytes += unread;
    }
    return { left: { files, bytes }, reading, tooLarge };
  }

  /** True where the file is gone. */
  #settle(file: KeptFile, position: number | undefined, patience: Patience): boolean {
    const { clock, kept } = this.#options;
    const stats = kept.look(file);
    if (stats === undefined) {
      this.#vanished++;
      return true;
    }
    // ctime too, which nobody can set: it tells when the last other name went.
    const writtenMs = Number(stats.mtimeMs > stats.ctimeMs ? stats.mtimeMs : stats.ctimeMs);
    const { names, bytes, handedOverTo } = file;
    const observation: Observation = { names, bytes, position, handedOverTo, quietMs: clock.nowMs() - writtenMs };
    switch (standingOf(observation, patience)) {
      case 'finished':
        kept.remove(file);
        this.#removed++;
        return true;
      case 'idle':
        this.#retire(file);
        this.#removed++;
        return true;
      case 'rest':
        this.#handOverRest(file, position ?? 0);
        return false;
      case 'read':
      case 'reading':
        return false;
    }
  }

  #handOverRest(file: KeptFile, position: number): void {
    const { kept } = this.#options;
    if (file.path.startsWith('unended/')) return;
    const incoming = kept.incomingPath();
    const target = join(kept.path, 'unended', file.name);
    const to = handOver(join(kept.path, file.path), position, { incoming, target });
    if (to === undefined) return;
    file.handedOverTo = to;
    kept.addUnended(file.name);
    this.#handedOver++;
  }

  #retire(file: KeptFile): void {
    this.#options.kept.retire(file);
    this.#retiredMs = this.#options.clock.monotonicMs();
  }

  #clearRetired(): void {
    if (this.#retiredMs === undefined || this.#options.clock.monotonicMs() - this.#retiredMs < RETIRED_MS) return;
    this.#options.kept.clearRetired();
    this.#retiredMs = undefined;
  }
}

/** A disk that is full, and the like: what may pass by itself. */
export function isPassing(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE', 'ENFILE', 'ENOENT'].includes(systemCode(error));
}

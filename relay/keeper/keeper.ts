import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, RelayError } from '../errors.ts';
import { type Clock, sleep } from '../io/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import { Cleaner, isPassing, type Sweep } from './cleaner.ts';
import type { Look } from './drain.ts';
import { type OpenFolder, openFolder } from './folder.ts';
import { KeptFolder } from './kept-folder.ts';
import { kindOf } from './names.ts';
import { Refusals } from './refusals.ts';
import type { Patience } from './standing.ts';
import { type Figures, type Left, writeStatus } from './status.ts';
import { Telling } from './telling.ts';
import { WatchedFolder } from './watched-folder.ts';

export interface KeeperOptions {
  /** The runner's `_diag`. It need not exist yet. */
  readonly diagFolder: string;
  readonly keptFolder: string;
  /** Where Fluent Bit has its position databases; undefined: nothing is ever removed. */
  readonly positionsFolder: string | undefined;
  /** The user whose files are kept; undefined: the owner of the folder with the pages. */
  readonly ownerId: number | undefined;
  readonly filesMax: number;
  readonly bytesMax: number;
  readonly fileBytesMax: number;
  /** Between two looks through the folders, in milliseconds. */
  readonly scanMs: number;
  readonly settleMs: number;
  readonly idleMs: number;
}

/** Without watches only a scan finds a file, and a runner may delete one at once: so it is quick then. */
const UNWATCHED_SCAN_MS = 20;
const NOTHING_LEFT: Left = { files: 0, bytes: 0 };

/**
 * Gives each page and Worker log of a runner a second name the moment it appears, so that the runner's deleting it deletes nothing,
 * and takes that name away again when Fluent Bit has read the file. Never writes, renames, locks or deletes anything of the runner's.
 *
 * Works synchronously where it links: between the event and the link there must be nothing to wait for.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #clock: Clock;
  readonly #telling: Telling;
  readonly #kept: KeptFolder;
  readonly #mountId: string | undefined;
  readonly #refusals: Refusals;
  readonly #cleaner: Cleaner;
  readonly #diag: WatchedFolder;
  readonly #pages: WatchedFolder;
  readonly #startedMs: number;
  #pagesOwnerId: number | undefined;
  #links = 0;
  #diskBytes = 0;
  #scannedMs = 0;
  #left: Left = NOTHING_LEFT;

  /** Makes the kept folder or takes it over. Throws `KEEP_IMPOSSIBLE`. */
  constructor(options: KeeperOptions, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options;
    this.#clock = clock;
    this.#telling = new Telling(log);
    this.#startedMs = clock.nowMs();
    try {
      this.#kept = new KeptFolder(options.keptFolder);
      using folder = openFolder(options.keptFolder);
      this.#mountId = folder.mountId;
    } catch (cause) {
      throw new RelayError('KEEP_IMPOSSIBLE', `the kept folder ${options.keptFolder} cannot be made or used`, {
        cause,
      });
    }
    this.#refusals = new Refusals({ clock, log });
    this.#cleaner = new Cleaner({ clock, kept: this.#kept, ...options });
    this.#diag = new WatchedFolder(options.diagFolder, {
      onOpen: (folder) => this.#checkMount(folder),
      onName: (folder, name, created) => {
        if (name === 'pages' && created) this.#guarded(() => this.#pages.refresh());
        if (kindOf(name) === 'worker_log') this.#guarded(() => this.#see(folder, name, created));
      },
    });
    this.#pages = new WatchedFolder(join(options.diagFolder, 'pages'), {
      onOpen: (folder) => {
        this.#checkMount(folder);
        this.#pagesOwnerId = folder.ownerId;
      },
      onName: (folder, name, created) => {
        if (kindOf(name) === 'page') this.#guarded(() => this.#see(folder, name, created));
      },
    });
  }

  /** Keeps, and cleans up, until `signal` is aborted. Throws `KEEP_IMPOSSIBLE`. */
  async run(signal: AbortSignal, onReady: () => void): Promise<void> {
    const { scanMs } = this.#options;
    for (let nextSweepMs = 0, ready = false; !signal.aborted;) {
      await this.#scan();
      if (this.#clock.monotonicMs() >= nextSweepMs) {
        await this.#sweep(undefined);
        nextSweepMs = this.#clock.monotonicMs() + scanMs;
      }
      if (!ready) onReady();
      ready = true;
      await sleep(this.#clock, this.#isWatched ? scanMs : Math.min(scanMs, UNWATCHED_SCAN_MS), signal);
    }
    await this.pass(undefined);
  }

  /**
   * One look through everything, for the end. With `unendedMs`, a last line without an end goes to Fluent Bit when its page has been
   * quiet for so long.
   */
  async pass(unendedMs: number | undefined): Promise<Look> {
    await this.#scan();
    await this.#sweep(unendedMs);
    return { left: this.#left, keptBytes: this.#kept.bytes };
  }

  [Symbol.dispose](): void {
    this.#diag[Symbol.dispose]();
    this.#pages[Symbol.dispose]();
    this.#tellStatus();
    this.#telling.stopped(this.#figures);
  }

  get #isWatched(): boolean {
    return this.#diag.isWatched && this.#pages.isWatched;
  }

  get #ownerId(): number | undefined {
    return (
      this.#options.ownerId ?? this.#pagesOwnerId ?? (this.#kept.ownUserId === 0 ? undefined : this.#kept.ownUserId)
    );
  }

  #checkMount({ path, mountId }: OpenFolder): void {
    if (mountId === this.#mountId || mountId === undefined) return;
    throw new RelayError(
      'KEEP_IMPOSSIBLE',
      `${path} and ${this.#options.keptFolder} are on different mounts, and hard links do not go from one to another (EXDEV), even where ` +
        'both are the same volume: mount the volume once in the keeper, without subPath, with both folders below that one mount',
    );
  }

  /** Does what an event asks for. An event handler must not throw. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#telling.failed('an event could not be handled; the next scan tries again', describeError(error));
    }
  }

  /** Keeps the file of this name, unless it is kept already. */
  #see(folder: OpenFolder, name: string, created: boolean): void {
    if (!created && this.#refusals.holds(name, this.#isFull)) return;
    const known = this.#kept.named(name);
    if (known !== undefined && !(created && this.#isAnother(folder, name))) return;
    if (this.#isFull) {
      // An event may be of a name that went.
      if (inodeOf(folder.at(name)) !== undefined) this.#refusals.add(name, 'limit');
      return;
    }
    const check = { ownerId: this.#ownerId, fileBytesMax: this.#options.fileBytesMax };
    let outcome = this.#kept.keep(folder, name, check);
    if (outcome.result === 'refused' && outcome.code === 'ENOENT') {
      this.#kept.makeFolders();
      outcome = this.#kept.keep(folder, name, check);
    }
    if (outcome.result === 'gone') return;
    if (outcome.result === 'refused') return this.#refusals.add(name, outcome.reason, outcome.code);
    this.#links++;
    this.#refusals.taken(name);
  }

  get #isFull(): boolean {
    return this.#kept.count >= this.#options.filesMax || this.#diskBytes >= this.#options.bytesMax;
  }

  /** A file of a name that is kept already may be another one. */
  #isAnother(folder: OpenFolder, name: string): boolean {
    const inode = inodeOf(folder.at(name))?.ino;
    return inode !== undefined && !this.#kept.holds(name, inode);
  }

  async #scan(): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const visit =
      (kind: 'page' | 'worker_log') =>
      (folder: OpenFolder, name: string): void => {
        if (kindOf(name) !== kind) return;
        const known = this.#kept.named(name);
        // One that is kept and has lost its other names cannot be here: this is another one.
        if (known === undefined ? this.#refusals.holds(name, this.#isFull) : known.names > 1) return;
        const stats = inodeOf(folder.at(name));
        if (stats === undefined || startedMs - Number(stats.mtimeMs) > this.#options.idleMs) return;
        this.#see(folder, name, known !== undefined);
      };
    try {
      await this.#pages.scan(this.#clock, visit('page'));
      await this.#diag.scan(this.#clock, visit('worker_log'));
      this.#scannedMs = startedMs;
      this.#telling.folder(this.#pages);
      this.#telling.folder(this.#diag);
    } catch (error) {
      if (error instanceof RelayError || !isPassing(error)) throw error;
      this.#telling.failed('LOGS MAY BE LOST: the runner’s folder could not be looked through', describeError(error));
    }
  }

  async #sweep(unendedMs: number | undefined): Promise<void> {
    const { settleMs, idleMs } = this.#options;
    const patience: Patience = { settleMs, idleMs, unendedMs };
    try {
      const sweep = await this.#cleaner.sweep(patience);
      for (const name of sweep.tooLarge) this.#refusals.add(name, 'too_large');
      this.#left = sweep.left;
      this.#diskBytes = this.#kept.diskBytes;
      this.#telling.positions(this.#positionsProblem(sweep));
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#telling.failed('the kept folder could not be cleaned up', describeError(error));
    }
    this.#tellStatus();
  }

  #positionsProblem({ reading, left }: Sweep): string | undefined {
    if (this.#options.positionsFolder === undefined) return undefined;
    return (
      reading.failure ?? (reading.databases === 0 && left.files > 0 ? 'there is no position database yet' : undefined)
    );
  }

  #tellStatus(): void {
    const figures = this.#figures;
    // Whether or not anything changed: whoever looks at the file sees by it that the keeper lives.
    const times = { written_ms: this.#clock.nowMs(), started_ms: this.#startedMs, scanned_ms: this.#scannedMs };
    this.#guarded(() => writeStatus(this.#kept.path, { ...times, ...figures }));
    this.#telling.figures(figures, this.#clock.monotonicMs());
  }

  get #figures(): Figures {
    return {
      finds_by: this.#isWatched ? 'inotify' : 'scan',
      kept: this.#links,
      ...this.#cleaner.counts,
      refused: this.#refusals.counts,
      files: this.#kept.count,
      left: this.#left,
    };
  }
}

function inodeOf(path: string): { readonly ino: bigint; readonly mtimeMs: bigint } | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

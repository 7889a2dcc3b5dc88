import { type FSWatcher, opendirSync, watch } from 'node:fs';
import { type Clock, sleep } from '../io/clock.ts';
import { type OpenFolder, openFolder, systemCode } from './folder.ts';

/** After so many entries of a folder others get their turn. */
const SLICE_ENTRIES = 500;
/** No more entries than this are looked at in one scan. */
const ENTRIES_MAX = 200_000;

export interface FolderListeners {
  /** Called for each event; `created` where a name came or went, else the file was written. Must not throw. */
  onName(folder: OpenFolder, name: string, created: boolean): void;
  /** Called before a folder is used. May throw. */
  onOpen(folder: OpenFolder): void;
}

/** One of the runner's folders: held open and watched while it is there, found again when it was removed and made anew. */
export class WatchedFolder implements Disposable {
  readonly path: string;
  readonly #listeners: FolderListeners;
  #folder: OpenFolder | undefined;
  #watcher: FSWatcher | undefined;
  #problem: string | undefined;

  constructor(path: string, listeners: FolderListeners) {
    this.path = path;
    this.#listeners = listeners;
  }

  /** Why the folder cannot be opened, watched or looked through, where it is there: a system call's code, or `TOO_MANY_ENTRIES`. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The system tells of what happens in the folder, or there is no folder that it could tell of. */
  get isWatched(): boolean {
    return this.#folder === undefined || this.#watcher !== undefined;
  }

  /** Opens what is at the path now, and watches it. Throws only what `onOpen` throws. */
  refresh(): OpenFolder | undefined {
    let found: OpenFolder | undefined;
    try {
      found = openFolder(this.path);
    } catch (error) {
      const code = systemCode(error);
      this.#problem = code === 'ENOENT' ? undefined : code;
      this.#close();
      return undefined;
    }
    if (found.identity === this.#folder?.identity) {
      found[Symbol.dispose]();
    } else {
      this.#close();
      try {
        this.#listeners.onOpen(found);
      } catch (error) {
        found[Symbol.dispose]();
        throw error;
      }
      this.#folder = found;
    }
    if (this.#watcher === undefined) this.#watch(this.#folder);
    return this.#folder;
  }

  /** Calls back for each name in the folder, and gives events their turn in between. */
  async scan(clock: Clock, onName: (folder: OpenFolder, name: string) => void): Promise<void> {
    const folder = this.refresh();
    if (folder === undefined) return;
    const entries = opendirSync(folder.at(), { bufferSize: 256 });
    try {
      for (let n = 1; n <= ENTRIES_MAX; n++) {
        const entry = entries.readSync();
        if (entry === null || folder !== this.#folder) {
          if (this.#problem === 'TOO_MANY_ENTRIES') this.#problem = undefined;
          return;
        }
        onName(folder, entry.name);
        if (n % SLICE_ENTRIES === 0) await sleep(clock, 0);
      }
      this.#problem = 'TOO_MANY_ENTRIES';
    } finally {
      entries.closeSync();
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #watch(folder: OpenFolder): void {
    try {
      const watcher = watch(folder.at(), (event, name) => {
        if (name !== null && folder === this.#folder) this.#listeners.onName(folder, name, event === 'rename');
      });
      watcher.on('error', (error) => {
        this.#problem = systemCode(error);
        this.#unwatch();
      });
      this.#watcher = watcher;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = systemCode(error);
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #close(): void {
    this.#unwatch();
    this.#folder?.[Symbol.dispose]();
    this.#folder = undefined;
  }
}

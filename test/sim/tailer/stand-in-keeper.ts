import { type FSWatcher, linkSync, mkdirSync, readdirSync, rmSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

const SCAN_INTERVAL_MS = 50;

/** Links each page into another folder as soon as it appears, and removes the link when the runner's own is gone and all was read. */
export class StandInKeeper implements Disposable {
  readonly #pages: string;
  readonly #kept: string;
  readonly #offset: (path: string, inode: number) => number;
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<string>();
  missed = 0;

  /** `offset` tells how far the reader of the kept folder has come with a file. */
  constructor(pages: string, kept: string, offset: (path: string, inode: number) => number) {
    this.#pages = pages;
    this.#kept = kept;
    this.#offset = offset;
    mkdirSync(pages, { recursive: true });
    mkdirSync(kept, { recursive: true });
    this.#watcher = watch(pages, (_event, name) => {
      if (name !== null) this.#keep(name);
    });
    this.#timer = setInterval(() => this.#scan(), SCAN_INTERVAL_MS);
  }

  /** Files that are not done with. */
  get kept(): number {
    return readdirSync(this.#kept).length;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    clearInterval(this.#timer);
  }

  #scan(): void {
    for (const name of readdirSync(this.#pages)) this.#keep(name);
    for (const name of readdirSync(this.#kept)) {
      const path = join(this.#kept, name);
      const { nlink, size, ino } = statSync(path);
      if (nlink === 1 && this.#offset(path, ino) >= size) rmSync(path);
    }
  }

  #keep(name: string): void {
    if (this.#seen.has(name) || !name.endsWith('.log')) return;
    this.#seen.add(name);
    try {
      linkSync(join(this.#pages, name), join(this.#kept, name));
    } catch {
      this.missed++;
    }
  }
}

import { createReadStream, createWriteStream } from 'node:fs';
import { access, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { describeError } from '../../errors.ts';
import { syncFolder } from '../../io/sync-folder.ts';
import type { Log } from '../../telemetry/logger.ts';

export interface ArchiveOptions {
  /** The file whose complete predecessors this looks after. */
  readonly path: string;
  readonly compress: 'none' | 'gzip' | 'zstd';
  readonly filesMax: number;
  readonly bytesMax: number;
  readonly log: Log;
}

const SUFFIXES = { none: '', gzip: '.gz', zstd: '.zst' };
const UNFINISHED = '.part';

/** The complete files beside the one that is being written: names them, compresses them, removes the oldest. */
export class Archive {
  readonly #options: ArchiveOptions;
  readonly #folder: string;
  readonly #stem: string;
  readonly #extension: string;
  readonly #own: RegExp;
  #tidying: Promise<void> | undefined;
  #again = false;
  #stopping = new AbortController();

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#folder = dirname(options.path);
    this.#extension = extname(options.path);
    this.#stem = basename(options.path, this.#extension);
    const [stem, extension] = [this.#stem, this.#extension].map(escape);
    this.#own = new RegExp(`^${stem}\\.\\d{8}T\\d{9}Z(_\\d{4,})?${extension}(?<packed>(\\.gz|\\.zst)(\\.part)?)?$`);
  }

  /** A name for the file that is complete now, which no other file has. Names sort as the files do. */
  async freeName(nowMs: number): Promise<string> {
    const stamp = new Date(nowMs).toISOString().replace(/[-:.]/g, '');
    for (let n = 0; ; n++) {
      const number = n === 0 ? '' : `_${String(n).padStart(4, '0')}`;
      const name = join(this.#folder, `${this.#stem}.${stamp}${number}${this.#extension}`);
      const taken = await Promise.all(Object.values(SUFFIXES).map((suffix) => exists(name + suffix)));
      if (!taken.includes(true)) return name;
    }
  }

  /** Compresses what is not yet and removes what is too much, in the background. What goes wrong there is told in the log. */
  tidy(): void {
    this.#again = true;
    this.#tidying ??= this.#tidy();
  }

  /** Resolves when nothing goes on in the background; a file that was being compressed is taken up again by the next `tidy`. */
  async stop(): Promise<void> {
    this.#again = false;
    this.#stopping.abort();
    await this.#tidying;
    this.#stopping = new AbortController();
  }

  async #tidy(): Promise<void> {
    const { log, path } = this.#options;
    while (this.#again) {
      this.#again = false;
      try {
        await this.#compressAll();
        await this.#removeOldest();
      } catch (error) {
        if (!this.#stopping.signal.aborted)
          log.warn('cannot look after complete files', { path, reason: describeError(error) });
      }
    }
    this.#tidying = undefined;
  }

  async #compressAll(): Promise<void> {
    for (const { name, isPacked, isUnfinished } of await this.#files()) {
      if (isUnfinished) await unlink(join(this.#folder, name));
      else if (!isPacked && this.#options.compress !== 'none') await this.#compress(name);
    }
  }

  async #compress(name: string): Promise<void> {
    const from = join(this.#folder, name);
    const to = from + SUFFIXES[this.#options.compress];
    const packer = this.#options.compress === 'gzip' ? createGzip({ level: 6 }) : createZstdCompress();
    // `flush` syncs the file before it is closed: the original must not go before its copy is on disk.
    const target = createWriteStream(to + UNFINISHED, { mode: 0o600, flush: true });
    await pipeline(createReadStream(from), packer, target, { signal: this.#stopping.signal });
    await rename(to + UNFINISHED, to);
    await syncFolder(this.#folder);
    await unlink(from);
  }

  async #removeOldest(): Promise<void> {
    const { filesMax, bytesMax, log, path } = this.#options;
    if (filesMax === Number.POSITIVE_INFINITY && bytesMax === Number.POSITIVE_INFINITY) return;
    const newestFirst = (await this.#files()).toReversed();
    let files = 0;
    let bytes = 0;
    let removed = 0;
    for (const { name } of newestFirst) {
      const file = join(this.#folder, name);
      files++;
      bytes += (await stat(file)).size;
      if (files <= filesMax && bytes <= bytesMax) continue;
      await unlink(file);
      removed++;
    }
    if (removed > 0) log.info('removed complete files that were too many', { path, files: removed });
  }

  /** Complete files from the oldest to the newest. Only names that `freeName` makes: nobody else's files are touched. */
  async #files(): Promise<CompleteFile[]> {
    const files: CompleteFile[] = [];
    for (const name of (await readdir(this.#folder)).sort()) {
      const match = this.#own.exec(name);
      if (match === null) continue;
      files.push({ name, isPacked: match.groups?.['packed'] !== undefined, isUnfinished: name.endsWith(UNFINISHED) });
    }
    return files;
  }
}

interface CompleteFile {
  readonly name: string;
  readonly isPacked: boolean;
  readonly isUnfinished: boolean;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

import { constants } from 'node:fs';
import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import { syncFolder } from '../../io/sync-folder.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { Archive } from './archive.ts';

export interface RotatingFileOptions {
  readonly path: string;
  readonly bytesMax: number;
  readonly every: 'never' | 'hourly' | 'daily';
  readonly archive: Archive;
  readonly clock: Clock;
  readonly log: Log;
}

const LF = 0x0a;
const SCAN_BYTES = 64 * 1_024;
const PERIOD_MS = { never: Number.POSITIVE_INFINITY, hourly: 3_600_000, daily: 86_400_000 };

/**
 * A file that only ever holds whole lines, as far as this can be had: what was written in part is cut off again. Not for overlapping
 * calls.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #handle: FileHandle | undefined;
  #lastWriteMs = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /**
   * Writes each piece in one write and syncs; without pieces it only opens the file. Throws `OUTPUT_UNAUTHORIZED` where the file may
   * not be written, `OUTPUT_UNREACHABLE` for everything else. Then nothing of the pieces is left in the file, if that can be.
   */
  async append(pieces: readonly Buffer[]): Promise<void> {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    try {
      const handle = await this.#current();
      if (bytes === 0) return;
      const { size } = await handle.stat();
      if (size === 0 || !this.#isDue(size + bytes)) return await this.#write(handle, size, pieces);
      await this.#rotate();
      await this.#write(await this.#current(), 0, pieces);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async close(): Promise<void> {
    await this.#closeHandle();
    await this.#options.archive.stop();
  }

  async #write(handle: FileHandle, size: number, pieces: readonly Buffer[]): Promise<void> {
    try {
      for (const piece of pieces) {
        for (let at = 0; at < piece.length;) {
          const { bytesWritten } = await handle.write(piece, at, piece.length - at);
          at += bytesWritten;
        }
      }
      await handle.datasync();
      this.#lastWriteMs = this.#options.clock.nowMs();
    } catch (error) {
      // The records are offered again. After a failed sync nobody knows what the disk holds, so the file is opened and looked at anew.
      await handle.truncate(size).catch(() => {});
      await this.#closeHandle();
      throw error;
    }
  }

  /** The open file, unless something else has moved or removed it meanwhile. */
  async #current(): Promise<FileHandle> {
    if (this.#handle !== undefined) {
      const [held, there] = await Promise.all([this.#handle.stat(), stat(this.#options.path).catch(() => undefined)]);
      if (there !== undefined && there.ino === held.ino && there.dev === held.dev) return this.#handle;
      await this.#closeHandle();
    }
    return this.#openHandle();
  }

  async #openHandle(): Promise<FileHandle> {
    const { path, archive } = this.#options;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
    const handle = await open(path, flags, 0o600);
    try {
      const { size, mtimeMs } = await handle.stat().then((found) => {
        if (!found.isFile()) throw new Error('it is no regular file');
        return found;
      });
      await this.#cutUnfinishedLine(handle, size);
      await syncFolder(dirname(path));
      this.#lastWriteMs = mtimeMs;
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.#handle = handle;
    archive.tidy();
    return handle;
  }

  async #cutUnfinishedLine(handle: FileHandle, size: number): Promise<void> {
    const whole = await endOfLastLine(handle, size);
    if (whole === size) return;
    await handle.truncate(whole);
    await handle.datasync();
    this.#options.log.warn('cut off an unfinished line, its record will be written anew', {
      path: this.#options.path,
      bytes: size - whole,
    });
  }

  #isDue(sizeAfter: number): boolean {
    const { bytesMax, every, clock } = this.#options;
    const period = (ms: number): number => Math.floor(ms / PERIOD_MS[every]);
    return sizeAfter > bytesMax || period(clock.nowMs()) > period(this.#lastWriteMs);
  }

  async #rotate(): Promise<void> {
    const { path, archive, clock } = this.#options;
    await rename(path, await archive.freeName(clock.nowMs()));
    await syncFolder(dirname(path));
    await this.#closeHandle();
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
  }

  #failure(cause: unknown): RelayError {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const mayNot = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    const text = `cannot write to ${this.#options.path}`;
    return new RelayError(mayNot ? 'OUTPUT_UNAUTHORIZED' : 'OUTPUT_UNREACHABLE', text, { cause });
  }
}

/** The place after the last LF. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(SCAN_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - SCAN_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    const lf = buffer.subarray(0, bytesRead).lastIndexOf(LF);
    if (lf >= 0) return start + lf + 1;
    end = start;
  }
  return 0;
}

import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RunnerClock } from './runner-clock.ts';

/** `WORKER_LOGSIZE`, where nobody sets it. */
const FILE_BYTES_MAX = 8 * 1_048_576;
const SECOND_MS = 1_000;

/** `Worker_*.log`, flushed with each write, header and message apart. (HostTraceListener.cs, Tracing.cs) */
export class TraceLog {
  readonly #folder: string;
  readonly #clock: RunnerClock;
  readonly #newline: string;
  readonly paths: string[] = [];
  #file: number;
  #bytes = 0;

  /** Takes a second that no log of this folder has: runners that share one would write into each other's. */
  constructor(folder: string, clock: RunnerClock, newline: string) {
    this.#folder = folder;
    this.#clock = clock;
    this.#newline = newline;
    this.#file = this.#create();
  }

  info(source: string, message: string): void {
    this.#write('INFO', source, message);
  }

  warning(source: string, message: string): void {
    this.#write('WARN', source, message);
  }

  error(source: string, message: string): void {
    this.#write('ERR ', source, message);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(level: string, source: string, message: string): void {
    const time = new Date(this.#clock.nowMs()).toISOString();
    writeSync(this.#file, `[${time.slice(0, 10)} ${time.slice(11, 19)}Z ${level} ${source}] `);
    writeSync(this.#file, message + this.#newline);
    this.#bytes += Buffer.byteLength(message);
    if (this.#bytes <= FILE_BYTES_MAX) return;
    this.close();
    this.#file = this.#create();
    this.#bytes = 0;
  }

  #create(): number {
    for (let ms = this.#clock.nowMs(); ; ms += SECOND_MS) {
      const digits = new Date(ms).toISOString().replaceAll(/\D/g, '');
      const path = join(this.#folder, `Worker_${digits.slice(0, 8)}-${digits.slice(8, 14)}-utc.log`);
      if (existsSync(path)) continue;
      this.paths.push(path);
      return openSync(path, 'wx', 0o644);
    }
  }
}

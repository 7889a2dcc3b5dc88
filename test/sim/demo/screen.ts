import type { WriteStream } from 'node:tty';

/** A pipe gets the figures so often, as a line each. */
const PIPE_INTERVAL_MS = 3_000;

const CLEAR_BELOW = '\u001b[0J';

/** Figures that stay at the bottom of a terminal and are drawn anew, below what has happened; on a pipe, lines now and then. */
export class Screen {
  readonly #out: WriteStream;
  readonly #startedMs = performance.now();
  #panel: readonly string[] = [];
  #line = '';
  #linePrintedMs = Number.NEGATIVE_INFINITY;

  constructor(out: WriteStream) {
    this.#out = out;
  }

  /** So many seconds since the start. */
  get seconds(): number {
    return Math.round((performance.now() - this.#startedMs) / 1_000);
  }

  /** Tells of something that happens now. */
  happens(text: string): void {
    this.#write([`${this.#bold(`${String(this.seconds).padStart(3)} s`)}  ${text}`]);
  }

  /** Prints lines as they are. */
  print(...lines: readonly string[]): void {
    this.#write(lines);
  }

  heading(text: string): void {
    this.#write(['', this.#bold(text)]);
  }

  /** What the figures are now: several lines for a terminal, one for a pipe. */
  figures(panel: readonly string[], line: string): void {
    if (this.#out.isTTY) {
      this.#erase();
      this.#panel = ['', ...panel].map((text) => text.slice(0, this.#out.columns - 1));
      this.#out.write(`${this.#panel.join('\n')}\n`);
      return;
    }
    const nowMs = performance.now();
    if (nowMs - this.#linePrintedMs < PIPE_INTERVAL_MS || line === this.#line) return;
    this.#line = line;
    this.#linePrintedMs = nowMs;
    this.#out.write(`${String(this.seconds).padStart(3)} s  ${line}\n`);
  }

  /** The figures go; what was printed stays. */
  clear(): void {
    this.#erase();
    this.#panel = [];
  }

  #write(lines: readonly string[]): void {
    this.#erase();
    this.#out.write(`${[...lines, ...this.#panel].join('\n')}\n`);
  }

  #erase(): void {
    if (this.#panel.length > 0) this.#out.write(`\u001b[${this.#panel.length}A\r${CLEAR_BELOW}`);
  }

  #bold(text: string): string {
    return this.#out.isTTY && process.env['NO_COLOR'] === undefined ? `\u001b[1m${text}\u001b[0m` : text;
  }
}

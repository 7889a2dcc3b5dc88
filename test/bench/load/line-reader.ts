/** Tells the lines of one connection apart, whatever way they are cut into reads. */
export class LineReader {
  #tail = Buffer.alloc(0);
  readonly #onLine: (bytes: Buffer, start: number, end: number) => void;

  constructor(onLine: (bytes: Buffer, start: number, end: number) => void) {
    this.#onLine = onLine;
  }

  /** Gives each line that ends in `chunk` to the callback; returns how many. */
  push(chunk: Buffer): number {
    let lines = 0;
    let start = 0;
    if (this.#tail.length > 0) {
      const end = chunk.indexOf(0x0a);
      if (end < 0) {
        this.#tail = Buffer.concat([this.#tail, chunk]);
        return 0;
      }
      const line = Buffer.concat([this.#tail, chunk.subarray(0, end)]);
      this.#onLine(line, 0, line.length);
      lines++;
      start = end + 1;
    }
    for (let end = chunk.indexOf(0x0a, start); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#onLine(chunk, start, end);
      lines++;
      start = end + 1;
    }
    this.#tail = start < chunk.length ? Buffer.from(chunk.subarray(start)) : EMPTY;
    return lines;
  }
}

const EMPTY = Buffer.alloc(0);

/** Lines that end in `chunk`. */
export function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++;
  return lines;
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { TailedLine } from './chunk.ts';

const READ_BYTES = 256 * 1_024;
const LF = 0x0a;
const CR = 0x0d;

/** One file, read from its start to wherever it has grown. It stays open, so it can be read to its end after it was deleted. */
export class TailedFile {
  readonly path: string;
  readonly inode: number;
  readonly #file: number;
  #rest = Buffer.alloc(0);
  /** Of the first byte that was not sent in a line yet. */
  #restOffset: number;

  constructor(path: string, offset = 0) {
    this.path = path;
    this.#file = openSync(path, 'r');
    this.inode = fstatSync(this.#file).ino;
    this.#restOffset = offset;
  }

  /** Bytes that are in lines read so far. */
  get offset(): number {
    return this.#restOffset;
  }

  /** Nobody has a name for it any more. */
  get deleted(): boolean {
    return fstatSync(this.#file).nlink === 0;
  }

  /** The next lines that are complete; a last one without its end waits. Undefined at the end of what there is. */
  read(): TailedLine[] | undefined {
    const piece = Buffer.alloc(READ_BYTES);
    const length = readSync(this.#file, piece, 0, READ_BYTES, this.#restOffset + this.#rest.length);
    if (length === 0) return undefined;
    const bytes = Buffer.concat([this.#rest, piece.subarray(0, length)]);
    const lines: TailedLine[] = [];
    let from = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, from)) {
      const last = end > from && bytes[end - 1] === CR ? end - 1 : end;
      lines.push({ file: this.path, offset: this.#restOffset + from, log: bytes.subarray(from, last) });
      from = end + 1;
    }
    this.#rest = bytes.subarray(from);
    this.#restOffset += from;
    return lines;
  }

  close(): void {
    closeSync(this.#file);
  }
}

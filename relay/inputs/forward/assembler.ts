import { sourceOf, type Source } from '../../record/line-writer.ts';
import { ValueScanner, type ScanResult } from '../../wire/msgpack.ts';

/** The least room that is made for a message that was cut. */
const GROWN_BYTES_MIN = 4_096;

/**
 * Puts the pieces of a connection together again, one MessagePack value at a time. A message that came in one piece is read where it
 * lies; only what is cut is copied. Memory follows what has arrived, never what a message says of itself.
 */
export class MessageAssembler {
  /** Where the bytes are; holds until the next `push`. */
  source: Source = EMPTY;
  /** The message found by `next`: from `start` to `end`. */
  start = 0;
  end = 0;
  readonly #scanner = new ValueScanner();
  /** How much of `source` is filled. */
  #filled = 0;
  /** Whether `source` is ours to write into. */
  #owned = false;

  /** True between messages: nothing of the next has arrived. */
  get empty(): boolean {
    return this.start === this.#filled;
  }

  push(piece: Buffer): void {
    const left = this.#filled - this.start;
    if (left === 0) {
      this.source = sourceOf(piece);
      this.#owned = false;
      this.#filled = piece.length;
      this.start = 0;
      this.#scanner.reset(0);
      return;
    }
    if (!this.#owned || this.source.bytes.length - this.#filled < piece.length) this.#grow(left, piece.length);
    this.source.bytes.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  /** Looks for the end of the next message, of at most `bytesMax` bytes. To be called again after `consume` or `push`. */
  next(bytesMax: number): ScanResult {
    if (this.empty) return 'incomplete';
    const result = this.#scanner.scan(this.source.bytes, this.#filled, this.start + bytesMax);
    if (result === 'complete') this.end = this.#scanner.position;
    return result;
  }

  /** Goes on to the next message. */
  consume(): void {
    this.start = this.end;
    this.#scanner.reset(this.start);
    if (!this.empty) return;
    // What has been read through is let go of, so that an idle connection holds no memory.
    this.source = EMPTY;
    this.start = 0;
    this.end = 0;
    this.#filled = 0;
    this.#scanner.reset(0);
  }

  /** Never moves bytes in place: somebody may still be reading the message that is being handled. */
  #grow(left: number, more: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * (left + more), GROWN_BYTES_MIN));
    grown.set(this.source.bytes.subarray(this.start, this.#filled), 0);
    this.source = sourceOf(grown);
    this.#scanner.shift(-this.start);
    this.#owned = true;
    this.#filled = left;
    this.end -= this.start;
    this.start = 0;
  }
}

const EMPTY = sourceOf(Buffer.alloc(0));

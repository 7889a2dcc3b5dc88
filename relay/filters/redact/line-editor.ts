/** Puts shorter texts in the place of longer ones, in order, in one pass over the same memory. */
export class LineEditor {
  readonly #lines: Buffer;
  /** What is before this place has been moved to where it belongs. */
  #read = 0;
  #written = 0;

  constructor(lines: Buffer) {
    this.#lines = lines;
  }

  /** `replacement` is not longer than what it replaces, and `start` is not before the end of the last one. */
  replace(start: number, end: number, replacement: Buffer): void {
    this.#moveUpTo(start);
    this.#lines.set(replacement, this.#written);
    this.#written += replacement.length;
    this.#read = end;
  }

  /** Moves the rest; returns where it ends now. */
  finish(bytes: number): number {
    this.#moveUpTo(bytes);
    return this.#written;
  }

  #moveUpTo(place: number): void {
    if (this.#read !== this.#written) this.#lines.copyWithin(this.#written, this.#read, place);
    this.#written += place - this.#read;
    this.#read = place;
  }
}

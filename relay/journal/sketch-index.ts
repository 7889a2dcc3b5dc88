import type { BatchHeader } from './catalog.ts';
import { isDamage } from './sqlite/database.ts';
import { Sketches, type StoredSketch } from './sqlite/sketches.ts';

/** What of a stretch of the journal is not as the index has it. */
export interface IndexDifference {
  readonly missing: readonly BatchHeader[];
  /** Places of sketches whose batch is not there any more, or holds something else now. */
  readonly stale: readonly number[];
}

/** The index of searches, for whoever keeps it: which sketches are missing, and which are to go. What a sketch says it does not know. */
export class SketchIndex implements Disposable {
  readonly #sketches: Sketches;

  /** Opens or makes it. Throws what the disk says. */
  constructor(directory: string) {
    this.#sketches = Sketches.forWriting(directory);
  }

  /** Has all of it made anew where what was thrown says that the file is damaged. */
  static discardIfDamaged(directory: string, error: unknown): void {
    if (isDamage(error)) Sketches.discard(directory);
  }

  /** Compares the index with the journal's batches from one place up to another, which must be all that there are. */
  compare(headers: readonly BatchHeader[], fromSeq: number, toSeq: number): IndexDifference {
    const keys = new Map(this.#sketches.keysBetween(fromSeq, toSeq).map(({ first_seq, hash }) => [first_seq, hash]));
    const missing = headers.filter(({ firstSeq, hash }) => {
      const isThere = keys.get(firstSeq)?.equals(hash) === true;
      if (isThere) keys.delete(firstSeq);
      return !isThere;
    });
    return { missing, stale: [...keys.keys()] };
  }

  /** Takes sketches in and others out, as one change. */
  change(put: readonly { readonly header: BatchHeader; readonly bits: Buffer }[], remove: readonly number[]): void {
    const rows = put.map(({ header, bits }): StoredSketch => ({ first_seq: header.firstSeq, hash: header.hash, bits }));
    if (rows.length > 0 || remove.length > 0) this.#sketches.change(rows, remove);
  }

  /** Takes up to `limit` sketches out of those before a place, the oldest first. False where there was none. */
  discardBefore(seq: number, limit: number): boolean {
    const oldest = this.#sketches.oldestBefore(seq, limit);
    if (oldest.length > 0) this.#sketches.change([], oldest);
    return oldest.length > 0;
  }

  /** What it takes on the disk. */
  get bytes(): number {
    return this.#sketches.bytes;
  }

  [Symbol.dispose](): void {
    this.#sketches.close();
  }
}

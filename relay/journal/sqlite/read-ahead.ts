import type { Batch } from '../../record/batch.ts';
import type { DamagedRange } from './messages.ts';

/** What a read brought. */
export type Found = Batch | DamagedRange;

/** Memory for what was read and not asked for yet. */
const KEPT_BYTES_MAX = 16 * 1_048_576;

/** What the reading thread brought beyond what was asked for: the next question, most likely. */
export class ReadAhead {
  readonly #kept = new Map<number, Found>();
  #bytes = 0;

  keep(found: readonly Found[]): void {
    for (const item of found) {
      if (this.#kept.has(item.firstSeq)) {
        if ('lines' in item) item.release();
        continue;
      }
      this.#kept.set(item.firstSeq, item);
      this.#bytes += size(item);
    }
    for (const [firstSeq, item] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES_MAX) break;
      this.#drop(firstSeq, item);
      if ('lines' in item) item.release();
    }
  }

  /** What begins exactly at `fromSeq`. It is handed over: a second endpoint at the same place reads it again. */
  take(fromSeq: number): Found | undefined {
    const item = this.#kept.get(fromSeq);
    if (item !== undefined) this.#drop(fromSeq, item);
    return item;
  }

  /** Forgets everything; the journal has it. */
  clear(): void {
    for (const [firstSeq, item] of this.#kept) {
      this.#drop(firstSeq, item);
      if ('lines' in item) item.release();
    }
  }

  #drop(firstSeq: number, item: Found): void {
    this.#kept.delete(firstSeq);
    this.#bytes -= size(item);
  }
}

function size(item: Found): number {
  return 'lines' in item ? item.lines.byteLength : 0;
}

import { endSeq } from '../../record/batch.ts';
import type { WireRead } from './messages.ts';

/** Memory for what was read and not asked for yet. */
const KEPT_BYTES_MAX = 16 * 1_048_576;

/** What the reading thread brought beyond what was asked for: the next question, most likely. */
export class ReadAhead {
  readonly #kept = new Map<number, WireRead>();
  #bytes = 0;

  keep(found: readonly WireRead[]): void {
    for (const item of found) {
      if (this.#kept.has(item.firstSeq)) continue;
      this.#kept.set(item.firstSeq, item);
      this.#bytes += size(item);
    }
    for (const [firstSeq, item] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES_MAX) break;
      this.#drop(firstSeq, item);
    }
  }

  /** What begins exactly at `fromSeq`. It is handed over: a second endpoint at the same place reads it again. */
  take(fromSeq: number): WireRead | undefined {
    const item = this.#kept.get(fromSeq);
    if (item !== undefined) this.#drop(fromSeq, item);
    return item;
  }

  #drop(firstSeq: number, item: WireRead): void {
    this.#kept.delete(firstSeq);
    this.#bytes -= size(item);
  }
}

function size(item: WireRead): number {
  return item.kind === 'batch' ? item.lines.byteLength : endSeq(item) - item.firstSeq;
}

import { endSeq } from '../../record/batch.ts';
import type { WireRead } from './messages.ts';

/** Memory for what was read and not asked for yet. */
const KEPT_BYTES_MAX = 16 * 1_048_576;

/** What the reading thread brought beyond what was asked for: the next question, most likely. */
export class ReadAhead {
  readonly #kept = new Map<number, WireRead>();
  /** Places that could not be read, for as long as this process lives: each leads to the place after it. */
  readonly #skips: { readonly firstSeq: number; readonly endSeq: number }[] = [];
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

  /** Remembers a place that cannot be read. */
  skip(firstSeq: number, end: number): void {
    this.#skips.push({ firstSeq, endSeq: end });
  }

  /** Where to go on from a place that is known to be unreadable. */
  after(fromSeq: number): number {
    let seq = fromSeq;
    for (const skip of this.#skips) if (seq >= skip.firstSeq && seq < skip.endSeq) seq = skip.endSeq;
    return seq;
  }

  #drop(firstSeq: number, item: WireRead): void {
    this.#kept.delete(firstSeq);
    this.#bytes -= size(item);
  }
}

function size(item: WireRead): number {
  return item.kind === 'batch' ? item.lines.byteLength : endSeq(item) - item.firstSeq;
}

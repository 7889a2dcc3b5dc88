import { endSeq, type Batch, type BuiltBatch } from '../../record/batch.ts';
import { SmallBatches } from './small-batches.ts';

/** Batches up to this size are joined with their neighbours, so that a slow endpoint gets more than one record at a time. */
const SMALL_BYTES = 32_768;

/** A batch, or small ones that follow each other. */
type Kept = BuiltBatch | SmallBatches;

/**
 * The batches committed last, still in memory: endpoints that keep up are fed from here and never cost a read. Holds each batch's slab
 * until newer batches need the room; small ones are copied together, since tens of thousands of them would keep the garbage collector
 * busy.
 */
export class Recent {
  readonly #bytesMax: number;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The first record that is still here; undefined where nothing is. */
  get firstSeq(): number | undefined {
    return this.#kept[0]?.firstSeq;
  }

  /** Takes over the caller's hold on the batch's slab. */
  add(batch: BuiltBatch): void {
    if (batch.bytes < SMALL_BYTES) this.#addSmall(batch);
    else this.#add(batch);
    let evicted = 0;
    for (let bytes = this.#bytes; bytes > this.#bytesMax && evicted < this.#kept.length - 1; evicted++)
      bytes -= bytesOf(this.#kept[evicted]!);
    this.#evict(evicted);
  }

  /** Lets go of the batches that begin before a place. */
  forget(untilSeq: number): void {
    const first = this.#kept.findIndex(({ firstSeq }) => firstSeq >= untilSeq);
    this.#evict(first === -1 ? this.#kept.length : first);
  }

  /** The first place from `fromSeq` on that is in a batch with a record of these datasets, or in none that is here. */
  passOver(fromSeq: number, datasets: readonly string[]): number {
    let seq = fromSeq;
    for (let at = this.#find(fromSeq); at >= 0 && at < this.#kept.length; at++) {
      const kept = this.#kept[at]!;
      if (datasets.some((dataset) => Object.hasOwn(kept.datasets, dataset))) break;
      seq = endSeq(kept);
    }
    return seq;
  }

  /** The batch that holds `fromSeq`, joined with small ones that follow; undefined where it is not here. */
  read(fromSeq: number): Batch | undefined {
    const kept = this.#kept[this.#find(fromSeq)];
    return kept instanceof SmallBatches ? kept.from(fromSeq) : kept && shared(kept);
  }

  #addSmall(batch: BuiltBatch): void {
    const last = this.#kept.at(-1);
    if (last instanceof SmallBatches && last.takes(batch)) {
      this.#bytes -= last.capacity;
      last.add(batch);
      this.#bytes += last.capacity;
    } else {
      this.#add(new SmallBatches(batch));
    }
    batch.slab.release();
  }

  #add(kept: Kept): void {
    this.#kept.push(kept);
    this.#bytes += bytesOf(kept);
  }

  #evict(count: number): void {
    if (count === 0) return;
    for (const oldest of this.#kept.slice(0, count)) {
      this.#bytes -= bytesOf(oldest);
      if (!(oldest instanceof SmallBatches)) oldest.slab.release();
    }
    this.#kept = this.#kept.slice(count);
  }

  #find(fromSeq: number): number {
    let low = 0;
    let high = this.#kept.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const kept = this.#kept[middle]!;
      if (fromSeq < kept.firstSeq) high = middle - 1;
      else if (fromSeq >= endSeq(kept)) low = middle + 1;
      else return middle;
    }
    return -1;
  }
}

function bytesOf(kept: Kept): number {
  return kept instanceof SmallBatches ? kept.capacity : kept.slab.size;
}

function shared(batch: BuiltBatch): Batch {
  batch.slab.retain();
  let held = true;
  return {
    firstSeq: batch.firstSeq,
    records: batch.records,
    lines: batch.slab.bytes.subarray(0, batch.bytes),
    datasets: batch.datasets,
    receivedFirstMs: batch.receivedFirstMs,
    receivedLastMs: batch.receivedLastMs,
    release: () => {
      if (!held) throw new Error('a batch was released twice');
      held = false;
      batch.slab.release();
    },
  };
}

import { endSeq, type Batch, type BuiltBatch } from '../../record/batch.ts';

/** Batches up to this size are joined with their neighbours, so that a slow endpoint gets more than one record at a time. */
const SMALL_BYTES = 32_768;
const JOINED_BYTES = 262_144;

/**
 * The batches committed last, still in memory: endpoints that keep up are fed from here and never cost a read. Holds each batch's slab
 * until newer batches need the room.
 */
export class Recent {
  readonly #bytesMax: number;
  #batches: BuiltBatch[] = [];
  #slabBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The first record that is still here; undefined where nothing is. */
  get firstSeq(): number | undefined {
    return this.#batches[0]?.firstSeq;
  }

  /** Takes over the caller's hold on the batch's slab. */
  add(batch: BuiltBatch): void {
    this.#batches.push(batch);
    this.#slabBytes += batch.slab.size;
    let evicted = 0;
    while (this.#slabBytes > this.#bytesMax && evicted < this.#batches.length - 1) {
      const oldest = this.#batches[evicted]!;
      this.#slabBytes -= oldest.slab.size;
      oldest.slab.release();
      evicted++;
    }
    if (evicted > 0) this.#batches = this.#batches.slice(evicted);
  }

  /** Lets go of the batches that begin before a place. */
  forget(untilSeq: number): void {
    const kept = this.#batches.filter(({ firstSeq }) => firstSeq >= untilSeq);
    for (const { slab } of this.#batches.slice(0, this.#batches.length - kept.length)) {
      this.#slabBytes -= slab.size;
      slab.release();
    }
    this.#batches = kept;
  }

  /** The first place from `fromSeq` on that is in a batch with a record of these datasets, or in none that is here. */
  passOver(fromSeq: number, datasets: readonly string[]): number {
    let seq = fromSeq;
    for (let at = this.#find(fromSeq); at >= 0 && at < this.#batches.length; at++) {
      const batch = this.#batches[at]!;
      if (datasets.some((dataset) => Object.hasOwn(batch.datasets, dataset))) break;
      seq = endSeq(batch);
    }
    return seq;
  }

  /** The batch that holds `fromSeq`, joined with small ones that follow; undefined where it is not here. */
  read(fromSeq: number): Batch | undefined {
    const at = this.#find(fromSeq);
    if (at < 0) return undefined;
    const first = this.#batches[at]!;
    const second = this.#batches[at + 1];
    if (first.bytes >= SMALL_BYTES || second === undefined || second.bytes >= SMALL_BYTES) return shared(first);
    const parts: Buffer[] = [];
    const datasets: Record<string, number> = {};
    let records = 0;
    let bytes = 0;
    let last = first;
    for (let i = at; i < this.#batches.length && bytes < JOINED_BYTES; i++) {
      const batch = this.#batches[i]!;
      if (batch.bytes >= SMALL_BYTES) break;
      parts.push(batch.slab.bytes.subarray(0, batch.bytes));
      records += batch.records;
      bytes += batch.bytes;
      last = batch;
      for (const name in batch.datasets) datasets[name] = (datasets[name] ?? 0) + batch.datasets[name]!;
    }
    return {
      firstSeq: first.firstSeq,
      records,
      lines: Buffer.concat(parts, bytes),
      datasets,
      receivedFirstMs: first.receivedFirstMs,
      receivedLastMs: last.receivedLastMs,
      release: () => {},
    };
  }

  #find(fromSeq: number): number {
    let low = 0;
    let high = this.#batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const batch = this.#batches[middle]!;
      if (fromSeq < batch.firstSeq) high = middle - 1;
      else if (fromSeq >= endSeq(batch)) low = middle + 1;
      else return middle;
    }
    return -1;
  }
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

import { endSeq, type Batch, type BuiltBatch } from '../../record/batch.ts';

const BYTES_MAX = 262_144;
const BYTES_MIN = 4_096;

/**
 * Small batches that follow each other, in one piece of memory. It is only ever added to: what was given out stays as it is, and goes
 * when nobody has it any more.
 */
export class SmallBatches {
  readonly firstSeq: number;
  records = 0;
  /** How many records of each dataset; what was given out is not changed. */
  datasets: Readonly<Record<string, number>> = {};
  #memory: Buffer;
  #bytes = 0;
  #receivedLastMs = 0;
  /** Of each batch: its first place, where its lines begin, and when its first record was received. */
  readonly #seqs: number[] = [];
  readonly #offsets: number[] = [];
  readonly #receivedMs: number[] = [];

  constructor(first: BuiltBatch) {
    this.firstSeq = first.firstSeq;
    this.#memory = Buffer.allocUnsafeSlow(Math.max(BYTES_MIN, first.bytes));
    this.add(first);
  }

  /** The memory that it takes, in bytes. */
  get capacity(): number {
    return this.#memory.length;
  }

  /** True where the batch follows, and there is room. */
  takes(batch: BuiltBatch): boolean {
    return batch.firstSeq === endSeq(this) && this.#bytes + batch.bytes <= BYTES_MAX;
  }

  /** Copies a batch that `takes` allows. */
  add(batch: BuiltBatch): void {
    this.#makeRoom(batch.bytes);
    this.#seqs.push(batch.firstSeq);
    this.#offsets.push(this.#bytes);
    this.#receivedMs.push(batch.receivedFirstMs);
    batch.slab.bytes.copy(this.#memory, this.#bytes, 0, batch.bytes);
    this.#bytes += batch.bytes;
    this.records += batch.records;
    this.#receivedLastMs = batch.receivedLastMs;
    const datasets: Record<string, number> = { ...this.datasets };
    for (const name in batch.datasets) datasets[name] = (datasets[name] ?? 0) + batch.datasets[name]!;
    this.datasets = datasets;
  }

  /** The batch that holds a place, and all that follow it. Its datasets are those of all. */
  from(seq: number): Batch {
    const at = this.#find(seq);
    const firstSeq = this.#seqs[at]!;
    return {
      firstSeq,
      records: endSeq(this) - firstSeq,
      lines: this.#memory.subarray(this.#offsets[at], this.#bytes),
      datasets: this.datasets,
      receivedFirstMs: this.#receivedMs[at]!,
      receivedLastMs: this.#receivedLastMs,
      release: () => {},
    };
  }

  #makeRoom(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#memory.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(BYTES_MAX, Math.max(needed, this.#memory.length * 2)));
    this.#memory.copy(grown, 0, 0, this.#bytes);
    this.#memory = grown;
  }

  /** Which batch holds a place: the last one that begins at it or before. */
  #find(seq: number): number {
    let low = 0;
    let high = this.#seqs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#seqs[middle]! <= seq) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

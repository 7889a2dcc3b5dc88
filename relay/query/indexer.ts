import { statfsSync } from 'node:fs';
import type { Clock } from '../io/clock.ts';
import { Catalog, type BatchHeader } from '../journal/catalog.ts';
import { SketchIndex } from '../journal/sketch-index.ts';
import { Sketcher } from './sketch.ts';

/** Smaller batches are merged before long; till then there are few of them, and to read them costs little. */
const WORTHWHILE_BYTES = 16_384;
const PAGE = 256;
/** The largest sketch and what SQLite needs beside it. */
const SKETCH_BYTES_MAX = 8_192 + 256;
/** The journal needs free space more than searches do. */
const ROOM_BYTES = 268_435_456;
/** After a look at the whole journal, only what is new is looked at for so long. */
const WHOLE_INTERVAL_MS = 3_600_000;

export interface IndexerOptions {
  readonly directory: string;
  /** Free space on the disk that the journal needs for itself. */
  readonly freeBytesMin: number;
  /** What the index may take: of so many batches, the newest, it has sketches. */
  readonly indexBytesMax: number;
  /** Smaller batches are left out. */
  readonly batchBytesMin?: number;
}

/**
 * Keeps the index of searches: makes the sketches that are missing and removes those whose batches are gone. It only reads the journal, so
 * intake never pays for it. Synchronous, in steps.
 */
export class Indexer {
  readonly #options: IndexerOptions;
  readonly #clock: Clock;
  readonly #sketcher = new Sketcher();
  #pass: Pass | undefined;
  /** All before it is as it should be, as far as the last pass could do it. */
  #throughSeq = 0;
  #wholeMs = Number.NEGATIVE_INFINITY;

  constructor(options: IndexerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Works for about so long. True where there is more to do; false at the end of a pass: then it is to be called again some time later. */
  step(budgetMs: number): boolean {
    const untilMs = this.#clock.monotonicMs() + budgetMs;
    try {
      if (this.#pass === undefined && !this.#hasRoom()) return false;
      const pass = (this.#pass ??= this.#begin());
      let more = true;
      // However little time there is, each step gets further.
      do more = pass.work();
      while (more && this.#clock.monotonicMs() < untilMs);
      if (more) return true;
      this.#throughSeq = pass.throughSeq;
      this.close();
      return false;
    } catch (error) {
      this.close();
      SketchIndex.discardIfDamaged(this.#options.directory, error);
      throw error;
    }
  }

  /** Ends the pass under way, if there is one. */
  close(): void {
    this.#pass?.[Symbol.dispose]();
    this.#pass = undefined;
  }

  #begin(): Pass {
    const nowMs = this.#clock.monotonicMs();
    const whole = nowMs - this.#wholeMs > WHOLE_INTERVAL_MS;
    if (whole) this.#wholeMs = nowMs;
    return new Pass(this.#options, whole ? 0 : this.#throughSeq, this.#sketcher);
  }

  #hasRoom(): boolean {
    const { bavail, bsize } = statfsSync(this.#options.directory);
    return bavail * bsize > this.#options.freeBytesMin + ROOM_BYTES;
  }
}

/** One way through the journal, from a place to its end. */
class Pass implements Disposable {
  readonly #catalog: Catalog;
  readonly #index: SketchIndex;
  readonly #sketcher: Sketcher;
  readonly #batchBytesMin: number;
  readonly #missing: BatchHeader[] = [];
  /** Of what came before it there is no room for sketches. */
  readonly #floorSeq: number;
  #seq: number;
  #firstSmall: number | undefined;

  constructor(options: IndexerOptions, fromSeq: number, sketcher: Sketcher) {
    const { directory, indexBytesMax, batchBytesMin = WORTHWHILE_BYTES } = options;
    this.#batchBytesMin = batchBytesMin;
    this.#catalog = new Catalog(directory);
    try {
      this.#index = new SketchIndex(directory);
    } catch (error) {
      this.#catalog[Symbol.dispose]();
      throw error;
    }
    this.#sketcher = sketcher;
    this.#floorSeq = this.#catalog.firstSeqOfNewest(Math.floor(indexBytesMax / SKETCH_BYTES_MAX));
    this.#seq = Math.max(fromSeq, this.#floorSeq);
  }

  /** Where the next pass should begin: at the first batch that was left out because it is small. */
  get throughSeq(): number {
    return this.#firstSmall ?? this.#seq;
  }

  /** One batch, or one look for what is missing. False at the end. */
  work(): boolean {
    if (this.#index.discardBefore(this.#floorSeq, PAGE)) return true;
    const header = this.#missing.shift();
    if (header !== undefined) {
      const found = this.#catalog.lines(header);
      if (found.kind === 'lines') this.#index.change([{ header, bits: this.#sketcher.sketch(found.lines) }], []);
      return true;
    }
    const page = this.#catalog.from(this.#seq, PAGE);
    const last = page.at(-1);
    const from = Math.min(this.#seq, page[0]?.firstSeq ?? this.#seq);
    const { missing, stale } = this.#index.compare(page, from, last?.firstSeq ?? Number.MAX_SAFE_INTEGER);
    this.#index.change([], stale);
    this.#missing.push(...missing.filter(({ lineBytes }) => lineBytes >= this.#batchBytesMin));
    this.#firstSmall ??= page.find(({ lineBytes }) => lineBytes < this.#batchBytesMin)?.firstSeq;
    if (last !== undefined) this.#seq = last.firstSeq + last.records;
    return last !== undefined;
  }

  [Symbol.dispose](): void {
    this.#index[Symbol.dispose]();
    this.#catalog[Symbol.dispose]();
  }
}

import type { Clock } from '../io/clock.ts';
import { Catalog, type BatchHeader } from '../journal/catalog.ts';
import { BatchWalk, type WalkedBatch } from './batch-walk.ts';
import { compileQuery, type CompiledQuery } from './compile.ts';
import { resolveField, someValueAt } from './fields.ts';
import { BatchText, findLines } from './line-finder.ts';
import { textOf } from './record-text.ts';
import type { CountRequest, CountStep, FacetValue, TimeRange } from './request.ts';

/** Different values of one field that are counted; what else there is goes into none. */
const FACET_VALUES_MAX = 10_000;
const FACET_SHOWN_MAX = 20;
const FACET_CHARACTERS_MAX = 200;

/** How many records are meant, over time and by the values of some fields. Done in steps, as a search is. */
export class CountRun implements Disposable {
  readonly #catalog: Catalog;
  readonly #query: CompiledQuery;
  readonly #clock: Clock;
  readonly #walk: BatchWalk;
  readonly #range: TimeRange | undefined;
  /** Which times the columns stand for. What lies beside them counts in the nearest. */
  readonly #axis: TimeRange;
  readonly #bucketMs: number;
  readonly #counts: Float64Array;
  readonly #facets: ReadonlyMap<string, Map<string, number>>;
  #timed = 0;

  /** Throws `QUERY_INVALID`, and `JOURNAL_UNUSABLE` where there is no journal. */
  constructor(directory: string, request: CountRequest, clock: Clock) {
    this.#query = compileQuery(request.query, clock.nowMs());
    this.#clock = clock;
    this.#catalog = new Catalog(directory);
    this.#range = request.range;
    this.#axis = this.#bounded(request.range);
    this.#walk = new BatchWalk(this.#catalog, this.#query, { ...request, order: 'newest' });
    const buckets = Math.max(1, request.buckets);
    this.#bucketMs = roundBucket((this.#axis.untilMs - this.#axis.sinceMs) / buckets);
    const first = Math.floor(this.#axis.sinceMs / this.#bucketMs);
    this.#counts = new Float64Array(Math.floor((this.#axis.untilMs - 1) / this.#bucketMs) - first + 1);
    this.#facets = new Map(request.facets.map((field) => [field, new Map<string, number>()]));
  }

  /** Counts on for about so long. To be called until it tells an ending. */
  step(budgetMs: number): CountStep {
    const untilMs = this.#clock.monotonicMs() + budgetMs;
    // However little time there is, each step gets further.
    do {
      const batch = this.#walk.next();
      if (batch !== undefined) this.#count(batch);
    } while (!this.#walk.ended && this.#clock.monotonicMs() < untilMs);
    const first = Math.floor(this.#axis.sinceMs / this.#bucketMs) * this.#bucketMs;
    return {
      progress: this.#walk.progress,
      ending: this.#walk.ended ? 'complete' : undefined,
      firstMs: first,
      bucketMs: this.#bucketMs,
      counts: [...this.#counts],
      counted: this.#timed,
      facets: Object.fromEntries([...this.#facets].map(([field, values]) => [field, shown(values)])),
    };
  }

  #count(batch: WalkedBatch): void {
    if (this.#countByHeader(batch)) return this.#walk.pass(batch.header);
    const { header } = batch;
    const lines = this.#walk.read(header);
    if (lines === undefined) return;
    const text = new BatchText(header, lines);
    const options = { newestFirst: false, timeOf: this.#axis.of };
    for (const { seq, timeMs, record } of findLines(this.#query, text, this.#range, options)) {
      if (seq < batch.fromSeq || seq >= batch.endSeq) continue;
      this.#add(timeMs, 1);
      for (const [field, values] of this.#facets)
        for (const name of resolveField(field)) someValueAt(record, name, (value) => countValue(values, value, 1));
    }
    this.#walk.pass(header);
  }

  /** Where all of a batch is meant and falls into one bucket, nobody needs to look into it. */
  #countByHeader({ header, verdict, fromSeq, endSeq }: WalkedBatch): boolean {
    const whole = fromSeq === header.firstSeq && endSeq === header.firstSeq + header.records;
    const [first, last] = this.#timesOf(header);
    const oneBucket = Math.floor(first / this.#bucketMs) === Math.floor(last / this.#bucketMs);
    const range = this.#range;
    const inside = range === undefined || (first > range.sinceMs && last + 1 < range.untilMs);
    const known = [...this.#facets.keys()].every((field) => resolveField(field)[0] === 'event.dataset');
    if (verdict !== 'all' || !whole || !oneBucket || !inside || !known) return false;
    // Places whose record was purged belong to no dataset.
    this.#add(
      first,
      Object.values(header.datasets).reduce((sum, count) => sum + count, 0),
    );
    for (const values of this.#facets.values())
      for (const [name, count] of Object.entries(header.datasets)) countValue(values, name, count);
    return true;
  }

  #timesOf(header: BatchHeader): readonly [number, number] {
    return this.#axis.of === 'event'
      ? [header.eventFirstMs, header.eventLastMs]
      : [header.receivedFirstMs, header.receivedLastMs];
  }

  #add(timeMs: number, count: number): void {
    const bucket = Math.floor(timeMs / this.#bucketMs) - Math.floor(this.#axis.sinceMs / this.#bucketMs);
    this.#counts[Math.max(0, Math.min(bucket, this.#counts.length - 1))]! += count;
    this.#timed += count;
    this.#walk.found += count;
  }

  /** Where no time was named: from the first record that was received until now. */
  #bounded(range: TimeRange | undefined): TimeRange {
    const [first] = this.#catalog.from(0, 1);
    const nowMs = this.#clock.nowMs() + 1;
    const untilMs = range === undefined || range.untilMs > nowMs + FUTURE_MS ? nowMs : range.untilMs;
    const sinceMs = range === undefined || range.sinceMs <= 0 ? (first?.receivedFirstMs ?? nowMs) : range.sinceMs;
    return { of: range?.of ?? 'received', sinceMs: Math.min(sinceMs, untilMs - 1), untilMs };
  }

  [Symbol.dispose](): void {
    this.#catalog[Symbol.dispose]();
  }
}

/** An end further ahead than this is none that anybody meant. */
const FUTURE_MS = 86_400_000;

/** Widths that people can read off an axis, in milliseconds. */
const WIDTHS_MS = [
  1, 10, 100, 1_000, 5_000, 15_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000,
  43_200_000, 86_400_000, 604_800_000, 2_592_000_000,
];

function roundBucket(ms: number): number {
  return WIDTHS_MS.find((width) => width >= ms) ?? Math.ceil(ms / WIDTHS_MS.at(-1)!) * WIDTHS_MS.at(-1)!;
}

/** Always false: all values of a record count. */
function countValue(values: Map<string, number>, value: unknown, count: number): false {
  const text = textOf(value)?.slice(0, FACET_CHARACTERS_MAX);
  if (text === undefined) return false;
  const before = values.get(text);
  if (before !== undefined || values.size < FACET_VALUES_MAX) values.set(text, (before ?? 0) + count);
  return false;
}

function shown(values: ReadonlyMap<string, number>): FacetValue[] {
  return [...values]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, FACET_SHOWN_MAX);
}

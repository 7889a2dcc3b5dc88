import type { Clock } from '../io/clock.ts';
import { Catalog, type BatchHeader } from '../journal/catalog.ts';
import { compileQuery, type CompiledQuery } from './compile.ts';
import { BatchText, findLines } from './line-finder.ts';
import type { TailGroup, TailStep } from './tail-messages.ts';

/** Records behind the journal's end at which those between are given up: nobody watches a flood line by line. */
const LAG_RECORDS_MAX = 50_000;
const LAG_RECORDS_KEPT = 5_000;
const PAGE = 64;
/** What one query is shown at once; as much as a person can scroll past. */
const SHOWN_RECORDS_MAX = 200;
const SHOWN_CHARACTERS_MAX = 131_072;
/** All queries together. */
const ALL_CHARACTERS_MAX = 4_194_304;
const LINE_CHARACTERS_MAX = 32_768;

/** A query that is followed, and what it has been shown in this step. */
interface Followed {
  readonly key: number;
  readonly query: CompiledQuery;
  records: string[];
  characters: number;
  missed: number;
}

/**
 * Follows the journal's end for any number of queries: each batch is read and unpacked once, each line parsed once at most. Synchronous, in
 * steps.
 */
export class TailDesk {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #followed = new Map<number, Followed>();
  #nextSeq = 0;
  #characters = 0;
  /** Where a batch was not what its header said: once more, and it is passed over. */
  #changedAt = -1;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Begins to follow a query from the journal's end. Throws `QUERY_INVALID`. */
  open(key: number, query: string): void {
    const compiled = compileQuery(query, this.#clock.nowMs());
    if (this.#followed.size === 0) {
      using catalog = new Catalog(this.#directory);
      this.#nextSeq = catalog.nextSeq();
    }
    this.#followed.set(key, { key, query: compiled, records: [], characters: 0, missed: 0 });
  }

  close(key: number): void {
    this.#followed.delete(key);
  }

  /** What was committed since the last step, as far as it can be looked at in about so long. */
  step(budgetMs: number): TailStep {
    if (this.#followed.size === 0) return { groups: [], skipped: 0, isBehind: false };
    const untilMs = this.#clock.monotonicMs() + budgetMs;
    this.#characters = 0;
    using catalog = new Catalog(this.#directory);
    const endSeq = catalog.nextSeq();
    const lag = endSeq - this.#nextSeq;
    const skipped = lag > LAG_RECORDS_MAX ? lag - LAG_RECORDS_KEPT : 0;
    this.#nextSeq += skipped;
    for (let page = catalog.from(this.#nextSeq, PAGE); page.length > 0; page = catalog.from(this.#nextSeq, PAGE)) {
      for (const header of page) {
        // What was merged meanwhile stands in another row: it is asked for anew.
        if (!this.#look(catalog, header)) break;
        // However little time there is, each step gets further.
        if (this.#clock.monotonicMs() >= untilMs)
          return { groups: this.#take(), skipped, isBehind: this.#nextSeq < endSeq };
      }
    }
    return { groups: this.#take(), skipped, isBehind: false };
  }

  /** False for a batch that is not there any more as its header says. */
  #look(catalog: Catalog, header: BatchHeader): boolean {
    const fromSeq = this.#nextSeq;
    const found = catalog.lines(header);
    if (found.kind === 'changed' && this.#changedAt !== fromSeq) {
      this.#changedAt = fromSeq;
      return false;
    }
    this.#nextSeq = Math.max(fromSeq, header.firstSeq + header.records);
    // Whoever reads it next sets aside what is damaged.
    if (found.kind !== 'lines') return true;
    const batch = new BatchText(header, found.lines);
    for (const followed of this.#followed.values()) this.#show(followed, header, batch, fromSeq);
    return true;
  }

  #show(followed: Followed, header: BatchHeader, batch: BatchText, fromSeq: number): void {
    const { query } = followed;
    const verdict = query.judge(header, undefined);
    if (verdict === 'none') return;
    if (verdict === 'all') {
      for (let index = Math.max(0, fromSeq - header.firstSeq); index < header.records; index++)
        if (batch.offsets[index + 1]! - batch.offsets[index]! > 1) this.#add(followed, batch, index);
      return;
    }
    for (const { seq } of findLines(query, batch, undefined, { newestFirst: false, timeOf: 'received' }))
      if (seq >= fromSeq) this.#add(followed, batch, seq - header.firstSeq);
  }

  #add(followed: Followed, batch: BatchText, index: number): void {
    const isFull =
      followed.records.length >= SHOWN_RECORDS_MAX ||
      followed.characters >= SHOWN_CHARACTERS_MAX ||
      this.#characters >= ALL_CHARACTERS_MAX;
    if (isFull) {
      followed.missed++;
      return;
    }
    const bytes = batch.offsets[index + 1]! - batch.offsets[index]!;
    const seq = batch.firstSeq + index;
    const content = bytes > LINE_CHARACTERS_MAX ? `"bytes":${bytes}` : `"record":${batch.line(index)}`;
    followed.records.push(`{"seq":${seq},${content}}`);
    followed.characters += content.length;
    this.#characters += content.length;
  }

  #take(): TailGroup[] {
    const groups: TailGroup[] = [];
    for (const followed of this.#followed.values()) {
      const { key, records, missed } = followed;
      if (records.length > 0 || missed > 0)
        groups.push({ key, records: `[${records.join(',')}]`, shown: records.length, missed });
      followed.records = [];
      followed.characters = 0;
      followed.missed = 0;
    }
    return groups;
  }
}

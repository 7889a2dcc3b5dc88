import type { Clock } from '../io/clock.ts';
import { Catalog } from '../journal/catalog.ts';
import { BatchWalk, type WalkedBatch } from './batch-walk.ts';
import { compileQuery, type CompiledQuery } from './compile.ts';
import { BatchText, findLines, type FoundLine } from './line-finder.ts';
import type { FoundRecord, SearchRequest, SearchStep } from './request.ts';

/** A step ends once it has this much to show, so that whoever takes it is not flooded. */
const STEP_CHARACTERS_MAX = 262_144;

interface OpenBatch {
  readonly batch: WalkedBatch;
  readonly lines: Iterator<FoundLine, void>;
}

/** One search over the journal in a folder, done in steps. Synchronous, for a thread of its own or a command. */
export class SearchRun implements Disposable {
  readonly #catalog: Catalog;
  readonly #query: CompiledQuery;
  readonly #request: SearchRequest;
  readonly #clock: Clock;
  readonly #walk: BatchWalk;
  /** The batch that is being looked through. */
  #open: OpenBatch | undefined;
  #cursor: number | undefined;

  /** Throws `QUERY_INVALID`, and `JOURNAL_UNUSABLE` where there is no journal. */
  constructor(directory: string, request: SearchRequest, clock: Clock) {
    this.#query = compileQuery(request.query, clock.nowMs());
    this.#request = request;
    this.#clock = clock;
    this.#catalog = new Catalog(directory);
    this.#walk = new BatchWalk(this.#catalog, this.#query, request);
  }

  /** Searches on for about so long. To be called until it tells an ending. */
  step(budgetMs: number): SearchStep {
    const found: FoundRecord[] = [];
    const untilMs = this.#clock.monotonicMs() + budgetMs;
    let characters = 0;
    while (!this.#full && !this.#walk.ended && characters < STEP_CHARACTERS_MAX) {
      const line = this.#nextLine();
      if (line === undefined) {
        // What was found first is shown before more is looked for.
        if (found.length > 0 && this.#walk.found === found.length) break;
        if (this.#clock.monotonicMs() >= untilMs) break;
      } else {
        found.push({ seq: line.seq, line: line.line, timeMs: line.timeMs });
        this.#walk.found++;
        this.#cursor = line.seq;
        characters += line.line.length;
      }
    }
    const ending = this.#walk.ended ? 'complete' : this.#full ? 'records' : undefined;
    const cursor = ending === 'complete' ? undefined : this.#open === undefined ? this.#walk.cursor : this.#cursor;
    return { found, progress: this.#walk.progress, ending, cursor };
  }

  get #full(): boolean {
    return this.#walk.found >= this.#request.recordsMax;
  }

  /** The next line that is meant; undefined after a batch was passed. */
  #nextLine(): FoundLine | undefined {
    this.#open ??= this.#openNext();
    if (this.#open === undefined) return undefined;
    const { batch, lines } = this.#open;
    for (let next = lines.next(); next.done !== true; next = lines.next())
      if (next.value.seq >= batch.fromSeq && next.value.seq < batch.endSeq) return next.value;
    this.#open = undefined;
    this.#walk.pass(batch.header);
    return undefined;
  }

  #openNext(): OpenBatch | undefined {
    const batch = this.#walk.next();
    const lines = batch === undefined ? undefined : this.#walk.read(batch.header);
    if (batch === undefined || lines === undefined) return undefined;
    const { range, order } = this.#request;
    const options = { newestFirst: order === 'newest', timeOf: range?.of ?? 'event' };
    // Where the first of the batch is left, the cursor must stand before it.
    this.#cursor = this.#walk.cursor;
    return { batch, lines: findLines(this.#query, new BatchText(batch.header, lines), range, options) };
  }

  [Symbol.dispose](): void {
    this.#catalog[Symbol.dispose]();
  }
}

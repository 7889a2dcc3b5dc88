import type { Clock } from '../io/clock.ts';
import { CountRun } from './count-run.ts';
import { Indexer } from './indexer.ts';
import type { QueryThreadCalls, QueryThreadOptions } from './query-messages.ts';
import type { CountRequest, CountStep, SearchRequest, SearchStep } from './request.ts';
import { SearchRun } from './search-run.ts';
import { TailDesk } from './tail-desk.ts';
import type { TailStep } from './tail-messages.ts';

/** How long one step takes: so short that others have their turn, so long that asking for it costs little. */
const STEP_MS = 20;

/** The same for all live tails together, a few times a second. */
const TAIL_STEP_MS = 40;

/** Does what the searching thread is asked for, one short step at a time. Synchronous. */
export class QueryDesk implements QueryThreadCalls {
  readonly #options: QueryThreadOptions;
  readonly #clock: Clock;
  readonly #searches = new Map<number, SearchRun>();
  readonly #counts = new Map<number, CountRun>();
  readonly #indexer: Indexer;
  readonly #tails: TailDesk;

  constructor(options: QueryThreadOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#indexer = new Indexer(options, clock);
    this.#tails = new TailDesk(options.directory, clock);
  }

  openSearch(id: number, request: SearchRequest): void {
    this.#searches.set(id, new SearchRun(this.#options.directory, request, this.#clock));
  }

  openCount(id: number, request: CountRequest): void {
    this.#counts.set(id, new CountRun(this.#options.directory, request, this.#clock));
  }

  stepSearch(id: number): SearchStep {
    return running(this.#searches, id).step(STEP_MS);
  }

  stepCount(id: number): CountStep {
    return running(this.#counts, id).step(STEP_MS);
  }

  end(id: number): void {
    for (const runs of [this.#searches, this.#counts]) {
      runs.get(id)?.[Symbol.dispose]();
      runs.delete(id);
    }
  }

  openTail(key: number, query: string): void {
    this.#tails.open(key, query);
  }

  closeTail(key: number): void {
    this.#tails.close(key);
  }

  stepTails(): TailStep {
    return this.#tails.step(TAIL_STEP_MS);
  }

  index(): boolean {
    return this.#indexer.step(STEP_MS);
  }
}

function running<Run>(runs: ReadonlyMap<number, Run>, id: number): Run {
  const run = runs.get(id);
  if (run === undefined) throw new Error(`search ${id} was never begun`);
  return run;
}

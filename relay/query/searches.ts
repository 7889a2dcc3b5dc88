import { Worker } from 'node:worker_threads';
import { RelayError } from '../errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import { Thread } from '../io/thread.ts';
import { IndexKeeper } from './index-keeper.ts';
import type { QueryThreadCalls, QueryThreadOptions } from './query-messages.ts';
import type { CountRequest, CountStep, SearchRequest, SearchStep } from './request.ts';
import { Tails } from './tails.ts';
import { Turns } from './turns.ts';

/** Searches that are done at the same time, step by step in turn; and those that wait until one of them ends. */
const RUNNING_MAX = 8;
const WAITING_MAX = 64;
/** Who does not take what was found for so long gives his turn to others; to go on later fails. */
const PATIENCE_MS = 60_000;
/** The thread and its memory go when nobody has searched for so long. */
const IDLE_MS = 60_000;

export interface SearchesOptions extends QueryThreadOptions {
  readonly clock: Clock;
  /** The place that the next record gets: the index of searches is kept up with it. */
  readonly nextSeq: () => number;
}

export interface RunOptions {
  /** Ends the search. */
  readonly signal?: AbortSignal;
  /** How long it may take, not counted while nobody asks for the next step. */
  readonly timeLimitMs: number;
}

/**
 * Searches over the journal of a running relay, in a thread of their own that gives way to all others. Whoever takes the steps decides how
 * fast a search goes: it does nothing between two of them.
 */
export class Searches {
  readonly #options: SearchesOptions;
  readonly #turns = new Turns(RUNNING_MAX, WAITING_MAX);
  readonly #index: IndexKeeper;
  /** Live tails. */
  readonly tails: Tails;
  #thread: Thread<QueryThreadCalls> | undefined;
  #users = 0;
  #nextId = 1;
  #idle: Timer | undefined;
  #closed = false;

  constructor(options: SearchesOptions) {
    this.#options = options;
    this.#index = new IndexKeeper({
      clock: options.clock,
      nextSeq: options.nextSeq,
      work: () => this.#use((thread) => thread.call('index')),
      isBusy: () => this.#turns.running > 0,
    });
    this.tails = new Tails({
      clock: options.clock,
      nextSeq: options.nextSeq,
      open: (key, query) => this.#use((thread) => thread.call('openTail', key, query)),
      close: (key) => this.#thread?.tell('closeTail', key),
      step: () => this.#use((thread) => thread.call('stepTails')),
    });
  }

  /**
   * What is found, step by step; the last one tells an ending. Throws `QUERY_INVALID` for a query that cannot be understood, `SEARCH_BUSY`
   * where too many wait already, and what keeps the journal from being read.
   */
  search(request: SearchRequest, options: RunOptions): AsyncGenerator<SearchStep, void> {
    const steps = {
      open: (thread: Thread<QueryThreadCalls>, id: number) => thread.call('openSearch', id, request),
      step: (thread: Thread<QueryThreadCalls>, id: number) => thread.call('stepSearch', id),
    };
    return this.#run<SearchStep>(steps, options);
  }

  /** What was counted so far, step by step; the last one tells an ending. Throws as `search` does. */
  count(request: CountRequest, options: RunOptions): AsyncGenerator<CountStep, void> {
    const steps = {
      open: (thread: Thread<QueryThreadCalls>, id: number) => thread.call('openCount', id, request),
      step: (thread: Thread<QueryThreadCalls>, id: number) => thread.call('stepCount', id),
    };
    return this.#run<CountStep>(steps, options);
  }

  /** Ends all searches. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#index.close();
    this.tails.close();
    this.#idle?.cancel();
    await this.#thread?.worker.terminate();
  }

  async *#run<Step extends SearchStep | CountStep>(
    steps: {
      readonly open: (thread: Thread<QueryThreadCalls>, id: number) => Promise<void>;
      readonly step: (thread: Thread<QueryThreadCalls>, id: number) => Promise<Step>;
    },
    { signal, timeLimitMs }: RunOptions,
  ): AsyncGenerator<Step, void> {
    const { clock } = this.#options;
    const turn = await this.#turns.take(signal);
    const id = this.#nextId++;
    this.#users++;
    let thread: Thread<QueryThreadCalls> | undefined;
    let patience: Timer | undefined;
    const abandon = once(() => {
      thread?.tell('end', id);
      this.#release();
      turn[Symbol.dispose]();
    });
    try {
      thread = this.#runningThread();
      let leftMs = timeLimitMs;
      await steps.open(thread, id);
      for (;;) {
        const startedMs = clock.monotonicMs();
        const step = await steps.step(thread, id);
        leftMs -= clock.monotonicMs() - startedMs;
        const ending = step.ending ?? (signal?.aborted === true ? 'cancelled' : leftMs <= 0 ? 'time' : undefined);
        patience = clock.after(PATIENCE_MS, abandon);
        yield { ...step, ending };
        patience.cancel();
        if (ending !== undefined) return;
      }
    } finally {
      patience?.cancel();
      abandon();
    }
  }

  async #use<T>(work: (thread: Thread<QueryThreadCalls>) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this.#runningThread());
    } finally {
      this.#release();
    }
  }

  #release(): void {
    this.#users--;
    if (this.#users > 0 || this.#closed) return;
    this.#idle?.cancel();
    this.#idle = this.#options.clock.after(IDLE_MS, () => {
      if (this.#users === 0 && this.tails.count === 0) void this.#thread?.worker.terminate();
    });
  }

  #runningThread(): Thread<QueryThreadCalls> {
    if (this.#closed) throw new RelayError('JOURNAL_CLOSED', 'the relay is stopping');
    this.#idle?.cancel();
    if (this.#thread === undefined || this.#thread.ended) {
      const { directory, freeBytesMin, indexBytesMax } = this.#options;
      const worker = startQueryThread({ directory, freeBytesMin, indexBytesMax });
      this.#thread = new Thread<QueryThreadCalls>(worker);
      // What it followed is gone with it.
      worker.on('exit', () => this.tails.fail(new RelayError('SEARCH_BUSY', 'the thread that searches has ended')));
    }
    return this.#thread;
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** The same code runs as TypeScript source and as built JavaScript. */
function startQueryThread(options: QueryThreadOptions): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./query-worker.${extension}`, import.meta.url), {
    workerData: options,
    name: 'query',
    resourceLimits: { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 },
  });
}

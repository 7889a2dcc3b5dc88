import type { Clock, Timer } from '../io/clock.ts';

/** How often it is asked whether there is something to do. */
const LOOK_INTERVAL_MS = 30_000;
/** Fewer new records than this are looked through faster than an index of them is made. */
const WORTHWHILE_RECORDS = 50_000;
/** Sketches of what was purged go at least this often, though nothing is new. */
const SWEEP_INTERVAL_MS = 6 * 3_600_000;
/** After each step it rests so many times as long as the step took: a small part of one processor at most. */
const REST = 3;
const BUSY_REST_MS = 1_000;

export interface IndexKeeperOptions {
  readonly clock: Clock;
  readonly nextSeq: () => number;
  /** Works for a short time. Resolves with true where there is more to do. */
  readonly work: () => Promise<boolean>;
  /** True while somebody waits for a search. */
  readonly isBusy: () => boolean;
}

/** Decides when the index of searches is worked on: when enough is new, and nobody searches; never in a hurry. */
export class IndexKeeper {
  readonly #options: IndexKeeperOptions;
  readonly #look: Timer;
  #rest: Timer | undefined;
  #isWorking = false;
  #doneSeq = 0;
  #doneMs: number;
  #closed = false;

  constructor(options: IndexKeeperOptions) {
    this.#options = options;
    this.#doneMs = options.clock.monotonicMs();
    this.#look = options.clock.every(LOOK_INTERVAL_MS, () => {
      if (!this.#isWorking && this.#isWorthwhile()) void this.#work(options.nextSeq());
    });
  }

  close(): void {
    this.#closed = true;
    this.#look.cancel();
    this.#rest?.cancel();
  }

  #isWorthwhile(): boolean {
    const { clock, nextSeq } = this.#options;
    return nextSeq() - this.#doneSeq >= WORTHWHILE_RECORDS || clock.monotonicMs() - this.#doneMs >= SWEEP_INTERVAL_MS;
  }

  async #work(upToSeq: number): Promise<void> {
    this.#isWorking = true;
    const { clock, isBusy, work } = this.#options;
    const startedMs = clock.monotonicMs();
    let more = true;
    // What fails is tried again with the next look: searches work without an index, only slower.
    if (!isBusy()) more = await work().catch(() => false);
    if (this.#closed) return;
    if (!more) {
      this.#doneSeq = upToSeq;
      this.#doneMs = clock.monotonicMs();
      this.#isWorking = false;
      return;
    }
    const restMs = isBusy() ? BUSY_REST_MS : (clock.monotonicMs() - startedMs) * REST;
    this.#rest = clock.after(restMs, () => void this.#work(upToSeq));
  }
}

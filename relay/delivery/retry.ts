import type { RelayError } from '../errors.ts';
import { sleep } from '../io/clock.ts';
import { nextDelayMs } from './backoff.ts';
import type { DispatcherOptions } from './dispatcher-options.ts';

/** Failed attempts in a row, and the wait before the next one. */
export class Retry {
  readonly #options: DispatcherOptions;
  /** Failed attempts since the last success; what was in flight together counts as one. */
  #failures = 0;
  #last: RelayError | undefined;
  #due = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** True where an attempt failed and the wait after it is not over. */
  get due(): boolean {
    return this.#due;
  }

  failed(failure: RelayError): void {
    this.#failures++;
    this.#last = failure;
    this.#due = true;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Waits before the next attempt, once nothing is under way any more. */
  async wait(signal: AbortSignal): Promise<void> {
    this.#due = false;
    const failure = this.#last;
    if (failure === undefined || signal.aborted) return;
    const { clock, random, events, endpoint, backoffMinMs, backoffMaxMs } = this.#options;
    const elsewhere = this.#options.onFailure();
    const limits = { minMs: backoffMinMs, maxMs: backoffMaxMs };
    const failures = Math.max(1, this.#failures);
    const delayMs = elsewhere ? 0 : nextDelayMs(failures, limits, random.fraction(), failure.retryAfterMs);
    events.retrying(endpoint, failure, delayMs);
    await sleep(clock, delayMs, signal);
  }
}

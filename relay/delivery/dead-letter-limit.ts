import { sleep } from '../io/clock.ts';
import type { DispatcherOptions } from './dispatcher-options.ts';

/** How often it is looked whether an operator has made room for dead letters. */
const CHECK_MS = 10_000;

/** How many dead letters an endpoint has. At the limit somebody must look at them before there may be more. */
export class DeadLetterLimit {
  readonly #options: DispatcherOptions;
  #count: number;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#count = options.deadLetters;
  }

  get reached(): boolean {
    return this.#count >= Math.max(1, this.#options.deadLettersMax);
  }

  add(): void {
    this.#count++;
  }

  /** Resolves once there is room again, or when `signal` is aborted. */
  async waitForRoom(signal: AbortSignal): Promise<void> {
    const { clock, events, endpoint, journal } = this.#options;
    events.deadLettersFull(endpoint, this.#count);
    while (this.reached && !signal.aborted) {
      await sleep(clock, CHECK_MS, signal);
      const cursors = await journal.cursors().catch(() => []);
      this.#count = cursors.find((cursor) => cursor.endpoint === endpoint)?.deadLettered ?? this.#count;
    }
  }
}

import type { Delivery, DeliveryLimits, Output } from '../../relay/component/output.ts';
import { RelayError } from '../../relay/errors.ts';
import { messagesOf } from './fake-journal.ts';

export type Answer = 'take' | 'hang' | 'down' | RelayError;

/** An endpoint that does as it is told for each delivery, and keeps what it took, in the order of taking. */
export class FakeOutput implements Output {
  readonly limits: DeliveryLimits;
  /** Messages taken, each delivery's in one piece. */
  readonly taken: string[] = [];
  attempts = 0;
  inFlight = 0;
  inFlightMost = 0;
  probes = 0;
  closes = 0;
  /** What becomes of a delivery of these messages. */
  answer: (messages: readonly string[], attempt: number) => Answer = () => 'take';
  /** Awaited before each answer. */
  before: () => Promise<void> = async () => {};
  /** Hanging deliveries end only when they are told to, not when they are aborted. */
  deaf = false;
  readonly #hanging = new Set<() => void>();
  /** Calls on one connection are answered in order; one that fails takes those after it along. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: Partial<DeliveryLimits> = {}) {
    this.limits = { recordsMax: 100, bytesMax: 1_000_000, inFlightMax: 1, ...limits };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    this.attempts++;
    this.inFlight++;
    this.inFlightMost = Math.max(this.inFlightMost, this.inFlight);
    const attempt = this.attempts;
    const previous = this.#last;
    const run = this.#answer(delivery, signal, attempt, previous);
    this.#last = run.catch((error: unknown) => {
      if (!(error instanceof RelayError) || error.disposition === 'retry') throw error;
    });
    this.#last.catch(() => {});
    try {
      await run;
    } finally {
      this.inFlight--;
      if (this.inFlight === 0) this.#last = Promise.resolve();
    }
  }

  async #answer(delivery: Delivery, signal: AbortSignal, attempt: number, previous: Promise<unknown>): Promise<void> {
    await previous.catch((cause: unknown) => {
      throw new RelayError('OUTPUT_CONNECTION_LOST', 'one before this failed', { cause });
    });
    await this.before();
    const messages = messagesOf(delivery);
    if (messages.length !== delivery.records) throw new Error('a delivery does not hold what it says');
    const answer = this.answer(messages, attempt);
    if (answer === 'hang') await this.#hang(signal);
    else if (answer === 'down') throw new RelayError('OUTPUT_UNREACHABLE', 'nobody there');
    else if (answer === 'take') this.taken.push(...messagesOf(delivery));
    else {
      if (answer.recordIndex !== undefined && answer.recordIndex > 0 && answer.recordIndex < messages.length)
        this.taken.push(...messages.slice(0, answer.recordIndex));
      throw answer;
    }
  }

  #hang(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const end = (): void => reject(new RelayError('OUTPUT_TIMEOUT', 'given up'));
      this.#hanging.add(end);
      if (!this.deaf) signal.addEventListener('abort', end);
    });
  }

  /** Ends the deliveries that hang, as a reset connection would. */
  cutHanging(): void {
    for (const end of this.#hanging) end();
    this.#hanging.clear();
  }

  async probe(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.probes++;
    if (this.answer([], this.attempts) !== 'take') throw new RelayError('OUTPUT_UNREACHABLE', 'nobody there');
  }

  async close(): Promise<void> {
    this.closes++;
  }
}

import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { sleep, type Clock } from '../../io/clock.ts';
import type { RotatingFile } from './rotating-file.ts';

export interface FileOutputOptions {
  readonly file: RotatingFile;
  readonly clock: Clock;
  readonly limits: DeliveryLimits;
  /** The least time between two syncs; 0 syncs as soon as something has been written. */
  readonly syncIntervalMs: number;
  /** Deliveries that are more together are not written together, so that a file does not grow above its bound by a whole group. */
  readonly groupBytesMax: number;
}

interface Waiting {
  readonly lines: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Deliveries that arrive while one group is being written and synced make up the next group, with one sync for all. */
export class FileOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: FileOutputOptions;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #hurry = new AbortController();
  #syncedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FileOutputOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    return this.#queue(delivery.lines, signal);
  }

  /** Waits its turn like a delivery, since a file is opened once. */
  probe(signal: AbortSignal): Promise<void> {
    return this.#queue(Buffer.alloc(0), signal);
  }

  async close(): Promise<void> {
    this.#hurry.abort();
    await this.#working;
    this.#hurry = new AbortController();
    await this.#options.file.close();
  }

  async #queue(lines: Buffer, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const one: Waiting = { lines, resolve, reject };
    this.#waiting.push(one);
    // What is being written is waited for; what is not yet is let go.
    const abandon = (): void => {
      const left = this.#waiting.filter((other) => other !== one);
      if (left.length === this.#waiting.length) return;
      this.#waiting = left;
      reject(new RelayError('OUTPUT_CONNECTION_LOST', 'the delivery was given up'));
    };
    signal.addEventListener('abort', abandon);
    if (signal.aborted) abandon();
    this.#working ??= this.#work();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  async #work(): Promise<void> {
    // The first turn is left to others, so that deliveries that start together are written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#waitForInterval();
      const group = this.#takeGroup();
      try {
        await this.#options.file.append(group.map((one) => one.lines));
        this.#syncedAtMs = this.#options.clock.monotonicMs();
        for (const one of group) one.resolve();
      } catch (error) {
        // Those that came meanwhile are after the ones that failed, and must not overtake them.
        for (const one of [...group, ...this.#waiting.splice(0)]) one.reject(error);
      }
    }
    // In one step with the last look at what is waiting: what comes from now on starts work anew.
    this.#working = undefined;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((one, i) => (bytes += one.lines.length) > this.#options.groupBytesMax && i > 0);
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #waitForInterval(): Promise<void> {
    const { clock, syncIntervalMs } = this.#options;
    const waitMs = this.#syncedAtMs + syncIntervalMs - clock.monotonicMs();
    if (waitMs > 0) await sleep(clock, waitMs, this.#hurry.signal);
  }
}

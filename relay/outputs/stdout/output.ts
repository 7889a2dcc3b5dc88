import type { Writable } from 'node:stream';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';

const LF = Buffer.from('\n');

export class StdoutOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #open: () => Writable;
  #stream: Writable | undefined;
  #failure: Error | undefined;
  /** True where the last write may have ended within a line. */
  #isCut = false;

  constructor(limits: DeliveryLimits, open: () => Writable) {
    this.limits = limits;
    this.#open = open;
  }

  /** Throws `OUTPUT_CONNECTION_LOST` where nobody reads any more. */
  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const stream = this.#current();
    // What is left of a line that was cut must not swallow the next one.
    const lines = this.#isCut ? Buffer.concat([LF, delivery.lines]) : delivery.lines;
    this.#isCut = true;
    await new Promise<void>((resolve, reject) => {
      const abandon = (): void => settle(new Error('the delivery was given up'));
      const settle = (cause?: Error | null): void => {
        signal.removeEventListener('abort', abandon);
        stream.off('error', settle);
        if (cause === undefined || cause === null) return resolve();
        this.#drop();
        reject(new RelayError('OUTPUT_CONNECTION_LOST', 'cannot write to standard output', { cause }));
      };
      signal.addEventListener('abort', abandon);
      if (signal.aborted) return abandon();
      stream.once('error', settle);
      stream.write(lines, settle);
    });
    this.#isCut = false;
  }

  probe(): Promise<void> {
    this.#current();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#drop();
    return Promise.resolve();
  }

  #current(): Writable {
    if (this.#failure !== undefined) this.#drop();
    if (this.#stream !== undefined) return this.#stream;
    try {
      this.#stream = this.#open();
    } catch (cause) {
      throw new RelayError('OUTPUT_CONNECTION_LOST', 'cannot write to standard output', { cause });
    }
    // Without a handler a reader that ends would end the relay.
    this.#stream.on('error', (error) => (this.#failure = error));
    return this.#stream;
  }

  #drop(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#failure = undefined;
  }
}

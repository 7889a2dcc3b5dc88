/** While so many bytes, or messages, of a connection wait to be durable, nothing more is taken from it. */
const UNSETTLED_BYTES_MAX = 4 << 20;
const UNSETTLED_MESSAGES_MAX = 1_000;

export interface AckQueueOptions {
  readonly send: (ack: Buffer) => void;
  /** A message was not kept; its ack is not sent. */
  readonly onFailed: (error: unknown) => void;
}

/** The acks that one connection is waiting for. They leave in the order of their messages, each when its message is durable. */
export class AckQueue {
  readonly #options: AckQueueOptions;
  #settled: Promise<void> = Promise.resolve();
  #bytes = 0;
  #messages = 0;

  constructor(options: AckQueueOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#bytes > UNSETTLED_BYTES_MAX || this.#messages >= UNSETTLED_MESSAGES_MAX;
  }

  /** Settles, and never rejects, when all messages so far are durable or were refused. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** `kept` settles with the fate of a message of so many bytes. */
  add(kept: Promise<unknown>, ack: Buffer, bytes: number): void {
    this.#bytes += bytes;
    this.#messages++;
    const outcome = kept.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#settled = this.#settled
      .then(() => outcome)
      .then((failure) => {
        this.#bytes -= bytes;
        this.#messages--;
        if (failure === undefined) this.#options.send(ack);
        else this.#options.onFailed(failure.error);
      });
  }
}

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { RelayError } from '../errors.ts';
import { sleep, type Clock, type Timer } from './clock.ts';
import { networkError } from './network-error.ts';
import { tcpProgress, type TcpProgress } from './tcp-progress.ts';

export interface OneWayConnectionOptions {
  /** What the peer is called in errors. */
  readonly name: string;
  readonly clock: Clock;
  /** How long the peer may leave one write unread, with all the buffers on the way to it full. */
  readonly writeStallTimeoutMs: number;
  /** Told once, when the connection ends in whatever way: it is of no use any more. */
  readonly forget: () => void;
  /** Told once, when it ended otherwise than by `close`: what was written last may not have arrived. */
  readonly lost: () => void;
  /** Asks the kernel what of the bytes has arrived; a test brings its own. */
  readonly progress?: (socket: Socket) => Promise<TcpProgress | undefined>;
}

/** How often the kernel is asked while bytes are on their way. */
const PROGRESS_INTERVAL_MS = 1_000;
/** As often sent again without an answer, about ten seconds, means that nobody is there. */
const RETRANSMISSIONS_MAX = 5;
/**
 * Where the kernel took so much since it was asked last, it need not be asked: its buffer is smaller, so the peer has confirmed some of
 * it. To ask costs milliseconds, for the answer lists every connection of the machine.
 */
const FLOWING_BYTES = 64 * 1_048_576;
/** How long `close` waits for what the kernel was given to reach the peer. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * An established TCP or TLS connection to a peer that never answers. Writes in order, and notices when the peer goes away: also while
 * nothing is being written, and also without a word.
 */
export class OneWayConnection {
  readonly #socket: Socket;
  readonly #options: OneWayConnectionOptions;
  #failure: RelayError | undefined;
  #isClosing = false;
  #writesPending = 0;
  /** Bytes that the kernel took, and how many they were when it was asked last. */
  #takenBytes = 0;
  #askedBytes = 0;
  /** Runs while bytes are on their way. */
  #watch: Timer | undefined;

  constructor(socket: Socket, options: OneWayConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { name } = options;
    socket.on('error', (error) => this.#fail(networkError(error, name, 'use')));
    const ended = (): void => this.#fail(new RelayError('OUTPUT_CONNECTION_LOST', `${name} closed the connection`));
    socket.on('end', ended).on('close', ended);
    // Nothing is expected; reading is how the end of the connection is seen.
    socket.resume();
    if (socket.destroyed) ended();
  }

  /** Resolves when the kernel has all of `bytes`. Throws `OUTPUT_CONNECTION_LOST` or `OUTPUT_TIMEOUT`; then it is of no more use. */
  write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const { name, clock, writeStallTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const abandon = (): void => this.#fail(this.#givenUp());
      if (signal.aborted) abandon();
      if (this.#failure !== undefined) return reject(this.#failure);
      const stall = clock.after(writeStallTimeoutMs, () =>
        this.#fail(new RelayError('OUTPUT_TIMEOUT', `${name} took nothing for ${writeStallTimeoutMs} ms`)),
      );
      signal.addEventListener('abort', abandon);
      this.#writesPending++;
      this.#watch ??= clock.every(PROGRESS_INTERVAL_MS, () => void this.#checkProgress());
      this.#socket.write(bytes, (error) => {
        this.#writesPending--;
        this.#takenBytes += bytes.length;
        stall.cancel();
        signal.removeEventListener('abort', abandon);
        if (error === undefined || error === null) resolve();
        else reject(this.#failure ?? networkError(error, name, 'use'));
      });
    });
  }

  /** Waits a little for what was written to arrive. What is still being written is given up. May be called twice. */
  async close(): Promise<void> {
    if (this.#failure !== undefined || this.#isClosing) return;
    // The bytes may be used for something else as soon as their writer gave up: not one more of them is sent.
    if (this.#writesPending > 0) return this.#fail(this.#givenUp());
    this.#isClosing = true;
    this.#options.forget();
    this.#unwatch();
    const enough = new AbortController();
    const closed = once(this.#socket, 'close', { signal: enough.signal }).catch(() => {});
    this.#socket.end();
    await Promise.race([closed, sleep(this.#options.clock, CLOSE_TIMEOUT_MS, enough.signal)]);
    enough.abort();
    this.#socket.destroy();
  }

  async #checkProgress(): Promise<void> {
    const { progress = tcpProgress, name } = this.#options;
    const flowing = this.#takenBytes - this.#askedBytes >= FLOWING_BYTES;
    this.#askedBytes = this.#takenBytes;
    if (flowing) return;
    const { bytesWritten } = this.#socket;
    const found = await progress(this.#socket);
    if (found !== undefined && found.retransmissions >= RETRANSMISSIONS_MAX)
      this.#fail(new RelayError('OUTPUT_TIMEOUT', `${name} confirms nothing any more`));
    const hasArrived = found === undefined || found.unconfirmedBytes === 0;
    if (hasArrived && this.#writesPending === 0 && bytesWritten === this.#socket.bytesWritten) this.#unwatch();
  }

  #givenUp(): RelayError {
    return new RelayError('OUTPUT_CONNECTION_LOST', `gave up on ${this.#options.name}`);
  }

  #unwatch(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  #fail(error: RelayError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#unwatch();
    this.#socket.destroy();
    if (this.#isClosing) return;
    this.#options.forget();
    this.#options.lost();
  }
}

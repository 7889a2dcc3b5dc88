import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { sleep, type Timer } from '../../io/clock.ts';
import { networkError } from '../../io/network-error.ts';
import { tcpProgress, type TcpProgress } from '../../io/tcp-progress.ts';
import { givenUp, openSocket, type Target } from './target.ts';

export interface TcpOptions {
  readonly target: Target;
  readonly limits: DeliveryLimits;
  /** How long the peer may leave one delivery unread, with all the buffers on the way to it full. */
  readonly writeStallTimeoutMs: number;
  /** Told of each connection that ended otherwise than by `close`. */
  readonly connectionLost: () => void;
  /** What is known of bytes on their way; a test brings its own. */
  readonly progress?: (socket: Socket) => Promise<TcpProgress | undefined>;
}

/** How long `close` waits for what the kernel was given to reach the peer. */
const CLOSE_TIMEOUT_MS = 2_000;
/** While the peer's kernel has not confirmed everything, ours is asked this often how it goes. */
const PROGRESS_INTERVAL_MS = 1_000;
/**
 * After so many retransmissions without an answer (6 s where the round trip is short) the peer is taken to be gone. Left to itself the
 * kernel goes on for 15 minutes, and all that time takes more lines from us.
 */
const RETRANSMISSIONS_MAX = 5;

/** Logstash's tcp input with its json_lines codec: the stored lines as they are, and no acknowledgement. */
export class TcpOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: TcpOptions;
  /** Awaited by every delivery, established or not, so that none overtakes another. */
  #connection: Promise<Connection> | undefined;
  #connecting = new AbortController();

  constructor(options: TcpOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw givenUp(this.#options.target);
    this.#connection ??= this.#open(signal);
    const connection = await this.#connection;
    await connection.write(delivery.lines, signal);
  }

  async probe(signal: AbortSignal): Promise<void> {
    const socket = await openSocket(this.#options.target, signal);
    socket.destroy();
  }

  async close(): Promise<void> {
    this.#connecting.abort();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    const forget = (): void => {
      this.#connection = undefined;
    };
    this.#connecting = new AbortController();
    try {
      const socket = await openSocket(this.#options.target, AbortSignal.any([signal, this.#connecting.signal]));
      return new Connection(socket, this.#options, forget);
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** One established connection: writes in order, and notices when the peer goes away, also while nothing is being written. */
class Connection {
  readonly #socket: Socket;
  readonly #options: TcpOptions;
  readonly #forget: () => void;
  #failure: RelayError | undefined;
  #closing = false;
  #writesPending = 0;
  /** Runs while bytes are on their way. */
  #watch: Timer | undefined;

  constructor(socket: Socket, options: TcpOptions, forget: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#forget = forget;
    const { url } = options.target;
    socket.on('error', (error) => this.#fail(networkError(error, url, 'use')));
    const ended = (): void => this.#fail(new RelayError('OUTPUT_CONNECTION_LOST', `${url} closed the connection`));
    socket.on('end', ended).on('close', ended);
    // The input never answers; reading is how an end of the connection is seen.
    socket.resume();
    if (socket.destroyed) ended();
  }

  /** Resolves when the kernel has all of `lines`. */
  write(lines: Buffer, signal: AbortSignal): Promise<void> {
    const { target, writeStallTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      if (signal.aborted) return reject(givenUp(target));
      const abandon = (): void => this.#fail(givenUp(target));
      const stall = target.clock.after(writeStallTimeoutMs, () =>
        this.#fail(new RelayError('OUTPUT_TIMEOUT', `${target.url} took nothing for ${writeStallTimeoutMs} ms`)),
      );
      signal.addEventListener('abort', abandon);
      this.#writesPending++;
      this.#watch ??= target.clock.every(PROGRESS_INTERVAL_MS, () => void this.#checkProgress());
      this.#socket.write(lines, (error) => {
        this.#writesPending--;
        stall.cancel();
        signal.removeEventListener('abort', abandon);
        if (error === undefined || error === null) resolve();
        else reject(this.#failure ?? networkError(error, target.url, 'use'));
      });
    });
  }

  /** Finds a peer that has vanished without a word: nothing else tells, where nobody acknowledges. */
  async #checkProgress(): Promise<void> {
    const { progress = tcpProgress, target } = this.#options;
    const bytesWritten = this.#socket.bytesWritten;
    const found = await progress(this.#socket);
    if (found !== undefined && found.retransmissions >= RETRANSMISSIONS_MAX) {
      this.#fail(new RelayError('OUTPUT_TIMEOUT', `${target.url} confirms nothing any more`));
    }
    const arrived = found === undefined || found.unconfirmedBytes === 0;
    if (arrived && this.#writesPending === 0 && bytesWritten === this.#socket.bytesWritten) this.#unwatch();
  }

  #unwatch(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined || this.#closing) return;
    this.#closing = true;
    this.#forget();
    this.#unwatch();
    // Lines that are still ours to send may be reused by their owner as soon as we give them up: not one byte more of them is sent.
    if (this.#writesPending > 0) return this.#fail(givenUp(this.#options.target));
    const enough = new AbortController();
    const closed = once(this.#socket, 'close', { signal: enough.signal }).catch(() => {});
    this.#socket.end();
    await Promise.race([closed, sleep(this.#options.target.clock, CLOSE_TIMEOUT_MS, enough.signal)]);
    enough.abort();
    this.#socket.destroy();
  }

  #fail(error: RelayError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#unwatch();
    this.#socket.destroy();
    if (this.#closing) return;
    this.#forget();
    this.#options.connectionLost();
  }
}

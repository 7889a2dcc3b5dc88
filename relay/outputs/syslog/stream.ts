import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Delivery, DeliveryLimits, Output, OutputContext } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { sleep } from '../../io/clock.ts';
import { connect } from '../../io/connect.ts';
import type { EndpointAddress } from '../../io/endpoint-url.ts';
import { formatAddress } from '../../io/listen-url.ts';
import { networkError } from '../../io/network-error.ts';
import type { TlsClientFiles } from '../../io/tls-files.ts';
import { frameSyslog, type Framing } from '../../wire/syslog-encode.ts';
import type { MessageEncoder } from './message-encoder.ts';

export interface StreamOutputOptions {
  readonly address: EndpointAddress;
  readonly tls: TlsClientFiles | undefined;
  readonly encoder: MessageEncoder;
  readonly framing: Framing;
  readonly limits: DeliveryLimits;
  readonly connectTimeoutMs: number;
  readonly writeStallTimeoutMs: number;
  readonly context: OutputContext;
}

/** How long `close` waits for what the kernel was given to reach the receiver. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Syslog over TCP or TLS. */
export class StreamOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: StreamOutputOptions;
  readonly #name: string;
  #connection: Connection | undefined;

  constructor(options: StreamOutputOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.#name = formatAddress(options.address.host, options.address.port);
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { encoder, framing } = this.#options;
    const { messages, refused } = encoder.encode(delivery.lines);
    this.#connection ??= new Connection(await this.#open(signal), this.#name, this.#options, () => {
      this.#connection = undefined;
    });
    const frames = Buffer.concat(messages.map((message) => frameSyslog(message, framing)));
    if (frames.length > 0) await this.#connection.write(frames, signal);
    if (refused !== undefined) throw refused;
  }

  async probe(signal: AbortSignal): Promise<void> {
    (await this.#open(signal)).destroy();
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #open(signal: AbortSignal): Promise<Socket> {
    const { address, tls, connectTimeoutMs: timeoutMs, context } = this.#options;
    return connect({ host: address.host, port: address.port, tls, clock: context.clock, timeoutMs, signal });
  }
}

/** One established connection. Notices when the receiver goes away, also while nothing is being written. */
class Connection {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #options: StreamOutputOptions;
  readonly #forget: () => void;
  #failure: RelayError | undefined;
  #isClosing = false;

  constructor(socket: Socket, name: string, options: StreamOutputOptions, forget: () => void) {
    this.#socket = socket;
    this.#name = name;
    this.#options = options;
    this.#forget = forget;
    socket.on('error', (error) => this.#fail(networkError(error, name, 'use')));
    const ended = (): void => this.#fail(new RelayError('OUTPUT_CONNECTION_LOST', `${name} closed the connection`));
    socket.on('end', ended).on('close', ended);
    // A receiver has nothing to say; reading is how the end of the connection is seen.
    socket.resume();
    if (socket.destroyed) ended();
  }

  /** Resolves when the kernel has all of `frames`. */
  write(frames: Buffer, signal: AbortSignal): Promise<void> {
    const { writeStallTimeoutMs, context } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const abandon = (): void => this.#fail(new RelayError('OUTPUT_CONNECTION_LOST', `gave up on ${this.#name}`));
      if (signal.aborted) abandon();
      signal.addEventListener('abort', abandon);
      const stall = context.clock.after(writeStallTimeoutMs, () =>
        this.#fail(new RelayError('OUTPUT_TIMEOUT', `${this.#name} took nothing for ${writeStallTimeoutMs} ms`)),
      );
      this.#socket.write(frames, (error) => {
        stall.cancel();
        signal.removeEventListener('abort', abandon);
        if (error === undefined || error === null) return resolve();
        reject(this.#failure ?? networkError(error, this.#name, 'use'));
      });
    });
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined || this.#isClosing) return;
    this.#isClosing = true;
    this.#forget();
    const enough = new AbortController();
    const closed = once(this.#socket, 'close', { signal: enough.signal }).catch(() => {});
    this.#socket.end();
    await Promise.race([closed, sleep(this.#options.context.clock, CLOSE_TIMEOUT_MS, enough.signal)]);
    enough.abort();
    this.#socket.destroy();
  }

  #fail(error: RelayError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    if (this.#isClosing) return;
    this.#forget();
    this.#options.context.connectionLost();
  }
}

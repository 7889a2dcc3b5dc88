import type { Socket } from 'node:net';
import type { Delivery, DeliveryLimits, Output, OutputContext } from '../../component/output.ts';
import { connect } from '../../io/connect.ts';
import type { EndpointAddress } from '../../io/endpoint-url.ts';
import { formatAddress } from '../../io/listen-url.ts';
import { OneWayConnection } from '../../io/one-way-connection.ts';
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

/** Syslog over TCP or TLS. */
export class StreamOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: StreamOutputOptions;
  readonly #name: string;
  /** Awaited by every delivery, established or not, so that none overtakes another. */
  #connection: Promise<OneWayConnection> | undefined;
  #connecting = new AbortController();

  constructor(options: StreamOutputOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.#name = formatAddress(options.address.host, options.address.port);
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { encoder, framing } = this.#options;
    const { messages, refused } = encoder.encode(delivery.lines);
    this.#connection ??= this.#connect(signal);
    const connection = await this.#connection;
    const frames = Buffer.concat(messages.map((message) => frameSyslog(message, framing)));
    if (frames.length > 0) await connection.write(frames, signal);
    if (refused !== undefined) throw refused;
  }

  async probe(signal: AbortSignal): Promise<void> {
    (await this.#open(signal)).destroy();
  }

  async close(): Promise<void> {
    this.#connecting.abort();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #connect(signal: AbortSignal): Promise<OneWayConnection> {
    const { context, writeStallTimeoutMs } = this.#options;
    const forget = (): void => {
      this.#connection = undefined;
    };
    this.#connecting = new AbortController();
    try {
      const socket = await this.#open(AbortSignal.any([signal, this.#connecting.signal]));
      const lost = (): void => context.connectionLost();
      return new OneWayConnection(socket, {
        name: this.#name,
        clock: context.clock,
        writeStallTimeoutMs,
        forget,
        lost,
      });
    } catch (error) {
      forget();
      throw error;
    }
  }

  #open(signal: AbortSignal): Promise<Socket> {
    const { address, tls, connectTimeoutMs: timeoutMs, context } = this.#options;
    return connect({ host: address.host, port: address.port, tls, clock: context.clock, timeoutMs, signal });
  }
}

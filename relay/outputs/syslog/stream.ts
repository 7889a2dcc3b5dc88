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
  #connection: OneWayConnection | undefined;

  constructor(options: StreamOutputOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.#name = formatAddress(options.address.host, options.address.port);
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { encoder, framing } = this.#options;
    const { messages, refused } = encoder.encode(delivery.lines);
    this.#connection ??= await this.#connect(signal);
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

  async #connect(signal: AbortSignal): Promise<OneWayConnection> {
    const { context, writeStallTimeoutMs } = this.#options;
    return new OneWayConnection(await this.#open(signal), {
      name: this.#name,
      clock: context.clock,
      writeStallTimeoutMs,
      forget: () => (this.#connection = undefined),
      lost: () => context.connectionLost(),
    });
  }

  #open(signal: AbortSignal): Promise<Socket> {
    const { address, tls, connectTimeoutMs: timeoutMs, context } = this.#options;
    return connect({ host: address.host, port: address.port, tls, clock: context.clock, timeoutMs, signal });
  }
}

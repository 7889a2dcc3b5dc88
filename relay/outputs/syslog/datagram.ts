import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Delivery, DeliveryLimits, Output, OutputContext } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import type { EndpointAddress } from '../../io/endpoint-url.ts';
import { formatAddress } from '../../io/listen-url.ts';
import { networkError } from '../../io/network-error.ts';
import type { MessageEncoder } from './message-encoder.ts';

export interface DatagramOutputOptions {
  readonly address: EndpointAddress;
  readonly encoder: MessageEncoder;
  readonly limits: DeliveryLimits;
  readonly context: OutputContext;
}

/** The name is looked up again after this long: nothing else tells a sender of datagrams that its receiver has moved. */
const SOCKET_AGE_MAX_MS = 300_000;

/** Syslog over UDP (RFC 5426): a datagram for each message. */
export class DatagramOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: DatagramOutputOptions;
  readonly #name: string;
  #socket: Socket | undefined;
  #openedAtMs = 0;
  /** What the network said about datagrams that had left already. */
  #failure: RelayError | undefined;

  constructor(options: DatagramOutputOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.#name = formatAddress(options.address.host, options.address.port);
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { messages, refused } = this.#options.encoder.encode(delivery.lines);
    const socket = await this.#current();
    for (const [index, message] of messages.entries()) {
      if (signal.aborted) throw new RelayError('OUTPUT_CONNECTION_LOST', `gave up on ${this.#name}`);
      await this.#send(socket, message, index);
    }
    if (refused !== undefined) throw refused;
  }

  async probe(): Promise<void> {
    await this.#current();
  }

  close(): Promise<void> {
    this.#drop();
    return Promise.resolve();
  }

  #send(socket: Socket, message: Buffer, recordIndex: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      socket.send(message, (error: NodeJS.ErrnoException | null) => {
        if (error === null) return resolve();
        if (error.code === 'EMSGSIZE') {
          const text = `no datagram of ${message.length} bytes can be sent to ${this.#name}`;
          return reject(new RelayError('OUTPUT_REFUSED_RECORD', text, { cause: error, recordIndex }));
        }
        reject(this.#fail(error));
      });
    });
  }

  async #current(): Promise<Socket> {
    const failure = this.#failure;
    const nowMs = this.#options.context.clock.monotonicMs();
    if (failure !== undefined || nowMs - this.#openedAtMs >= SOCKET_AGE_MAX_MS) this.#drop();
    // Told once, so that the endpoint is seen to be down; the next delivery tries again.
    if (failure !== undefined) throw failure;
    this.#socket ??= await this.#open();
    return this.#socket;
  }

  async #open(): Promise<Socket> {
    const { host, port } = this.#options.address;
    let socket: Socket | undefined;
    try {
      const { address } = await lookup(host);
      socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      // A connected socket is told when nobody listens there (ICMP "port unreachable").
      socket.connect(port, address);
      await once(socket, 'connect');
      socket.on('error', (error) => this.#fail(error));
      socket.unref();
      this.#openedAtMs = this.#options.context.clock.monotonicMs();
      return socket;
    } catch (error) {
      socket?.close();
      throw networkError(error, this.#name, 'connect');
    }
  }

  /** The news comes after the datagrams it is about, so those that were sent last count as lost. */
  #fail(error: Error): RelayError {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = networkError(error, this.#name, 'connect');
    this.#options.context.connectionLost();
    return this.#failure;
  }

  #drop(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#failure = undefined;
  }
}

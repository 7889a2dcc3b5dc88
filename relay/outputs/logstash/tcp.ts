import type { Socket } from 'node:net';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { OneWayConnection } from '../../io/one-way-connection.ts';
import type { TcpProgress } from '../../io/tcp-progress.ts';
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

/** Logstash's tcp input with its json_lines codec: the stored lines as they are, and no acknowledgement. */
export class TcpOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: TcpOptions;
  /** Awaited by every delivery, established or not, so that none overtakes another. */
  #connection: Promise<OneWayConnection> | undefined;
  #connecting = new AbortController();

  constructor(options: TcpOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw givenUp(this.#options.target);
    this.#connection ??= this.#open(signal);
    const connection = await this.#connection;
    if (signal.aborted) throw givenUp(this.#options.target);
    await connection.write(delivery.lines, signal);
  }

  async probe(signal: AbortSignal): Promise<void> {
    const socket = await openSocket(this.#options.target, signal);
    socket.destroy();
  }

  async close(): Promise<void> {
    this.#connecting.abort();
    const open = this.#connection;
    this.#connection = undefined;
    const connection = await open?.catch(() => undefined);
    await connection?.close();
  }

  async #open(signal: AbortSignal): Promise<OneWayConnection> {
    const { target, writeStallTimeoutMs, connectionLost, progress } = this.#options;
    this.#connecting = new AbortController();
    const { signal: closed } = this.#connecting;
    const forget = (): void => {
      if (!closed.aborted) this.#connection = undefined;
    };
    try {
      const socket = await openSocket(target, AbortSignal.any([signal, closed]));
      return new OneWayConnection(socket, {
        name: target.url,
        clock: target.clock,
        writeStallTimeoutMs,
        forget,
        // What `close` itself gives up is no loss that anybody must be told of.
        lost: () => {
          if (!closed.aborted) connectionLost();
        },
        ...(progress === undefined ? {} : { progress }),
      });
    } catch (error) {
      forget();
      throw error;
    }
  }
}

import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { decodeMulti } from '@msgpack/msgpack';
import type { Chunk } from './chunk.ts';

/** Sends one chunk and says whether it was taken; anything else means: again. */
export interface Delivery {
  /** Throws where there was no answer in time, or one that asks to try again. Resolves to false where the chunk is to be dropped. */
  send(chunk: Chunk): Promise<boolean>;
  close(): void;
}

export interface DeliveryOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly connectionsMax: number;
  /** That connections come from. */
  readonly localAddress: string;
}

/** What Fluent Bit's http output does with an answer: 2xx is done, most of 4xx drops the chunk, the rest is tried again. */
export class HttpDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #contentType: string;
  readonly #agent: Agent;

  constructor(options: DeliveryOptions, contentType: string) {
    this.#options = options;
    this.#contentType = contentType;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connectionsMax });
  }

  async send({ body }: Chunk): Promise<boolean> {
    const { host, port, timeoutMs, localAddress } = this.#options;
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request({
        host,
        port,
        method: 'POST',
        path: '/ingest/runner.pages',
        agent: this.#agent,
        localAddress,
        headers: { 'Content-Length': body.length, 'Content-Type': this.#contentType, 'User-Agent': 'Fluent-Bit' },
        signal: AbortSignal.timeout(timeoutMs),
      });
      sent.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
    if (status >= 200 && status <= 205) return true;
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) return false;
    throw new Error(`answered ${status}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Fluent Bit's forward output with `require_ack_response`: one chunk at a time on a connection, none without its ack. */
export class ForwardDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #idle: Socket[] = [];

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  async send(chunk: Chunk): Promise<boolean> {
    const socket = this.#idle.pop() ?? (await this.#connect());
    const timer = setTimeout(() => socket.destroy(new Error('no ack in time')), this.#options.timeoutMs);
    try {
      const answered = this.#ack(socket, chunk.id);
      socket.write(chunk.body);
      await answered;
      this.#idle.push(socket);
      return true;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    for (const socket of this.#idle) socket.destroy();
  }

  async #connect(): Promise<Socket> {
    const { host, port, timeoutMs, localAddress } = this.#options;
    const socket = connect({ host, port, localAddress });
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) });
    socket.on('error', () => {});
    socket.on('close', () => {
      const index = this.#idle.indexOf(socket);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    return socket;
  }

  async #ack(socket: Socket, id: string): Promise<void> {
    let received = Buffer.alloc(0);
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error): void => {
        socket.off('data', onData);
        socket.off('close', onClose);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onData = (piece: Buffer): void => {
        received = Buffer.concat([received, piece]);
        const acks = answersIn(received);
        if (acks.length > 0) done(acks.includes(id) ? undefined : new Error('an ack for another chunk'));
      };
      const onClose = (): void => done(new Error('closed without an ack'));
      socket.on('data', onData);
      socket.on('close', onClose);
    });
  }
}

function answersIn(bytes: Buffer): unknown[] {
  try {
    return [...decodeMulti(bytes)].map((answer) =>
      typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'ack') : undefined,
    );
  } catch {
    // The answer has not arrived whole.
    return [];
  }
}

import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { decodeMulti, encode } from '@msgpack/msgpack';

/** Sends records and says which of them the relay has answered for. */
export interface Sender {
  /**
   * Resolves once the relay has acknowledged them; rejects where it did not. What is sent again under the same name is the same to
   * the relay.
   */
  send(texts: readonly string[], name?: string): Promise<void>;
  close(): void;
}

export class HttpSender implements Sender {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(port: number) {
    this.#port = port;
  }

  send(texts: readonly string[], name?: string): Promise<void> {
    const body = texts.map((message) => `${JSON.stringify({ message })}\n`).join('');
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          method: 'POST',
          path: '/ingest',
          agent: this.#agent,
          headers: {
            'content-type': 'application/x-ndjson',
            'content-length': Buffer.byteLength(body),
            ...(name === undefined ? {} : { 'idempotency-key': name }),
          },
        },
        (answer) => {
          answer.resume();
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve();
          else reject(new Error(`answered ${status}`));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Fluent Forward with acknowledgements, one chunk after the other over one connection. */
export class ForwardSender implements Sender {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  #received: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (piece) => this.#receive(piece));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the connection ended'));
      this.#waiting.clear();
    });
  }

  send(texts: readonly string[], chunk: string = randomUUID()): Promise<void> {
    const entries = texts.map((message) => [1_700_000_000, { message }]);
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection ended'));
      this.#waiting.set(chunk, { resolve, reject });
      this.#socket.write(encode(['crash', entries, { chunk, size: entries.length }]));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]);
    try {
      for (const answer of decodeMulti(this.#received) as Generator<{ ack: string }>) {
        this.#waiting.get(answer.ack)?.resolve();
        this.#waiting.delete(answer.ack);
      }
      this.#received = Buffer.alloc(0);
    } catch {
      // The last answer has not arrived whole; those before it may be seen twice, which does no harm.
    }
  }
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { decodeMulti } from '@msgpack/msgpack';
import { vi } from 'vitest';
import { pack } from './msgpack.ts';

const TIMEOUT = { timeout: 10_000, interval: 10 };

/** A small client of the Forward protocol, on an implementation of MessagePack that is not ours. */
export class ForwardClient implements AsyncDisposable {
  readonly socket: Socket;
  closed = false;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => (this.#received = Buffer.concat([this.#received, piece])));
    socket.on('error', () => {});
    socket.on('close', () => (this.closed = true));
  }

  static async connect(port: number, tls?: { ca: string; cert?: string; key?: string }): Promise<ForwardClient> {
    const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls });
    const client = new ForwardClient(socket);
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return client;
  }

  send(...messages: unknown[]): void {
    this.sendBytes(pack(...messages));
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Everything the server has said so far. */
  get answers(): unknown[] {
    try {
      return [...decodeMulti(this.#received)];
    } catch {
      // The last one has not arrived whole.
      return [];
    }
  }

  /** Waits until the server has said so many things. */
  async answered(count: number): Promise<unknown[]> {
    await vi.waitFor(() => {
      if (this.answers.length < count) throw new Error(`${this.answers.length} of ${count} answers`);
    }, TIMEOUT);
    return this.answers;
  }

  async untilClosed(): Promise<void> {
    await vi.waitFor(() => {
      if (!this.closed) throw new Error('still open');
    }, TIMEOUT);
  }

  /** Waits for HELO and answers it. Resolves with what the server then says. */
  async logIn(secrets: {
    key: string;
    user?: string;
    password?: string;
    hostname?: string;
    salt?: string;
  }): Promise<Pong> {
    const [helo] = (await this.answered(1)) as [['HELO', { nonce: string; auth: string; keepalive: boolean }]];
    const { nonce, auth } = helo[1];
    const { key, user = '', password = '', hostname = 'client', salt = 'salt-of-client' } = secrets;
    this.send([
      'PING',
      hostname,
      salt,
      sha512(salt, hostname, nonce, key),
      user,
      auth === '' ? '' : sha512(auth, user, password),
    ]);
    const answers = await this.answered(2);
    return answers[1] as Pong;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    return this.untilClosed();
  }
}

export type Pong = ['PONG', boolean, string, string, string];

export function sha512(...parts: string[]): string {
  return createHash('sha512').update(parts.join('')).digest('hex');
}

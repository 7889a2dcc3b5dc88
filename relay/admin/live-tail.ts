import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { z } from 'zod';
import { describeError, RelayError } from '../errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import { STATUS_CODES } from '../io/http.ts';
import { QUERY_LENGTH_MAX } from '../query/parse.ts';
import type { Searches } from '../query/searches.ts';
import { HttpError } from './http-error.ts';
import { TailSession } from './tail-session.ts';

const PATH = '/api/v1/tail';
const SESSIONS_MAX = 1_024;
/** Those who watch say little. */
const MESSAGE_BYTES_MAX = 16_384;
/** Who does not answer a ping until the next one reads nothing, and is let go. */
const PING_INTERVAL_MS = 30_000;

const messageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('pause') }),
  z.strictObject({ type: z.literal('resume') }),
  z.strictObject({ type: z.literal('query'), q: z.string().max(QUERY_LENGTH_MAX) }),
]);

export interface LiveTailOptions {
  readonly clock: Clock;
  readonly relay: { readonly searches: Searches };
}

/** Shows records as they are committed, over WebSockets. What a browser does not take in time it is told to have missed. */
export class LiveTail {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    // Compressing for each of a thousand would cost more than what is sent.
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #options: LiveTailOptions;
  readonly #admit: (request: IncomingMessage) => void;
  readonly #sessions = new Map<WebSocket, { readonly session: TailSession; readonly request: IncomingMessage }>();
  readonly #pinging: Timer;
  readonly #silent = new WeakSet<WebSocket>();

  /** `admit` throws where somebody may not watch. */
  constructor(options: LiveTailOptions, admit: (request: IncomingMessage) => void) {
    this.#options = options;
    this.#admit = admit;
    this.#pinging = options.clock.every(PING_INTERVAL_MS, () => this.#ping());
  }

  /** Takes over a connection that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      const url = new URL(request.url ?? '', 'http://relay');
      if (url.pathname !== PATH) throw new HttpError(404, 'there is nothing at this address');
      this.#admit(request);
      const query = url.searchParams.get('q') ?? '';
      if (query.length > QUERY_LENGTH_MAX) throw new HttpError(400, 'the query is too long');
      if (this.#sessions.size >= SESSIONS_MAX) throw new HttpError(503, 'too many watch already');
      this.#server.handleUpgrade(request, socket, head, (opened) => this.#begin(opened, request, query));
    } catch (error) {
      refuse(socket, error);
    }
  }

  /** Ends all of them. */
  close(): void {
    this.#pinging.cancel();
    for (const socket of this.#sessions.keys()) socket.terminate();
    this.#server.close();
  }

  #begin(socket: WebSocket, request: IncomingMessage, query: string): void {
    const session = new TailSession(socket, this.#options.relay.searches.tails);
    this.#sessions.set(socket, { session, request });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      this.#sessions.delete(socket);
      session.end();
    });
    socket.on('pong', () => this.#silent.delete(socket));
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : messageOf(textOf(data));
      if (message === undefined) socket.close(1008, 'not understood');
      else if (message.type === 'query') session.follow(message.q);
      else if (message.type === 'pause') session.pause();
      else session.resume();
    });
    session.follow(query);
  }

  #ping(): void {
    for (const [socket, { request }] of this.#sessions) {
      if (this.#silent.has(socket)) {
        socket.terminate();
      } else if (!this.#mayStill(request)) {
        socket.close(1008, 'signed out');
      } else {
        this.#silent.add(socket);
        socket.ping();
      }
    }
  }

  /** Somebody may have been signed out, or their token taken away. */
  #mayStill(request: IncomingMessage): boolean {
    try {
      this.#admit(request);
      return true;
    } catch {
      return false;
    }
  }
}

function textOf(data: Buffer | ArrayBuffer | Buffer[]): string {
  return Array.isArray(data) ? Buffer.concat(data).toString('utf8') : Buffer.from(data as Buffer).toString('utf8');
}

function messageOf(text: string): z.output<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** An answer on a connection that will be no WebSocket. */
function refuse(socket: Duplex, error: unknown): void {
  const status = error instanceof HttpError ? error.statusCode : 500;
  const code = error instanceof RelayError ? error.code : 'REQUEST_INVALID';
  const body = JSON.stringify({ code, message: status === 500 ? 'the relay failed' : describeError(error) });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { readEvents, type StandInEvent } from './log-insight-rules.ts';

/**
 * A fake. No real Log Insight stands behind the tests: this one was written from the vendor's public pages, with the oddities they
 * and the users of other shippers tell of. Where those pages say nothing (a text above 16 KB, 413, 429), it does what would hurt most.
 */
export interface StandInOptions {
  /** `classic`: Log Insight 4 to VCF 9.0. `9.1`: VCF Log Management. */
  readonly generation?: 'classic' | '9.1';
  /** Takes nothing without a login, or a token. Otherwise a login is possible, not needed. */
  readonly needsLogin?: boolean;
  /** False: a gzip body is taken for broken JSON. */
  readonly gzip?: boolean;
  readonly sessionSeconds?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** What the next request is to get instead of an answer of the server's own. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Takes the events, and then never answers, or resets the connection. */
  readonly ending?: 'hang' | 'reset';
  /** Sends the head and leaves the body open, without a length. */
  readonly endless?: boolean;
}

export const USER = { username: 'relay', password: 'correct horse', provider: 'Local' } as const;

export class LogInsightStandIn implements AsyncDisposable {
  /** What was taken, in the order of arrival. */
  readonly events: StandInEvent[] = [];
  readonly requests: Array<{ path: string; headers: IncomingMessage['headers']; bytes: number; status: number }> = [];
  /** The server's clock; it stands still unless it is set. */
  nowMs = Date.UTC(2026, 10, 22, 5, 20);
  /** The secret that an agent must show next (9.1). */
  secret = 'first-secret';
  connections = 0;
  /** Texts that the server refuses, and with each the whole request. */
  readonly poison = new Set<string>();
  /** Says that it took one event less than it did. */
  miscounts = false;

  readonly #options: Required<Omit<StandInOptions, 'tls'>>;
  readonly #server: Server;
  readonly #sessions = new Map<string, { endsAtMs: number; isStale: boolean }>();
  readonly #faults: Fault[] = [];
  #numbers = 0;

  private constructor(options: StandInOptions) {
    this.#options = { generation: 'classic', needsLogin: false, gzip: true, sessionSeconds: 1_800, ...options };
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#handle(request, response);
    };
    this.#server =
      options.tls === undefined
        ? createHttpServer(handle)
        : createHttpsServer({ cert: readFileSync(options.tls.cert), key: readFileSync(options.tls.key) }, handle);
    this.#server.on('connection', () => this.connections++);
  }

  static async start(options: StandInOptions = {}): Promise<LogInsightStandIn> {
    const standIn = new LogInsightStandIn(options);
    standIn.#server.listen(0, '127.0.0.1');
    await once(standIn.#server, 'listening');
    return standIn;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next requests get these, one each. */
  failNext(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Ends every session: with 401 when its id is forgotten, with 440 when it is remembered as timed out. */
  endSessions(how: 'forgotten' | 'timed out'): void {
    if (how === 'forgotten') this.#sessions.clear();
    for (const session of this.#sessions.values()) session.isStale = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const path = request.url ?? '';
    const fault = this.#faults.shift();
    const answer = fault?.status === undefined ? this.#answer(request, path, body) : { status: fault.status, body: '' };
    this.requests.push({ path, headers: request.headers, bytes: body.length, status: answer.status });
    if (fault?.ending === 'reset') return void request.socket.resetAndDestroy();
    if (fault?.ending === 'hang') return;
    response.writeHead(answer.status, fault?.headers ?? { 'content-type': 'application/json' });
    if (fault?.endless === true) {
      response.write('{"status":');
      return;
    }
    response.end(fault?.body ?? (typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)));
  }

  #answer(request: IncomingMessage, path: string, body: Buffer): Answer {
    if (request.method === 'GET' && /^\/api\/v[12]\/version$/.test(path)) return ok({ version: '8.18.0' });
    if (request.method !== 'POST') return { status: 405, body: '' };
    if (this.#options.generation === '9.1') {
      if (path === '/api/v2/agent/secrets/exchange') return this.#exchange(body);
      return path === '/api/v2/events' ? this.#ingest(request, body, 'object') : { status: 404, body: '' };
    }
    if (/^\/api\/v[12]\/sessions$/.test(path)) return this.#login(body);
    if (path === '/api/v2/events') return this.#ingest(request, body, 'flat');
    return /^\/api\/v[12]\/events\/ingest\/[0-9a-f-]+$/.test(path)
      ? this.#ingest(request, body, 'list')
      : { status: 404, body: '' };
  }

  #login(body: Buffer): Answer {
    const { username, password, provider } = parse(body);
    if (username !== USER.username || password !== USER.password || provider !== USER.provider)
      return { status: 401, body: { errorMessage: 'Invalid username or password.' } };
    const sessionId = this.#token('session', this.#options.sessionSeconds * 1_000);
    return ok({ userId: '012345678-9ab-cdef', sessionId, ttl: this.#options.sessionSeconds });
  }

  #exchange(body: Buffer): Answer {
    const { secret, ttl } = parse(body);
    if (secret !== this.secret) return { status: 401, body: { errorMessage: 'Invalid agent secret' } };
    if (typeof ttl !== 'number' || ttl < 60_000 || ttl > 15_552_000_000)
      return { status: 400, body: { errorMessage: 'Invalid ttl' } };
    this.secret = `secret-${++this.#numbers}`;
    return ok({ access_token: this.#token('token', ttl), name: 'relay', new_secret: this.secret, ttl });
  }

  #token(kind: string, lifetimeMs: number): string {
    const token = `${kind}-${++this.#numbers}`;
    this.#sessions.set(token, { endsAtMs: this.nowMs + lifetimeMs, isStale: false });
    return token;
  }

  #ingest(request: IncomingMessage, body: Buffer, form: 'list' | 'flat' | 'object'): Answer {
    const isNew = this.#options.generation === '9.1';
    const shown = isNew ? request.headers['x-jwt-token'] : request.headers.authorization?.replace(/^Bearer /, '');
    const session = typeof shown === 'string' ? this.#sessions.get(shown) : undefined;
    if (shown === undefined ? this.#options.needsLogin : session === undefined)
      return { status: 401, body: 'Invalid session ID' };
    if (session !== undefined && (session.isStale || session.endsAtMs <= this.nowMs))
      return { status: 440, body: 'Login Timeout' };
    const isPacked = request.headers['content-encoding'] === 'gzip';
    if (isPacked && !this.#options.gzip) return { status: 400, body: { errorMessage: 'Invalid JSON' } };
    const json = isPacked ? gunzipSync(body) : body;
    if (json.length > (isNew ? 1_000_000 : 4_000_000)) return { status: 413, body: 'Request Entity Too Large' };
    const events = readEvents(json, form, { nowMs: this.nowMs, isAuthenticated: session !== undefined });
    if (typeof events === 'string') return { status: 400, body: { errorMessage: events } };
    const bad = events.find((event) => this.poison.has(event.text));
    if (bad !== undefined) return { status: 400, body: { errorMessage: `Cannot parse ${bad.text}` } };
    this.events.push(...events);
    const taken = events.length - (this.miscounts ? 1 : 0);
    return ok({ status: 'ok', message: 'events ingested', ...(isNew ? { received: taken } : { ingested: taken }) });
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function ok(body: object): Answer {
  return { status: 200, body };
}

function parse(body: Buffer): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { gunzipSync } from 'node:zlib';

export interface LogstashHttpStandInOptions {
  readonly tls?: TlsOptions;
  readonly username?: string;
  readonly password?: string;
}

/** What the next requests meet. A number is answered as it is, with an empty body. */
export type HttpMood = 'ok' | 'busy' | 'stalled' | number;

/**
 * A stand-in for Logstash's http input (logstash-input-http 4.1.13) as it was seen: bad JSON and NDJSON are answered 200 and make one
 * event each; a 429 has neither a length nor an end; a request whose sender gave up waiting is processed nevertheless.
 */
export class LogstashHttpStandIn implements AsyncDisposable {
  /** The events, in order. What could not be parsed is `{message, tags: ['_jsonparsefailure']}`, as there. */
  readonly events: unknown[] = [];
  readonly requests: Array<{ readonly path: string; readonly headers: IncomingMessage['headers'] }> = [];
  readonly answerHeaders: Record<string, string> = {};
  mood: HttpMood = 'ok';
  connectionsTotal = 0;
  port = 0;
  readonly #server: Server;
  readonly #options: LogstashHttpStandInOptions;
  #stalled: Array<() => void> = [];

  private constructor(options: LogstashHttpStandInOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', () => this.connectionsTotal++);
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    // A 100 before the body, unless the answer is known without it.
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (this.mood !== 'busy') response.writeContinue();
      void this.#answer(request, response);
    });
    this.#server.on('tlsClientError', () => {}).on('clientError', () => {});
  }

  static async start(options: LogstashHttpStandInOptions = {}): Promise<LogstashHttpStandIn> {
    const standIn = new LogstashHttpStandIn(options);
    standIn.#server.listen(0, '127.0.0.1');
    await once(standIn.#server, 'listening');
    standIn.port = (standIn.#server.address() as AddressInfo).port;
    return standIn;
  }

  /** Lets the stalled requests through, whether or not anybody still waits for their answers. */
  resume(): void {
    this.mood = 'ok';
    for (const release of this.#stalled.splice(0)) release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    this.resume();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {});
    this.requests.push({ path: request.url ?? '', headers: request.headers });
    if (this.mood === 'busy') return this.#answerBusy(request);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.mood === 'stalled') await new Promise<void>((resolve) => this.#stalled.push(resolve));
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      response.writeHead(refusal.status, { 'content-length': 0, ...refusal.headers, ...this.answerHeaders }).end();
      return;
    }
    const body = Buffer.concat(chunks);
    this.events.push(...eventsOf(request, body));
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 }).end('ok');
  }

  /** Netty's answer: the status line and an empty line. The connection ends, except where the sender asked to be told first. */
  #answerBusy(request: IncomingMessage): void {
    const extra = Object.entries(this.answerHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    request.socket.write(`HTTP/1.1 429 Too Many Requests\r\n${extra.join('')}\r\n`);
    if (request.headers.expect === undefined) request.socket.end();
  }

  #refusal(request: IncomingMessage): { status: number; headers: Record<string, string> } | undefined {
    if (typeof this.mood === 'number') return { status: this.mood, headers: {} };
    const { username, password } = this.#options;
    if (username === undefined) return undefined;
    const token = request.headers.authorization;
    if (token === undefined)
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="Logstash HTTP Input"' } };
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return token === expected ? undefined : { status: 401, headers: {} };
  }
}

function eventsOf(request: IncomingMessage, body: Buffer): unknown[] {
  const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
  if (request.headers['content-type'] !== 'application/json') return [{ message: text }];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    return [{ message: text, tags: ['_jsonparsefailure'] }];
  }
}

import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { InputContext } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';
import { createServer as createHttpServer } from '../../io/http.ts';
import { formatAddress, parseListenUrl } from '../../io/listen-url.ts';
import { loadTlsServer } from '../../io/tls-files.ts';
import type { HttpOptions } from './options.ts';

/** How often Node looks for requests that take too long: its default of 30 s would make shorter limits mean nothing. */
const CHECK_INTERVAL_MS = 1_000;
const HEADER_BYTES_MAX = 16_384;
const HEADERS_MAX = 100;
/** How long a peer may take to read that it was refused. */
const REFUSAL_TIMEOUT_MS = 2_000;

interface Connection {
  readonly socket: Socket;
  requests: number;
  idleSinceMs: number;
}

/** `mayContinue` is to be called before the body is read: the sender waits for it where it said `Expect: 100-continue`. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse, mayContinue: () => void) => void;

/** Node's HTTP server with limits on connections and on time, and with everything counted that it turns away. */
export class HttpServer {
  readonly #options: HttpOptions;
  readonly #context: InputContext;
  readonly #onRequest: RequestHandler;
  readonly #connections = new Map<string, Connection>();
  #server: Server | undefined;
  #isTls = false;
  /** Sockets whose TLS handshake failed. */
  readonly #strangers = new WeakSet<Socket>();

  constructor(options: HttpOptions, context: InputContext, onRequest: RequestHandler) {
    this.#options = options;
    this.#context = context;
    this.#onRequest = onRequest;
  }

  /** Resolves with `host:port`. Throws `INPUT_LISTEN_FAILED`, or `CONFIG_INVALID` for `https://` without a certificate. */
  async start(): Promise<string> {
    const listen = parseListenUrl(this.#options.listen, ['http', 'https']);
    if (typeof listen === 'string') throw new RelayError('CONFIG_INVALID', listen);
    this.#isTls = listen.scheme === 'https';
    const server = this.#create(this.#isTls);
    try {
      server.listen(listen.port, listen.host);
      await once(server, 'listening');
    } catch (cause) {
      const address = `${listen.scheme}://${formatAddress(listen.host, listen.port)}`;
      throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on ${address}`, { cause });
    }
    // Once it listens, an error (no file descriptors left, say) must not end the process; accepting goes on by itself.
    server.on('error', () => this.#context.counters.refused('too_many_connections'));
    this.#server = server;
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : '';
  }

  /** Takes no more connections, closes the idle ones, and the others when their request is done or `stop_timeout_ms` is over. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    // Node does not know of connections that are still shaking hands, so that they are closed here.
    for (const { socket, requests } of this.#connections.values()) if (requests === 0 && this.#isTls) socket.destroy();
    const deadline = this.#context.clock.after(this.#options.stop_timeout_ms, () => {
      for (const { socket } of this.#connections.values()) socket.destroy();
    });
    await closed;
    deadline.cancel();
  }

  get isStopping(): boolean {
    return this.#server === undefined;
  }

  #create(isTls: boolean): Server {
    const { header_timeout_ms, request_timeout_ms, keep_alive_timeout_ms, tls } = this.#options;
    const limits = {
      headersTimeout: Math.min(header_timeout_ms, request_timeout_ms),
      requestTimeout: request_timeout_ms,
      keepAliveTimeout: keep_alive_timeout_ms,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, header_timeout_ms, request_timeout_ms),
      maxHeaderSize: HEADER_BYTES_MAX,
      insecureHTTPParser: false,
      noDelay: true,
    };
    if (isTls && tls === undefined)
      throw new RelayError(
        'CONFIG_INVALID',
        `input "${this.#context.name}": https:// needs tls.cert_file and tls.key_file`,
      );
    const server =
      isTls && tls !== undefined
        ? createHttpsServer({ ...limits, ...loadTlsServer(tls), handshakeTimeout: header_timeout_ms })
        : createHttpServer(limits);
    server.maxHeadersCount = HEADERS_MAX;
    server.on('connection', (socket: Socket) => this.#admit(socket));
    // A connection that was busy when the relay began to stop is closed once it is not.
    const onDone = (): void => {
      if (this.isStopping) this.#context.clock.soon(() => server.closeIdleConnections());
    };
    server.on('request', (request, response) => this.#track(request, response, onDone, () => {}));
    server.on('checkContinue', (request, response) =>
      this.#track(request, response, onDone, () => response.writeContinue()),
    );
    // Node's own listener hands such an error on as `clientError`; by then it must be known that no HTTP can be spoken here.
    server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#strangers.add(socket);
      this.#context.counters.refused(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'timeout' : 'tls');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseSocket(error, socket as Socket));
    return server;
  }

  #admit(socket: Socket): void {
    const { counters, clock } = this.#context;
    // Without a handler an error on a socket ends the process.
    socket.on('error', () => {});
    if (this.#connections.size >= this.#options.connections_max && !this.#evict()) {
      counters.refused('too_many_connections');
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    this.#connections.set(name, { socket, requests: 0, idleSinceMs: clock.monotonicMs() });
    counters.connections++;
    counters.connectionsTotal++;
    socket.once('close', () => {
      counters.connections--;
      if (this.#connections.get(name)?.socket === socket) this.#connections.delete(name);
    });
  }

  /** Closes the connection that has been without a request longest. False where all have one. */
  #evict(): boolean {
    let oldest: [string, Connection] | undefined;
    for (const entry of this.#connections)
      if (entry[1].requests === 0 && (oldest === undefined || entry[1].idleSinceMs < oldest[1].idleSinceMs))
        oldest = entry;
    if (oldest === undefined) return false;
    this.#context.counters.refused('too_many_connections');
    this.#connections.delete(oldest[0]);
    oldest[1].socket.destroy();
    return true;
  }

  #track(request: IncomingMessage, response: ServerResponse, onDone: () => void, mayContinue: () => void): void {
    const connection = this.#connections.get(nameOf(request.socket));
    if (connection !== undefined) connection.requests++;
    response.on('error', () => {});
    response.once('close', () => {
      onDone();
      if (connection === undefined) return;
      connection.requests--;
      connection.idleSinceMs = this.#context.clock.monotonicMs();
    });
    if (this.isStopping) response.setHeader('Connection', 'close');
    this.#onRequest(request, response, mayContinue);
  }

  /** What Node's parser refused: no HTTP, two lengths, a header that is too large, a request that took too long; or no TLS. */
  #refuseSocket(error: NodeJS.ErrnoException, socket: Socket): void {
    const { counters, clock } = this.#context;
    const { code } = error;
    if (code === 'ECONNRESET' || this.#strangers.has(socket) || !socket.writable) {
      socket.destroy();
      return;
    }
    const timedOut = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    counters.refused(timedOut ? 'timeout' : 'malformed');
    const status = timedOut
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
    // A peer that takes nothing off the connection would keep it open.
    const deadline = clock.after(REFUSAL_TIMEOUT_MS, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }
}

/** TLS sockets are others than the ones that were admitted, with the same address. */
function nameOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

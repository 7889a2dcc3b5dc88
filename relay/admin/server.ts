import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { IncomingMessage, Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RelayError, describeError, type ErrorCode } from '../errors.ts';
import { parseHostPort } from '../config/schema.ts';
import type { Clock } from '../io/clock.ts';
import { createServer } from '../io/http.ts';
import { formatAddress } from '../io/listen-url.ts';
import type { Random } from '../io/random.ts';
import { loadTlsServer, type TlsServerFiles } from '../io/tls-files.ts';
import type { Relay } from '../runtime/relay.ts';
import type { History } from '../telemetry/history.ts';
import type { Log, LogLine } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Access, type Caller } from './access.ts';
import { apiRoutes } from './api/index.ts';
import { healthRoutes } from './api/health.ts';
import type { ReloadAnswer } from './api/relay.ts';
import { auditOf } from './audit.ts';
import { consoleRoutes } from './console-files.ts';
import { CONTROL_SOCKET } from './control-socket.ts';
import { sendHarborError } from './harbor/errors.ts';
import { isHarborPath } from './harbor/harbor-route.ts';
import { HostRule } from './host-rule.ts';
import { HttpError } from './http-error.ts';
import { LiveTail } from './live-tail.ts';
import type { Operation } from './route.ts';
import { Sessions } from './sessions.ts';
import type { TokenFile } from './tokens.ts';

export interface AdminOptions {
  readonly listen: string;
  /** Certificate and key; without them it speaks plain HTTP. */
  readonly tls: TlsServerFiles | undefined;
  /** Names that may stand in `Host`, beside `localhost` and addresses. */
  readonly hosts: readonly string[];
  /** Where the control socket goes. Whoever may open it is the operator. */
  readonly dataFolder: string;
  /** The program's version. */
  readonly version: string;
  readonly relay: Relay;
  readonly tokens: TokenFile;
  readonly metrics: Metrics;
  readonly history: History;
  readonly log: Log;
  /** The latest warnings and errors of the relay's own log. */
  readonly warnings: () => readonly LogLine[];
  readonly clock: Clock;
  readonly random: Random;
  /** Reads the config again and has the relay take it over. */
  readonly reload: () => Promise<ReloadAnswer>;
}

/** What routes are made with. */
export interface AdminContext extends AdminOptions {
  readonly sessions: Sessions;
}

export interface Route {
  readonly method: string;
  readonly path: string;
  /** Absent for what anybody may ask: is it alive, what does it count, and the console's own files. */
  readonly operation: Operation | undefined;
}

/** The longest path that the system takes for a socket (unix(7): 108 bytes with the closing zero). */
const SOCKET_PATH_BYTES_MAX = 107;
const BODY_BYTES_MAX = 1_048_576;
/** Room for the longest query in an address, nine bytes a character. */
const HEADER_BYTES_MAX = 65_536;

/** The API: on a TCP address, where a token is asked for, and on a socket in the data folder, where the file's mode decides. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #app: FastifyInstance;
  readonly #control: Server;
  readonly #hostRule: HostRule;
  readonly #access: Access;
  readonly #liveTail: LiveTail;
  readonly #socketPath: string;
  readonly #routes: Route[] = [];

  constructor(options: AdminOptions) {
    this.#options = options;
    const { tls } = options;
    const app = Fastify({
      bodyLimit: BODY_BYTES_MAX,
      logger: false,
      // Routes check what comes by schemas of their own; without these Fastify loads two compilers that nothing uses.
      schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
      requestTimeout: 30_000,
      forceCloseConnections: true,
      ...(tls === undefined
        ? { http: { maxHeaderSize: HEADER_BYTES_MAX } }
        : { https: { ...loadTlsServer(tls), maxHeaderSize: HEADER_BYTES_MAX } }),
    });
    this.#app = app;
    this.#socketPath = join(options.dataFolder, CONTROL_SOCKET);
    this.#control = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
      app.routing(request, response);
    });
    this.#control.on('connection', (socket) => fromControlSocket.add(socket));
    this.#hostRule = new HostRule(options.listen, options.hosts);
    const context: AdminContext = { ...options, sessions: new Sessions(options) };
    this.#access = new Access(context);
    app.decorateRequest('caller');
    app.decorateRequest('auditDetails');
    app.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) this.#routes.push({ method: one, path: url, operation: config?.operation });
    });
    app.addHook('onRequest', async (request) => this.#admit(request));
    app.addHook('onResponse', async (request, reply) => this.#audit(request, reply));
    app.setErrorHandler((error, _request, reply) => this.#answerError(error, reply));
    app.setNotFoundHandler((request, reply) => {
      const message = 'there is nothing at this address';
      if (isHarborPath(request.url)) return sendHarborError(reply, 404, message);
      return reply.status(404).send({ code: 'REQUEST_INVALID', message });
    });
    tolerateEmptyBodies(app);
    this.#liveTail = new LiveTail(context, (request) => this.#mayWatch(request));
    for (const server of [app.server, this.#control])
      server.on('upgrade', (request, socket, head) => this.#liveTail.upgrade(request, socket, head));
    healthRoutes(app, context);
    apiRoutes(app, context);
    consoleRoutes(app, tls !== undefined);
  }

  /** Everything that is answered. */
  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** Resolves with the address, `host:port`. Throws `INPUT_LISTEN_FAILED`. */
  async start(): Promise<string> {
    const address = parseHostPort(this.#options.listen);
    if (typeof address === 'string') throw new RelayError('CONFIG_INVALID', address);
    try {
      await this.#app.listen({ host: address.host, port: address.port });
    } catch (cause) {
      throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on ${this.#options.listen} for the admin API`, {
        cause,
      });
    }
    await this.#openControlSocket();
    const bound = this.#app.addresses()[0];
    return bound === undefined || typeof bound === 'string'
      ? this.#options.listen
      : formatAddress(bound.address, bound.port);
  }

  async stop(): Promise<void> {
    this.#control.close();
    this.#control.closeAllConnections();
    this.#liveTail.close();
    await this.#app.close();
  }

  async #openControlSocket(): Promise<void> {
    if (Buffer.byteLength(this.#socketPath) > SOCKET_PATH_BYTES_MAX) {
      this.#options.log.warn('the data folder’s path is too long for a control socket; commands need a token', {
        path: this.#socketPath,
      });
      return;
    }
    // One left by a process that was killed: the journal’s lock says that nobody else is alive.
    try {
      rmSync(this.#socketPath, { force: true });
      this.#control.listen(this.#socketPath);
      await once(this.#control, 'listening');
      await chmod(this.#socketPath, 0o600);
    } catch (error) {
      // Some file systems know no sockets; that is no reason not to relay.
      this.#options.log.warn('the control socket cannot be opened; commands need a token', {
        path: this.#socketPath,
        reason: describeError(error),
      });
    }
  }

  #admit(request: FastifyRequest): void {
    const { operation } = request.routeOptions.config;
    if (fromControlSocket.has(request.raw.socket)) {
      request.caller = { name: 'operator', role: 'admin', via: 'socket', address: '' };
      return;
    }
    const misdirected = this.#hostRule.refusal(request.raw);
    if (misdirected !== undefined) throw new HttpError(421, misdirected);
    if (operation === undefined) return;
    request.caller =
      operation.role === 'anybody'
        ? (this.#access.identify(request) ?? stranger(request))
        : this.#access.require(request, operation.role);
  }

  /** Throws where a WebSocket may not be opened. Any page may ask a browser to, so it is taken for a request that changes something. */
  #mayWatch(request: IncomingMessage): void {
    if (fromControlSocket.has(request.socket)) return;
    const misdirected = this.#hostRule.refusal({ method: 'POST', headers: request.headers });
    if (misdirected !== undefined) throw new HttpError(421, misdirected);
    const { headers, method = 'GET', socket } = request;
    this.#access.require({ headers, method, ip: socket.remoteAddress ?? '' }, 'viewer');
  }

  #audit(request: FastifyRequest, reply: FastifyReply): void {
    const entry = auditOf(request, reply);
    if (entry !== undefined) this.#options.relay.ownRecords.audit(entry);
  }

  #answerError(error: unknown, reply: FastifyReply): FastifyReply {
    const status = statusOf(error);
    if (status >= 500) this.#options.log.error('the admin API failed', { reason: describeError(error) });
    if (error instanceof HttpError && error.retryAfterS !== undefined) reply.header('retry-after', error.retryAfterS);
    const code = error instanceof RelayError ? error.code : 'REQUEST_INVALID';
    const message = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
    // A mistake of ours may say anything; the log has it.
    return reply.status(status).send({ code, message: status === 500 ? 'the relay failed; see its log' : message });
  }
}

/** Some clients call a body JSON that is not there. Whether one is needed, the route says. */
function tolerateEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body.toString(), done);
  });
}

/** For Fastify's schemas, of which there are none. */
function noCompiler(): () => never {
  return () => {
    throw new Error('a route has a schema of Fastify’s own, and nothing to compile it');
  };
}

function stranger({ ip }: FastifyRequest): Caller {
  return { name: 'unknown', role: 'viewer', via: 'nothing', address: ip };
}

const fromControlSocket = new WeakSet<object>();

const NOT_FOUND: readonly ErrorCode[] = ['ENDPOINT_UNKNOWN', 'PURGE_UNKNOWN', 'HOLD_UNKNOWN'];
const CONFLICTS: readonly ErrorCode[] = [
  'ENDPOINT_HAS_BACKLOG',
  'RELOAD_INCOMPLETE',
  'REPLAY_BUSY',
  'PURGE_RUNNING',
  'PURGE_REFUSED',
  'PURGE_UNCONFIRMED',
];

function statusOf(error: unknown): number {
  if (error instanceof z.ZodError) return 400;
  if (error instanceof RelayError) {
    if (NOT_FOUND.includes(error.code)) return 404;
    if (CONFLICTS.includes(error.code)) return 409;
    return error.disposition === 'stop' ? 400 : 503;
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

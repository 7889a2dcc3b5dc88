import { existsSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { RelayError, describeError } from '../errors.ts';
import type { ConfigChange } from '../config/difference.ts';
import { parseHostPort } from '../config/schema.ts';
import { formatAddress } from '../io/listen-url.ts';
import type { Relay } from '../runtime/relay.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { CONTROL_SOCKET } from './control-socket.ts';
import { deadLetterRoutes } from './api/dead-letters.ts';
import { endpointRoutes } from './api/endpoints.ts';
import { healthRoutes } from './api/health.ts';
import { relayRoutes } from './api/relay.ts';
import type { Role, TokenFile } from './tokens.ts';

export interface AdminOptions {
  readonly listen: string;
  /** Where the control socket goes. Whoever may open it is the operator. */
  readonly dataFolder: string;
  readonly relay: Relay;
  readonly tokens: TokenFile;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Reads the config again and has the relay take it over. */
  readonly reload: () => Promise<ConfigChange[]>;
}

/** The longest path that the system takes for a socket (unix(7): 108 bytes with the closing zero). */
const SOCKET_PATH_BYTES_MAX = 107;
const BODY_BYTES_MAX = 1_048_576;

/** What each role may do, widest last. `ingest` may do nothing here. */
const RANK: Readonly<Record<Role, number>> = { ingest: 0, viewer: 1, auditor: 1, operator: 2, admin: 3 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role for this route; absent: anybody. */
    role?: Role;
  }
}

/** The API: on a TCP address, where a token is asked for, and on a socket in the data folder, where the file's mode decides. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #app: FastifyInstance;
  readonly #control: Server;
  readonly #socketPath: string;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#app = Fastify({
      bodyLimit: BODY_BYTES_MAX,
      logger: false,
      requestTimeout: 30_000,
      forceCloseConnections: true,
    });
    this.#socketPath = join(options.dataFolder, CONTROL_SOCKET);
    this.#control = createServer((request, response) => {
      fromControlSocket.add(request.socket);
      this.#app.routing(request, response);
    });
    this.#app.addHook('onRequest', async (request) => this.#authorize(request));
    this.#app.setErrorHandler((error, _request, reply) => {
      const status = statusOf(error);
      if (status >= 500) options.log.error('the admin API failed', { reason: describeError(error) });
      const code = error instanceof RelayError ? error.code : 'REQUEST_INVALID';
      return reply.status(status).send({ code, message: describeError(error) });
    });
    healthRoutes(this.#app, options);
    relayRoutes(this.#app, options);
    endpointRoutes(this.#app, options);
    deadLetterRoutes(this.#app, options);
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
    if (existsSync(this.#socketPath)) rmSync(this.#socketPath);
    this.#control.listen(this.#socketPath);
    await once(this.#control, 'listening');
    await chmod(this.#socketPath, 0o600);
  }

  #authorize(request: FastifyRequest): void {
    const needed = request.routeOptions.config.role;
    if (needed === undefined || fromControlSocket.has(request.raw.socket)) return;
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const role = token === undefined ? undefined : this.#options.tokens.authenticate(token)?.role;
    if (role === undefined)
      throw new HttpError(401, 'a token is needed: Authorization: Bearer …; make one with `spillway token add`');
    if (RANK[role] < RANK[needed]) throw new HttpError(403, `this needs the role ${needed}; the token has ${role}`);
  }
}

const fromControlSocket = new WeakSet<object>();

/** An answer that is not the fault of the relay. */
export class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

function statusOf(error: unknown): number {
  if (error instanceof RelayError) {
    if (error.code === 'ENDPOINT_UNKNOWN') return 404;
    if (error.code === 'ENDPOINT_HAS_BACKLOG') return 409;
    return error.disposition === 'stop' ? 400 : 503;
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

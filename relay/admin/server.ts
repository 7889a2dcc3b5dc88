import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RelayError, describeError } from '../errors.ts';
import { parseHostPort } from '../config/schema.ts';
import { formatAddress } from '../io/listen-url.ts';
import type { Relay } from '../runtime/relay.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { CONTROL_SOCKET } from './control-socket.ts';
import { deadLetterRoutes } from './api/dead-letters.ts';
import { endpointRoutes } from './api/endpoints.ts';
import { healthRoutes } from './api/health.ts';
import { relayRoutes, type ReloadAnswer } from './api/relay.ts';
import { retentionRoutes } from './api/retention.ts';
import { HostRule } from './host-rule.ts';
import type { Role, TokenEntry, TokenFile } from './tokens.ts';

export interface AdminOptions {
  readonly listen: string;
  /** Names that may stand in `Host`, beside `localhost` and addresses. */
  readonly hosts: readonly string[];
  /** Where the control socket goes. Whoever may open it is the operator. */
  readonly dataFolder: string;
  readonly relay: Relay;
  readonly tokens: TokenFile;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Reads the config again and has the relay take it over. */
  readonly reload: () => Promise<ReloadAnswer>;
}

export interface Route {
  readonly method: string;
  /** With `:name` for what varies. */
  readonly path: string;
  readonly role: Role | undefined;
}

/** The longest path that the system takes for a socket (unix(7): 108 bytes with the closing zero). */
const SOCKET_PATH_BYTES_MAX = 107;
const BODY_BYTES_MAX = 1_048_576;

/** What each role may do, widest last. */
const RANK: Readonly<Record<Role, number>> = { viewer: 1, auditor: 1, operator: 2, admin: 3 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role for this route; absent: anybody. */
    role?: Role;
    /** Where it is not the least role that counts: the roles that may, and no other. */
    only?: readonly Role[];
  }
}

/** The API: on a TCP address, where a token is asked for, and on a socket in the data folder, where the file's mode decides. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #app: FastifyInstance;
  readonly #control: Server;
  readonly #hostRule: HostRule;
  readonly #socketPath: string;
  readonly #routes: Route[] = [];

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
    this.#hostRule = new HostRule(options.listen, options.hosts);
    this.#app.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) this.#routes.push({ method: one, path: url, role: config?.role });
    });
    this.#app.addHook('onRequest', async (request) => {
      if (fromControlSocket.has(request.raw.socket)) return;
      const misdirected = this.#hostRule.refusal(request.raw);
      if (misdirected !== undefined) throw new HttpError(421, misdirected);
      this.#authorize(request);
    });
    this.#app.setNotFoundHandler((_request, reply) =>
      reply.status(404).send({ code: 'REQUEST_INVALID', message: 'there is nothing at this address' }),
    );
    this.#app.setErrorHandler((error, _request, reply) => {
      const status = statusOf(error);
      if (status >= 500) options.log.error('the admin API failed', { reason: describeError(error) });
      const code = error instanceof RelayError ? error.code : 'REQUEST_INVALID';
      const message = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error);
      // A mistake of ours may say anything; the log has it.
      return reply.status(status).send({ code, message: status === 500 ? 'the relay failed; see its log' : message });
    });
    healthRoutes(this.#app, options);
    relayRoutes(this.#app, options);
    endpointRoutes(this.#app, options);
    deadLetterRoutes(this.#app, options);
    retentionRoutes(this.#app, options);
  }

  /** Everything that is answered, with the least role that it is for; undefined where that is anybody. */
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

  #authorize(request: FastifyRequest): void {
    const needed = request.routeOptions.config?.role;
    if (needed === undefined) return;
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const entry = token === undefined ? undefined : this.#entryOf(token);
    if (entry === undefined)
      throw new HttpError(401, 'a token is needed: Authorization: Bearer …; make one with `spillway token add`');
    const { name, role } = entry;
    const only = request.routeOptions.config?.only;
    if (only === undefined ? RANK[role] < RANK[needed] : !only.includes(role))
      throw new HttpError(403, `this needs the role ${only?.join(' or ') ?? needed}; the token has ${role}`);
    names.set(request, name);
  }

  #entryOf(token: string): TokenEntry | undefined {
    try {
      return this.#options.tokens.authenticate(token);
    } catch (error) {
      this.#options.log.error('the tokens cannot be read; nobody is let in', { reason: describeError(error) });
      throw new HttpError(503, 'tokens cannot be checked at present');
    }
  }
}

const fromControlSocket = new WeakSet<object>();
const names = new WeakMap<object, string>();

/** Who asks: the name of the token, or the user that the data folder belongs to. */
export function whoAsks(request: FastifyRequest): string {
  return names.get(request) ?? 'the operator at the console';
}

/** An answer that is not the fault of the relay. */
export class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

function statusOf(error: unknown): number {
  if (error instanceof z.ZodError) return 400;
  if (error instanceof RelayError) {
    if (['ENDPOINT_UNKNOWN', 'PURGE_UNKNOWN', 'HOLD_UNKNOWN'].includes(error.code)) return 404;
    if (error.code === 'PURGE_RUNNING') return 409;
    if (error.code === 'ENDPOINT_HAS_BACKLOG' || error.code === 'RELOAD_INCOMPLETE') return 409;
    return error.disposition === 'stop' ? 400 : 503;
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

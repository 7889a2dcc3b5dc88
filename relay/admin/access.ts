import type { FastifyRequest } from 'fastify';
import { describeError } from '../errors.ts';
import type { Log } from '../telemetry/logger.ts';
import { HttpError } from './http-error.ts';
import { SESSION_COOKIE, type Sessions } from './sessions.ts';
import type { Role, TokenFile } from './tokens.ts';

/** Who asks. */
export interface Caller {
  /** The name of the token or password; `operator` for whoever may open the control socket. */
  readonly name: string;
  readonly role: Role;
  /** How they proved it. */
  readonly via: 'socket' | 'token' | 'session' | 'nothing';
  readonly address: string;
}

/** Whose right each role has besides its own. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  auditor: ['viewer', 'auditor'],
  admin: ['viewer', 'operator', 'auditor', 'admin'],
};

/** True where somebody with the role `having` may do what `needed` may. */
export function may(having: Role, needed: Role): boolean {
  return INCLUDES[having].includes(needed);
}

/** What of a request says who asks. */
export type Asker = Pick<FastifyRequest, 'headers' | 'method' | 'ip'>;

export interface AccessOptions {
  readonly tokens: TokenFile;
  readonly sessions: Sessions;
  readonly log: Log;
}

/** Finds out who asks, by a token in `Authorization` or the cookie of a session. */
export class Access {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Throws 401 where nobody known asks, and 403 where they may not. */
  require(request: Asker, needed: Role): Caller {
    const caller = this.identify(request);
    if (caller === undefined)
      throw new HttpError(401, 'sign in, or send a token: Authorization: Bearer …; make one with `spillway token add`');
    if (!may(caller.role, needed))
      throw new HttpError(403, `this needs the role ${needed}; ${caller.name} has ${caller.role}`);
    return caller;
  }

  /** Who asks; undefined for nobody known. */
  identify(request: Asker): Caller | undefined {
    const { authorization } = request.headers;
    const address = request.ip;
    if (authorization !== undefined) {
      const token = secretOf(authorization);
      const entry = token === undefined ? undefined : this.#check(() => this.#options.tokens.authenticate(token));
      return entry === undefined ? undefined : { name: entry.name, role: entry.role, via: 'token', address };
    }
    const id = cookieOf(request.headers.cookie ?? '');
    const session = id === undefined ? undefined : this.#check(() => this.#options.sessions.find(id));
    if (session === undefined) return undefined;
    // A browser sends cookies along with whatever page asks; it says which page that is.
    if (!changesNothing(request.method) && request.headers.origin === undefined && !isSameOrigin(request))
      throw new HttpError(403, 'this request does not say which page it comes from');
    return { name: session.name, role: session.role, via: 'session', address };
  }

  #check<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      this.#options.log.error('the tokens cannot be read; nobody is let in', { reason: describeError(error) });
      throw new HttpError(503, 'tokens cannot be checked at present');
    }
  }
}

/** The token of a `Bearer` header, or the password of a `Basic` one, as scripts of other products send it. */
function secretOf(authorization: string): string | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(authorization)?.[1];
  if (basic === undefined) return undefined;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

/** The session's id in a `Cookie` header. */
export function cookieOf(header: string): string | undefined {
  for (const part of header.split(';')) {
    const [name = '', value = ''] = part.trim().split('=');
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}

function isSameOrigin(request: Asker): boolean {
  return request.headers['sec-fetch-site'] === 'same-origin';
}

function changesNothing(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

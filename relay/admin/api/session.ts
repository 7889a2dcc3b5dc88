import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { describeError } from '../../errors.ts';
import { cookieOf } from '../access.ts';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { SESSION_COOKIE } from '../sessions.ts';
import { SignInLimit } from '../sign-in-limit.ts';
import { type Holder, roles, type TokenFile } from '../tokens.ts';

const credentials = z.strictObject({
  name: z.string().max(100).default(''),
  password: z.string().min(1).max(200),
});

const me = z.object({
  name: z.string(),
  role: z.enum(roles),
  relay: z.string().describe('What the relay calls itself.'),
  version: z.string(),
});

/** Signing in at the console. The only paths that take a request of nobody known: it is where they become known. */
export function sessionRoutes(app: FastifyInstance, context: AdminContext): void {
  const { relay, tokens, sessions, clock, version } = context;
  const limit = new SignInLimit(clock);
  const cookie = (value: string, rest: string): string =>
    `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${context.tls === undefined ? '' : '; Secure'}${rest}`;

  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/session',
      family: 'session',
      summary: 'Signs in with a name and a password, or with a token as the password; answers with a cookie.',
      role: 'anybody',
      body: credentials,
      answer: me,
    },
    ({ body, caller: { address }, reply }) => {
      const waitMs = limit.waitMs(address);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1_000);
        throw new HttpError(429, `too many wrong passwords from here; try again in ${seconds} s`, seconds);
      }
      const entry = signedIn(tokens, body);
      if (entry === undefined) {
        limit.wrong(address);
        // The name was typed by a stranger, who may have typed the password there: it stays out.
        const message = 'somebody tried to sign in and was refused';
        relay.ownRecords.audit({ action: 'sign-in', succeeded: false, message, name: 'unknown', address, details: {} });
        throw new HttpError(401, 'this name and password do not belong together, or the token is not known');
      }
      limit.right(address);
      const message = `${entry.name} signed in`;
      relay.ownRecords.audit({ action: 'sign-in', succeeded: true, message, name: entry.name, address, details: {} });
      void reply.header('set-cookie', cookie(sessions.begin(entry), ''));
      return { name: entry.name, role: entry.role, relay: relay.config.name, version };
    },
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/session',
      family: 'session',
      summary: 'Who is asking; null where that is nobody known.',
      role: 'anybody',
      answer: z.object({ session: me.nullable() }),
    },
    ({ caller: { name, role, via } }) => ({
      session: via === 'nothing' ? null : { name, role, relay: relay.config.name, version },
    }),
  );
  route(
    app,
    {
      method: 'DELETE',
      path: '/api/v1/session',
      family: 'session',
      summary: 'Ends the session; the cookie is worth nothing then.',
      role: 'viewer',
      action: 'sign-out',
      answer: z.object({ ended: z.boolean() }),
    },
    ({ request, reply }) => {
      const id = cookieOf(request.headers.cookie ?? '');
      if (id !== undefined) sessions.end(id);
      void reply.header('set-cookie', cookie('', '; Max-Age=0'));
      return { ended: id !== undefined };
    },
  );
}

function signedIn(tokens: TokenFile, { name, password }: z.output<typeof credentials>): Holder | undefined {
  try {
    return tokens.signIn(name, password);
  } catch (error) {
    throw new HttpError(503, `passwords cannot be checked at present: ${describeError(error)}`);
  }
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { roles } from '../tokens.ts';

const kind = z.enum(['token', 'password']);
const entry = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(roles),
  kind,
  created_at: z.iso.datetime(),
});

/** Who may come in. */
export function tokenRoutes(app: FastifyInstance, { tokens }: AdminContext): void {
  const family = 'tokens';
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/tokens',
      family,
      summary: 'All tokens and passwords by name, without what they are.',
      role: 'admin',
      answer: z.object({ tokens: z.array(entry) }),
    },
    () => ({
      tokens: tokens.list().map(({ id, name, role, kind: itsKind, created_at }) => ({
        id,
        name,
        role,
        kind: itsKind,
        created_at,
      })),
    }),
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/tokens',
      family,
      summary: 'Makes a token for a program, or a password for a person. It is answered this once.',
      role: 'admin',
      action: 'add-token',
      body: z.strictObject({ name: z.string(), role: z.enum(roles), kind: kind.default('token') }),
      answer: z.object({ id: z.string(), name: z.string(), role: z.enum(roles), secret: z.string() }),
    },
    ({ body, reply }) => {
      const made = tokens.add(body.name, body.role, body.kind);
      void reply.header('cache-control', 'no-store');
      return { id: made.entry.id, name: body.name, role: body.role, secret: made.token };
    },
  );
  route(
    app,
    {
      method: 'DELETE',
      path: '/api/v1/tokens/:name',
      family,
      summary: 'Takes a token or password away; sessions that it began end with it.',
      role: 'admin',
      action: 'remove-token',
      params: z.object({ name: z.string().max(100) }),
      answer: z.object({ removed: z.boolean() }),
    },
    ({ params, caller }) => {
      const admins = tokens.list().filter(({ role }) => role === 'admin');
      if (caller.via === 'session' && admins.length === 1 && admins[0]?.name === params.name)
        throw new HttpError(409, 'this is the last way in for an admin; make another one first');
      if (!tokens.remove(params.name)) throw new HttpError(404, 'there is no such token');
      return { removed: true };
    },
  );
}

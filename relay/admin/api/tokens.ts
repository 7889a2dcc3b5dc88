import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { OVERLAP_MS_MAX, roles, type TokenEntry } from '../tokens.ts';

const kind = z.enum(['token', 'password']);
const entry = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(roles),
  kind,
  created_at: z.iso.datetime(),
  rotated_at: z.iso.datetime().nullable(),
  former_until: z.iso.datetime().nullable().describe('Until then the secret before it was rotated is taken, too.'),
});
const DAY_S = 86_400;

/** Who may come in. */
export function tokenRoutes(app: FastifyInstance, { tokens, clock }: AdminContext): void {
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
    () => ({ tokens: tokens.list().map((one) => shown(one, clock.nowMs())) }),
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
      method: 'POST',
      path: '/api/v1/tokens/:name/rotate',
      family,
      summary: 'Gives a token or password a new secret, answered this once. The one before is taken for a while.',
      role: 'admin',
      action: 'rotate-token',
      params: z.object({ name: z.string().max(100) }),
      body: z
        .strictObject({
          overlap_s: z
            .int()
            .min(0)
            .max(OVERLAP_MS_MAX / 1_000)
            .default(DAY_S)
            .describe('How long the secret before is still taken, in seconds; 0 ends it at once, and its sessions.'),
        })
        .default({ overlap_s: DAY_S }),
      answer: z.object({ ...entry.shape, secret: z.string() }),
    },
    ({ params, body, request, reply }) => {
      request.auditDetails = { overlap_s: body.overlap_s };
      const made = tokens.rotate(params.name, body.overlap_s * 1_000);
      if (made === undefined) throw new HttpError(404, 'there is no such token');
      void reply.header('cache-control', 'no-store');
      return { ...shown(made.entry, clock.nowMs()), secret: made.token };
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

function shown({ id, name, role, kind: its, created_at, rotated_at, former }: TokenEntry, nowMs: number) {
  const isTaken = former !== undefined && Date.parse(former.until) > nowMs;
  const former_until = isTaken ? former.until : null;
  return { id, name, role, kind: its, created_at, rotated_at: rotated_at ?? null, former_until };
}

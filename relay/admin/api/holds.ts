import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HoldScope } from '../../journal/retention-store.ts';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { holdShape, holdView } from './retention-views.ts';

const family = 'retention';
const why = z.string().trim().min(3, 'say why, in three letters at least').max(1_000);
const text = z.string().min(1).max(1_000);
const time = z.iso.datetime({ offset: true });

/** What no purge and no limit may take. Who may purge does not lift a hold: that is for auditors. */
export function holdRoutes(app: FastifyInstance, { relay }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/retention/holds',
      family,
      summary: 'The holds in force; with `lifted` also those that were lifted.',
      role: 'viewer',
      query: z.strictObject({ lifted: z.enum(['true', 'false']).default('false') }),
      answer: z.object({ holds: z.array(holdShape) }),
    },
    async ({ query }) => ({ holds: (await relay.retention.holds(query.lifted === 'true')).map(holdView) }),
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/holds',
      family,
      summary: 'Places a hold on records: whatever is given must hold. It beats every rule and limit.',
      role: 'auditor',
      action: 'place-hold',
      body: z.strictObject({
        why,
        dataset: text.optional(),
        repository: text.optional(),
        run: text.optional(),
        from: time.optional(),
        to: time.optional(),
      }),
      answer: holdShape,
    },
    async ({ body, caller, request, reply }) => {
      const { why: reason, from, to, ...rest } = body;
      const scope: HoldScope = {
        ...rest,
        ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
        ...(to === undefined ? {} : { toMs: Date.parse(to) }),
      };
      if (Object.values(scope).every((value) => value === undefined))
        throw new HttpError(400, 'a hold needs a dataset, repository, run or time; the dataset "*" holds everything');
      const hold = holdView(await relay.retention.addHold({ scope, who: caller.name, why: reason }));
      request.auditDetails = { hold: hold.id, ...body };
      reply.status(201);
      return hold;
    },
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/holds/:id/lift',
      family,
      summary: 'Lifts a hold. It stays on record.',
      role: 'auditor',
      action: 'lift-hold',
      params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      body: z.strictObject({ why }),
      answer: holdShape,
    },
    async ({ params, body, caller, request }) => {
      if (caller.role !== 'auditor' && caller.via !== 'socket')
        throw new HttpError(403, 'only an auditor may lift a hold: whoever may purge must not');
      request.auditDetails = { why: body.why };
      return holdView(await relay.retention.liftHold(params.id, { who: caller.name, why: body.why }));
    },
  );
}

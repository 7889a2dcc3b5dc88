import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { QUERY_LENGTH_MAX } from '../../query/parse.ts';
import type { ReplayStatus } from '../../runtime/replays.ts';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { endpointParams, findEndpoint } from './endpoints.ts';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const shape = z.object({
  id: z.int(),
  endpoint: z.string(),
  query: z.string(),
  who: z.string(),
  state: z.enum(['running', 'done', 'stopped', 'failed']),
  progress: z.number().describe('From 0 to 1.'),
  sent: z.int(),
  refused: z.int(),
  started: z.iso.datetime(),
  ended: z.iso.datetime().nullable(),
  trouble: z.string().nullable().describe('What is in the way, or ended it.'),
});

/** Sending what an endpoint has had, or should have had, once more. */
export function replayRoutes(app: FastifyInstance, { relay }: AdminContext): void {
  const family = 'endpoints';
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/endpoints/:name/replay',
      family,
      summary: 'Sends records of the journal to an endpoint once more, beside its deliveries; they keep their ids.',
      role: 'operator',
      action: 'replay-records',
      params: endpointParams,
      body: z.strictObject({
        q: z.string().max(QUERY_LENGTH_MAX).default('').describe('Which records, see search.md. Empty: all.'),
        from: time.optional().describe('Received from then on.'),
        to: time.optional().describe('Received before then.'),
        records_per_s: z.int().min(0).max(100_000_000).default(5_000).describe('No faster than this; 0 is no limit.'),
      }),
      answer: shape,
    },
    async ({ params, body, caller, request, reply }) => {
      const endpoint = findEndpoint(relay, params.name);
      const range = { of: 'received' as const, sinceMs: body.from ?? 0, untilMs: body.to ?? Number.MAX_SAFE_INTEGER };
      const scope = { query: body.q, range: body.from === undefined && body.to === undefined ? undefined : range };
      const asked = { endpoint, scope, recordsPerSecond: body.records_per_s, who: caller.name };
      const replay = view(await relay.replays.start(asked));
      request.auditDetails = { query: body.q, replay: replay.id };
      void reply.status(202);
      return replay;
    },
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/replays',
      family,
      summary: 'Replays since the relay started, the newest first.',
      role: 'viewer',
      answer: z.object({ replays: z.array(shape) }),
    },
    () => ({ replays: relay.replays.list().map(view) }),
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/replays/:id/stop',
      family,
      summary: 'Stops a replay.',
      role: 'operator',
      action: 'stop-replay',
      params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      answer: z.object({ stopped: z.boolean() }),
    },
    ({ params }) => {
      if (!relay.replays.stop(params.id)) throw new HttpError(404, 'there is no such replay under way');
      return { stopped: true };
    },
  );
}

function view({ startedMs, endedMs, trouble, ...rest }: ReplayStatus) {
  return {
    ...rest,
    started: new Date(startedMs).toISOString(),
    ended: endedMs === undefined ? null : new Date(endedMs).toISOString(),
    trouble: trouble ?? null,
  };
}

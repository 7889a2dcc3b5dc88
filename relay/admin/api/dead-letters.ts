import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { endpointParams, findEndpoint } from './endpoints.ts';

const LIST_MAX = 1_000;

const selection = z.strictObject({
  ids: z.array(z.int().min(1)).min(1).max(LIST_MAX).describe('Of the dead letters that are meant.'),
});

const deadLetter = z.object({
  id: z.int(),
  endpoint: z.string(),
  seq: z.int().describe('The record’s place in the journal.'),
  atMs: z.number(),
  code: z.string(),
  reason: z.string().describe('What the endpoint said.'),
  line: z.string().describe('The record.'),
});

/** What an endpoint refused for good: look at it, send it again, give it up. */
export function deadLetterRoutes(app: FastifyInstance, { relay, log }: AdminContext): void {
  const family = 'dead letters';
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/endpoints/:name/dead-letters',
      family,
      summary: 'The oldest records that an endpoint refused for good.',
      role: 'viewer',
      params: endpointParams,
      query: z.object({ limit: z.coerce.number().int().min(1).max(LIST_MAX).default(100) }),
      answer: z.object({ dead_letters: z.array(deadLetter) }),
    },
    async ({ params: { name }, query }) => {
      findEndpoint(relay, name);
      return { dead_letters: await relay.journal.deadLetters(name, query.limit) };
    },
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/endpoints/:name/dead-letters/discard',
      family,
      summary: 'Gives dead letters up for good.',
      role: 'operator',
      action: 'discard-dead-letters',
      params: endpointParams,
      body: selection,
      answer: z.object({ discarded: z.int() }),
    },
    async ({ params: { name }, body }) => {
      findEndpoint(relay, name);
      const discarded = await relay.journal.discardDeadLetters(name, body.ids, 'discarded');
      log.warn('dead letters were discarded', { endpoint: name, records: discarded });
      return { discarded };
    },
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/endpoints/:name/dead-letters/resend',
      family,
      summary: 'Sends dead letters once more.',
      role: 'operator',
      action: 'resend-dead-letters',
      params: endpointParams,
      body: selection,
      answer: z.object({ resent: z.int() }),
    },
    async ({ params: { name }, body }) => {
      const resent = await findEndpoint(relay, name).resendDeadLetters(body.ids);
      log.info('dead letters were sent again', { endpoint: name, records: resent });
      return { resent };
    },
  );
}

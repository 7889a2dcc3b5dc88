import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AdminOptions } from '../server.ts';
import { findEndpoint } from './endpoints.ts';

interface Named {
  readonly Params: { readonly name: string };
  readonly Querystring: { readonly limit?: string };
}

const LIST_MAX = 1_000;
const selection = z.strictObject({ ids: z.array(z.int().min(1)).min(1).max(LIST_MAX) });

/** What an endpoint refused for good: look at it, send it again, give it up. */
export function deadLetterRoutes(app: FastifyInstance, { relay, log }: AdminOptions): void {
  app.get<Named>('/api/v1/endpoints/:name/dead-letters', { config: { role: 'viewer' } }, async (request) => {
    findEndpoint(relay, request.params.name);
    const limit = Math.min(LIST_MAX, Math.max(1, Number(request.query.limit ?? 100) || 100));
    return { dead_letters: await relay.journal.deadLetters(request.params.name, limit) };
  });

  app.post<Named>('/api/v1/endpoints/:name/dead-letters/discard', { config: { role: 'operator' } }, async (request) => {
    findEndpoint(relay, request.params.name);
    const { ids } = selection.parse(request.body);
    const discarded = await relay.journal.discardDeadLetters(request.params.name, ids, 'discarded');
    log.warn('dead letters were discarded', { endpoint: request.params.name, records: discarded });
    return { discarded };
  });

  app.post<Named>('/api/v1/endpoints/:name/dead-letters/resend', { config: { role: 'operator' } }, async (request) => {
    const { ids } = selection.parse(request.body);
    const resent = await findEndpoint(relay, request.params.name).resendDeadLetters(ids);
    log.info('dead letters were sent again', { endpoint: request.params.name, records: resent });
    return { resent };
  });
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { QUERY_LENGTH_MAX } from '../../query/parse.ts';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';

/** Live tail is a WebSocket (`live-tail.ts`); this is what stands in the description of the API, and what anybody else is told. */
export function tailRoutes(app: FastifyInstance): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/tail',
      family: 'search',
      summary:
        'Records as they are committed, over a WebSocket; send {"type":"pause"}, {"type":"resume"} or {"type":"query","q":"…"}.',
      role: 'viewer',
      query: z.object({ q: z.string().max(QUERY_LENGTH_MAX).default('').describe('Which records, see search.md.') }),
      answer: z
        .object({
          type: z.literal('records'),
          missed: z.int().describe('Records that were meant and not sent: too many at once, or you read too slowly.'),
          skipped: z.int().describe('Records that came too fast to be looked at by anybody.'),
          records: z.array(z.object({ seq: z.int(), record: z.looseObject({}).optional(), bytes: z.int().optional() })),
        })
        .describe('One message.'),
    },
    () => {
      throw new HttpError(400, 'this address speaks WebSocket alone');
    },
  );
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

const alert = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string().describe('What it is about: an endpoint, an input, a file.'),
  severity: z.enum(['warning', 'critical']),
  message: z.string(),
  sinceMs: z.number(),
  endsByItself: z.boolean().describe('False for what happened once: somebody puts it away.'),
});

/** What the relay warns of. */
export function alertRoutes(app: FastifyInstance, { relay }: AdminContext): void {
  const family = 'alerts';
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/alerts',
      family,
      summary: 'What is not as it should be at present, the oldest first.',
      role: 'viewer',
      answer: z.object({ alerts: z.array(alert) }),
    },
    () => ({ alerts: relay.alerts?.active ?? [] }),
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/alerts/acknowledge',
      family,
      summary: 'Puts away an alert of something that happened once.',
      role: 'operator',
      action: 'acknowledge-alert',
      body: z.strictObject({ id: z.string().max(500) }),
      answer: z.object({ acknowledged: z.boolean() }),
    },
    ({ body }) => {
      if (relay.alerts?.acknowledge(body.id) !== true)
        throw new HttpError(404, 'there is no such alert, or it goes on and ends by itself');
      return { acknowledged: true };
    },
  );
}

import type { FastifyInstance } from 'fastify';
import type { AdminOptions } from '../server.ts';

/** The relay as a whole. */
export function relayRoutes(app: FastifyInstance, { relay, reload }: AdminOptions): void {
  app.get('/api/v1/status', { config: { role: 'viewer' } }, () => relay.status());

  app.post('/api/v1/reload', { config: { role: 'admin' } }, async () => ({ changes: await reload() }));
}

import type { FastifyInstance } from 'fastify';
import type { ConfigChange } from '../../config/difference.ts';
import type { AdminOptions } from '../server.ts';

/** What `POST /api/v1/reload` answers. */
export interface ReloadAnswer {
  readonly changes: readonly ConfigChange[];
}

/** The relay as a whole. */
export function relayRoutes(app: FastifyInstance, { relay, reload }: AdminOptions): void {
  app.get('/api/v1/status', { config: { role: 'viewer' } }, () => relay.status());

  app.post('/api/v1/reload', { config: { role: 'admin' } }, () => reload());
}

import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../server.ts';

/**
 * Three questions that must not be mixed up. Alive: restart it if not. Ready: send records elsewhere if not. Healthy: a person should
 * look if not; a full journal or a dead endpoint never make it less than alive.
 */
export function healthRoutes(app: FastifyInstance, { relay, metrics }: AdminContext): void {
  app.get('/livez', (_request, reply) =>
    relay.events.journalFailure === undefined ? reply.send('alive\n') : reply.status(503).send('dead\n'),
  );

  app.get('/readyz', (_request, reply) =>
    relay.ready ? reply.send('ready\n') : reply.status(503).send('not ready\n'),
  );

  // Strangers learn that something is wrong, not what: that is for `/api/v1/status`.
  app.get('/healthz', (_request, reply) => {
    if (relay.events.journalFailure !== undefined) return reply.status(503).send({ status: 'dead' });
    const degraded = !relay.ready || relay.degradations.length > 0;
    return reply.send({ status: degraded ? 'degraded' : 'ok' });
  });

  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics.text();
    return reply.type(contentType).send(body);
  });
}

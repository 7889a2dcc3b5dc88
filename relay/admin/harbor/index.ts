import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../server.ts';
import { auditLogRoutes } from './audit-logs.ts';
import { configurationRoutes } from './configurations.ts';
import { eventTypeRoutes } from './event-types.ts';
import { purgeRoutes } from './purges.ts';

/** The part of Harbor’s API that is about its audit log: docs/harbor.md. */
export function harborRoutes(app: FastifyInstance, context: AdminContext): void {
  for (const family of [auditLogRoutes, eventTypeRoutes, purgeRoutes, configurationRoutes]) family(app, context);
}

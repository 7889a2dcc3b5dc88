import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../server.ts';
import { alertRoutes } from './alerts.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { endpointRoutes } from './endpoints.ts';
import { relayRoutes } from './relay.ts';
import { runRoutes } from './runs.ts';
import { sessionRoutes } from './session.ts';
import { settingsRoutes } from './settings.ts';
import { tokenRoutes } from './tokens.ts';

/** Every family of the API. */
export function apiRoutes(app: FastifyInstance, context: AdminContext): void {
  for (const family of [
    relayRoutes,
    runRoutes,
    alertRoutes,
    endpointRoutes,
    deadLetterRoutes,
    sessionRoutes,
    tokenRoutes,
    settingsRoutes,
  ])
    family(app, context);
}

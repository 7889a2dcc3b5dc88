import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../server.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { endpointRoutes } from './endpoints.ts';
import { relayRoutes } from './relay.ts';
import { searchRoutes } from './search.ts';
import { sessionRoutes } from './session.ts';
import { settingsRoutes } from './settings.ts';
import { tailRoutes } from './tail.ts';
import { tokenRoutes } from './tokens.ts';

/** Every family of the API. */
export function apiRoutes(app: FastifyInstance, context: AdminContext): void {
  for (const family of [
    relayRoutes,
    endpointRoutes,
    deadLetterRoutes,
    searchRoutes,
    sessionRoutes,
    tokenRoutes,
    settingsRoutes,
    tailRoutes,
  ])
    family(app, context);
}

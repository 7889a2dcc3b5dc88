import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../server.ts';
import { alertRoutes } from './alerts.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { endpointRoutes } from './endpoints.ts';
import { holdRoutes } from './holds.ts';
import { harborRoutes } from '../harbor/index.ts';
import { replayRoutes } from './replays.ts';
import { relayRoutes } from './relay.ts';
import { retentionRoutes } from './retention.ts';
import { runRoutes } from './runs.ts';
import { searchRoutes } from './search.ts';
import { sessionRoutes } from './session.ts';
import { settingsRoutes } from './settings.ts';
import { tailRoutes } from './tail.ts';
import { tokenRoutes } from './tokens.ts';

/** Every family of the API. */
export function apiRoutes(app: FastifyInstance, context: AdminContext): void {
  for (const family of [
    relayRoutes,
    runRoutes,
    alertRoutes,
    endpointRoutes,
    deadLetterRoutes,
    replayRoutes,
    retentionRoutes,
    holdRoutes,
    sessionRoutes,
    tokenRoutes,
    settingsRoutes,
    harborRoutes,
    searchRoutes,
    tailRoutes,
  ])
    family(app, context);
}

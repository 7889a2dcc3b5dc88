import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AdminContext } from '../server.ts';
import { harborRoute } from './harbor-route.ts';

/** In Harbor’s own order (`src/pkg/auditext/model/model.go`). */
export const EVENT_TYPES = [
  'create_artifact',
  'delete_artifact',
  'pull_artifact',
  'create_project',
  'delete_project',
  'delete_repository',
  'login_user',
  'logout_user',
  'create_user',
  'delete_user',
  'update_user',
  'create_robot',
  'delete_robot',
  'update_configuration',
  'create_member',
  'delete_member',
  'update_member',
  'update_project',
] as const;

/** Types that Harbor records and leaves out of its list, so that it can never purge them. */
export const UNLISTED_EVENT_TYPES = ['create_tag', 'delete_tag'] as const;

/** The types of artifacts; `other` stands for all but these. */
export const ARTIFACT_EVENT_TYPES: readonly string[] = EVENT_TYPES.slice(0, 3);

export function eventTypeRoutes(app: FastifyInstance, context: AdminContext): void {
  harborRoute(
    app,
    context,
    {
      method: 'GET',
      path: '/auditlog-exts/events',
      summary: 'The types of events that Harbor knows.',
      role: 'viewer',
      answer: z.array(z.object({ event_type: z.string() })),
    },
    () => EVENT_TYPES.map((type) => ({ event_type: type })),
  );
}

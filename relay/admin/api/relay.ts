import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ConfigChange } from '../../config/difference.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

/** What `POST /api/v1/reload` answers. */
export interface ReloadAnswer {
  readonly changes: readonly ConfigChange[];
}

const status = z.looseObject({
  name: z.string(),
  started: z.iso.datetime(),
  ready: z.boolean(),
  degradations: z.array(z.string()),
  inputs: z.array(z.looseObject({ name: z.string(), type: z.string(), records: z.int() })),
  endpoints: z.array(z.looseObject({ name: z.string(), type: z.string(), state: z.string(), since: z.iso.datetime() })),
  journal: z.looseObject({ records: z.int(), fileBytes: z.int(), chainHead: z.string() }),
});

const reloaded = z.object({
  changes: z.array(z.looseObject({ part: z.string(), name: z.string(), change: z.string() })),
});

/** The relay as a whole. */
export function relayRoutes(app: FastifyInstance, { relay, reload }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/status',
      family: 'relay',
      summary: 'How the relay, its inputs, its endpoints and its journal are doing.',
      role: 'viewer',
      answer: status,
    },
    () => relay.status(),
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/reload',
      family: 'relay',
      summary: 'Reads the config again and takes over what changed.',
      role: 'admin',
      action: 'reload-config',
      answer: reloaded,
    },
    () => reload(),
  );
}

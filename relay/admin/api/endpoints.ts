import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { RelayError, describeError } from '../../errors.ts';
import type { Endpoint } from '../../delivery/endpoint.ts';
import type { Relay } from '../../runtime/relay.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

export const endpointParams = z.object({ name: z.string().max(100) });

/** Single endpoints: pause, resume, test. */
export function endpointRoutes(app: FastifyInstance, { relay, log }: AdminContext): void {
  for (const [verb, paused, summary] of [
    ['pause', true, 'Sends an endpoint nothing until it is resumed; what comes for it is kept.'],
    ['resume', false, 'Goes on with an endpoint that was paused.'],
  ] as const) {
    route(
      app,
      {
        method: 'POST',
        path: `/api/v1/endpoints/:name/${verb}`,
        family: 'endpoints',
        summary,
        role: 'operator',
        action: `${verb}-endpoint`,
        params: endpointParams,
        answer: z.object({ name: z.string(), paused: z.boolean() }),
      },
      ({ params: { name } }) => {
        findEndpoint(relay, name).dispatcher.setPaused(paused);
        log.info(`endpoint was told to ${verb}`, { endpoint: name });
        return { name, paused };
      },
    );
  }
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/endpoints/:name/test',
      family: 'endpoints',
      summary: 'Tries to reach an endpoint, without sending a record.',
      role: 'operator',
      action: 'test-endpoint',
      params: endpointParams,
      answer: z.object({
        name: z.string(),
        ok: z.boolean(),
        code: z.string().optional(),
        message: z.string().optional(),
      }),
    },
    async ({ params }) => {
      const endpoint = findEndpoint(relay, params.name);
      try {
        await endpoint.probe();
        return { name: endpoint.name, ok: true };
      } catch (error) {
        const code = error instanceof RelayError ? error.code : 'OUTPUT_UNREACHABLE';
        return { name: endpoint.name, ok: false, code, message: describeError(error) };
      }
    },
  );
}

/** Throws `ENDPOINT_UNKNOWN`, naming those there are. */
export function findEndpoint(relay: Relay, name: string): Endpoint {
  const endpoint = relay.endpoints.get(name);
  if (endpoint !== undefined) return endpoint;
  const names = [...relay.endpoints.keys()].join(', ');
  throw new RelayError('ENDPOINT_UNKNOWN', `there is no endpoint ${name}; there are: ${names === '' ? 'none' : names}`);
}

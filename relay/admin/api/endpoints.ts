import type { FastifyInstance } from 'fastify';
import { RelayError, describeError } from '../../errors.ts';
import type { Endpoint } from '../../delivery/endpoint.ts';
import type { Relay } from '../../runtime/relay.ts';
import type { AdminOptions } from '../server.ts';

interface Named {
  readonly Params: { readonly name: string };
}

/** Single endpoints: pause, resume, test. */
export function endpointRoutes(app: FastifyInstance, { relay, log }: AdminOptions): void {
  for (const [action, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post<Named>(`/api/v1/endpoints/:name/${action}`, { config: { role: 'operator' } }, (request) => {
      findEndpoint(relay, request.params.name).dispatcher.setPaused(paused);
      log.info(`endpoint was told to ${action}`, { endpoint: request.params.name });
      return { name: request.params.name, paused };
    });
  }

  app.post<Named>('/api/v1/endpoints/:name/test', { config: { role: 'operator' } }, async (request) => {
    const endpoint = findEndpoint(relay, request.params.name);
    try {
      await endpoint.probe();
      return { name: endpoint.name, ok: true };
    } catch (error) {
      const code = error instanceof RelayError ? error.code : 'OUTPUT_UNREACHABLE';
      return { name: endpoint.name, ok: false, code, message: describeError(error) };
    }
  });
}

/** Throws `ENDPOINT_UNKNOWN`, naming those there are. */
export function findEndpoint(relay: Relay, name: string): Endpoint {
  const endpoint = relay.endpoints.get(name);
  if (endpoint !== undefined) return endpoint;
  const names = [...relay.endpoints.keys()].join(', ');
  throw new RelayError('ENDPOINT_UNKNOWN', `there is no endpoint ${name}; there are: ${names === '' ? 'none' : names}`);
}

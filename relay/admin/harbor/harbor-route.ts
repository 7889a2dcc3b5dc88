import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Asked, Operation } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { answerHarborError, setRequestId } from './errors.ts';

/** Where Harbor’s own API stands, and ours that is like it. */
export const HARBOR_PREFIX = '/api/v2.0';

export function isHarborPath(path: string): boolean {
  return path === HARBOR_PREFIX || path.startsWith(`${HARBOR_PREFIX}/`);
}

/**
 * Adds a route of Harbor’s API, with its request ids and its errors. As `route` does, it checks role, parameters, query and body before the
 * handler runs.
 */
export function harborRoute<const Definition extends Omit<Operation, 'family'>>(
  app: FastifyInstance,
  context: AdminContext,
  given: Definition,
  handle: (asked: Asked<Definition & { family: 'harbor' }>) => unknown,
): void {
  const operation: Operation = { ...given, family: 'harbor', path: HARBOR_PREFIX + given.path };
  const identify = (request: FastifyRequest, reply: FastifyReply): void =>
    setRequestId(request, reply, (bytes) => context.random.bytes(bytes));
  app.route({
    method: operation.method,
    url: operation.path,
    config: { operation },
    errorHandler: (error, request, reply) => {
      identify(request, reply);
      void answerHarborError(error, reply, (reason) => context.log.error('Harbor’s API failed', { reason }));
    },
    handler: (request, reply) => {
      identify(request, reply);
      const { caller } = request;
      if (caller === undefined) throw new Error(`${operation.path} was reached by nobody known`);
      return handle({
        // Each is what its schema gives back, or undefined where there is none: what `Asked` says.
        params: operation.params?.parse(request.params) as Asked<Definition & { family: 'harbor' }>['params'],
        query: operation.query?.parse(request.query) as Asked<Definition & { family: 'harbor' }>['query'],
        body: operation.body?.parse(request.body) as Asked<Definition & { family: 'harbor' }>['body'],
        caller,
        request,
        reply,
      });
    },
  });
}

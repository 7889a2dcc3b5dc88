import type { FastifyInstance, RouteOptions } from 'fastify';
import { apiRoutes } from '../api/index.ts';
import type { Operation } from '../route.ts';
import type { AdminContext } from '../server.ts';

/** Every operation of the API, in order, without a relay: the routes are asked for, and none is ever called. */
export function allOperations(): Operation[] {
  const operations: Operation[] = [];
  const collector = {
    route: ({ config }: Pick<RouteOptions, 'config'>) => {
      if (config?.operation !== undefined) operations.push(config.operation);
    },
  };
  // Routes only keep what they are given here until somebody asks.
  apiRoutes(collector as unknown as FastifyInstance, {} as AdminContext);
  return operations;
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Caller } from './access.ts';
import type { Role } from './tokens.ts';

/** What stands in `docs/openapi.json` about a route, and what is checked before its handler runs. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `:name` for what varies. */
  readonly path: string;
  /** The family it is listed under. */
  readonly family: string;
  /** One sentence. */
  readonly summary: string;
  /** Who may; `anybody` needs no sign-in. */
  readonly role: Role | 'anybody';
  /** What the audit calls it: a verb and a noun. Needed for everything that changes something. */
  readonly action?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The answer where all went well: JSON of this shape, or text of this media type. */
  readonly answer: z.ZodType | string;
}

type Checked<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What a handler gets: checked, and by whom it was sent. */
export interface Asked<Definition extends Operation> {
  readonly params: Checked<Definition['params']>;
  readonly query: Checked<Definition['query']>;
  readonly body: Checked<Definition['body']>;
  readonly caller: Caller;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation;
  }
  interface FastifyRequest {
    /** Set before a handler of a route with a role runs. */
    caller: Caller | undefined;
    /** What a handler adds to the audit of a request: what was asked for, where that must be on record. No secrets. */
    auditDetails: Readonly<Record<string, unknown>> | undefined;
  }
}

/**
 * Adds one route to the API. Its role is checked, then its parameters, query and body; each change that is made through it is written to
 * the audit. Anything thrown becomes an answer (see `server.ts`).
 */
export function route<const Definition extends Operation>(
  app: FastifyInstance,
  operation: Definition,
  handle: (asked: Asked<Definition>) => unknown,
): void {
  app.route({
    method: operation.method,
    url: operation.path,
    config: { operation },
    handler: (request, reply) => {
      const { caller } = request;
      if (caller === undefined) throw new Error(`${operation.path} was reached by nobody known`);
      return handle({
        // Each is what its schema gives back, or undefined where there is none: what `Checked` says.
        params: operation.params?.parse(request.params) as Asked<Definition>['params'],
        query: operation.query?.parse(request.query) as Asked<Definition>['query'],
        body: operation.body?.parse(request.body) as Asked<Definition>['body'],
        caller,
        request,
        reply,
      });
    },
  });
}

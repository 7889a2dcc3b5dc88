import { z } from 'zod';
import type { Operation } from '../route.ts';

const FAILURES: Readonly<Record<string, string>> = {
  '400': 'The request is not right; the message says what to change.',
  '401': 'Nobody known asks.',
  '403': 'The role is not enough.',
  '404': 'There is no such thing.',
  '429': 'Too much at once; `Retry-After` says when to try again.',
  '503': 'The relay cannot at present; trying again helps.',
};

const failure = {
  type: 'object',
  properties: {
    code: { type: 'string', description: 'One of the codes in errors.md.' },
    message: { type: 'string', description: 'What is wrong and what to do, for a person.' },
  },
  required: ['code', 'message'],
};

/** The description of the API, by OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as zod writes it. */
export function openApiDocument(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:([A-Za-z_]+)/g, '{$1}').replaceAll('*', '{rest}');
    paths[path] ??= {};
    paths[path][operation.method.toLowerCase()] = described(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spillway',
      version: '1',
      description: 'The API of the relay: the console and the commands use nothing else. Times are ISO 8601 in UTC.',
    },
    paths,
    components: {
      schemas: { Failure: failure },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'From `spillway token add`.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'spillway_session',
          description: 'From `POST /api/v1/session`.',
        },
      },
    },
  };
}

function described(operation: Operation): object {
  const { family, summary, role, action, params, query, body, answer, path } = operation;
  const parameters = [
    ...parametersOf(params, 'path'),
    ...(path.endsWith('*') ? [{ name: 'rest', in: 'path', required: true, schema: { type: 'string' } }] : []),
    ...parametersOf(query, 'query'),
  ];
  const content =
    typeof answer === 'string'
      ? { [answer]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: jsonSchema(answer, 'output') } };
  return {
    tags: [family],
    summary,
    description: role === 'anybody' ? 'For anybody.' : `Needs the role ${role}.${auditSentence(action)}`,
    ...(role === 'anybody' ? {} : { security: [{ token: [] }, { session: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body, 'input') } } } }),
    responses: {
      '200': { description: 'It went well.', content },
      ...Object.fromEntries(
        Object.entries(FAILURES).map(([status, description]) => [
          status,
          { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } } },
        ]),
      ),
    },
  };
}

function auditSentence(action: string | undefined): string {
  return action === undefined ? '' : ` The audit calls it \`${action}\`.`;
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): object[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, option]) => {
    const { description, ...rest } = jsonSchema(option, 'input');
    const isRequired = place === 'path' || !z.safeParse(option, undefined).success;
    return {
      name,
      in: place,
      required: isRequired,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

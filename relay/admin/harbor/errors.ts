import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RelayError, describeError } from '../../errors.ts';
import { HttpError } from '../http-error.ts';

/** What Harbor calls each status (`src/lib/errors/const.go`); what it does not know it calls by the words of HTTP. */
const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'CONFLICT',
  412: 'PRECONDITION',
  413: 'REQUEST_ENTITY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  421: 'MISDIRECTED_REQUEST',
  422: 'UNPROCESSABLE_ENTITY',
  429: 'TOO_MANY_REQUEST',
  503: 'SERVICE_UNAVAILABLE',
};

/** A refusal in Harbor’s words; where clients look at the text, it is Harbor’s own, to the letter. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, `bad request: ${message}`);
}

export function sendHarborError(reply: FastifyReply, status: number, message: string): FastifyReply {
  const code = CODES[status] ?? 'UNKNOWN';
  return reply
    .status(status)
    .type('application/json; charset=utf-8')
    .send(`${JSON.stringify({ errors: [{ code, message }] })}\n`);
}

/** Answers with what went wrong. A mistake of ours may say anything, so it is only logged. */
export function answerHarborError(
  error: unknown,
  reply: FastifyReply,
  onFailure: (reason: string) => void,
): FastifyReply {
  const status = statusOf(error);
  if (status >= 500 && status !== 503) {
    onFailure(describeError(error));
    return sendHarborError(reply, 500, 'internal server error');
  }
  return sendHarborError(reply, status, error instanceof z.ZodError ? z.prettifyError(error) : describeError(error));
}

/** A violation of the request’s shape is 422 in Harbor, what its handlers refuse is 400. */
function statusOf(error: unknown): number {
  if (error instanceof z.ZodError) return 422;
  if (error instanceof RelayError) {
    if (error.code === 'PURGE_UNKNOWN') return 404;
    if (error.code === 'PURGE_RUNNING' || error.code === 'ENDPOINT_HAS_BACKLOG') return 409;
    if (error.disposition === 'stop') return 400;
    return error.disposition === 'retry' ? 503 : 400;
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

const REQUEST_ID_MAX = 200;

/** Echoes `X-Request-Id`, or makes one, as Harbor does on every answer. */
export function setRequestId(
  request: FastifyRequest,
  reply: FastifyReply,
  random: (bytes: number) => Uint8Array,
): void {
  const given = request.headers['x-request-id'];
  const usable = typeof given === 'string' && /^[\x21-\x7e]+$/.test(given) && given.length <= REQUEST_ID_MAX;
  void reply.header('x-request-id', usable ? given : uuid(random(16)));
}

/** A version 4 UUID (RFC 9562 §5.4). */
function uuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes);
  hex[6] = (hex[6]! & 0x0f) | 0x40;
  hex[8] = (hex[8]! & 0x3f) | 0x80;
  return hex.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

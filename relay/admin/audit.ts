import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEntry } from '../runtime/own-records.ts';

/** What goes into the audit about an answered request; undefined for one that changes nothing, or that nobody known has made. */
export function auditOf(request: FastifyRequest, reply: FastifyReply): AuditEntry | undefined {
  const { caller, routeOptions } = request;
  const action = routeOptions.config.operation?.action;
  if (caller === undefined || action === undefined) return undefined;
  const succeeded = reply.statusCode < 400;
  const details: Record<string, unknown> = { via: caller.via, status: reply.statusCode };
  // The part of the path that varies says what was acted on. Bodies may hold secrets, and stay out.
  if (typeof request.params === 'object' && request.params !== null) Object.assign(details, request.params);
  Object.assign(details, request.auditDetails);
  return {
    action,
    succeeded,
    message: `${caller.name} ${succeeded ? 'did' : 'was not able to'} ${action.replaceAll('-', ' ')}`,
    name: caller.name,
    address: caller.address === '' ? undefined : caller.address,
    details,
  };
}

import { z } from 'zod';
import type { Answer } from './admin-harness.ts';

// The shapes of Harbor's answers, written from the description of its API, not from ours: see `answers`.

const text = z.string();
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

const auditLog = z.object({
  id: z.int(),
  username: text.min(1).optional(),
  resource: text.min(1).optional(),
  resource_type: text.min(1).optional(),
  operation: text.min(1),
  op_time: time,
});
const auditLogExt = auditLog.extend({ operation_description: text.min(1).optional(), operation_result: z.boolean() });
const parameters = z.strictObject({
  audit_retention_hour: z.int().min(0).max(240_000),
  dry_run: z.boolean(),
  include_event_types: text,
});
const jsonText = text.transform((given) => JSON.parse(given) as unknown).pipe(parameters);
const status = z.enum(['Pending', 'Scheduled', 'Running', 'Stopped', 'Error', 'Success']);
const run = z.object({
  id: z.int(),
  job_name: z.literal('PURGE_AUDIT_LOG'),
  job_kind: z.enum(['MANUAL', 'SCHEDULE']),
  job_parameters: jsonText,
  schedule: z.strictObject({
    type: z.enum(['Manual', 'Schedule']),
    next_scheduled_time: z.literal('0001-01-01T00:00:00.000Z'),
  }),
  job_status: status,
  creation_time: time,
  update_time: time,
});
const schedule = z.object({
  id: z.int(),
  job_kind: text.regex(/^0( \S+){5}$/),
  job_parameters: jsonText,
  schedule: z.strictObject({
    type: z.enum(['Hourly', 'Daily', 'Weekly', 'Custom']),
    cron: text.regex(/^0( \S+){5}$/),
    next_scheduled_time: time,
  }),
  job_status: status,
  creation_time: time,
  update_time: time,
});
const item = (value: z.ZodType) => z.strictObject({ value, editable: z.boolean() });
const configurations = z.object({
  audit_log_forward_endpoint: item(text),
  skip_audit_log_database: item(z.boolean()),
  disabled_audit_log_event_types: item(text),
});
const errors = z.strictObject({
  errors: z.array(z.strictObject({ code: text.regex(/^[A-Z_]+$/), message: text.min(1) })).min(1),
});
const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  422: 'UNPROCESSABLE_ENTITY',
};

/** What a call answers where all went well: JSON of a shape, text, or nothing. */
const shapes: ReadonlyArray<
  readonly [method: string, path: RegExp, status: number, shape: z.ZodType | 'text' | 'empty']
> = [
  ['GET', /^\/auditlog-exts\/events$/, 200, z.array(z.strictObject({ event_type: text }))],
  ['GET', /^\/(projects\/[^/]+\/)?auditlog-exts$/, 200, z.array(auditLogExt)],
  ['GET', /^\/(audit-logs|projects\/[^/]+\/logs)$/, 200, z.array(auditLog)],
  ['GET', /^\/system\/purgeaudit$/, 200, z.array(run)],
  ['GET', /^\/system\/purgeaudit\/schedule$/, 200, schedule],
  ['POST', /^\/system\/purgeaudit\/schedule$/, 201, 'empty'],
  ['PUT', /^\/system\/purgeaudit\/schedule$/, 200, 'empty'],
  ['GET', /^\/system\/purgeaudit\/\d+\/log$/, 200, 'text'],
  ['GET', /^\/system\/purgeaudit\/\d+$/, 200, run],
  ['PUT', /^\/system\/purgeaudit\/\d+$/, 200, 'empty'],
  ['GET', /^\/configurations$/, 200, configurations],
  ['PUT', /^\/configurations$/, 200, 'empty'],
];

export const answers = {
  /** Throws where an answer is not as Harbor’s API describes it. */
  check(method: string, pathAndQuery: string, { status: given, body, headers }: Answer): void {
    if (headers['x-request-id'] === undefined && given !== 404) throw new Error(`${pathAndQuery} has no request id`);
    if (given >= 400) {
      const [first] = errors.parse(JSON.parse(body)).errors;
      if (first?.code !== CODES[given]) throw new Error(`${given} is called ${first?.code}`);
      if (!/^application\/json; charset=utf-8$/i.test(String(headers['content-type'])))
        throw new Error('an error is JSON');
      return;
    }
    const [path = ''] = pathAndQuery.split('?');
    const [, , status, shape] = shapes.find(([verb, pattern]) => verb === method && pattern.test(path)) ?? [];
    if (shape === undefined || status !== given) throw new Error(`${method} ${path} answers ${given}`);
    if (shape === 'text') return;
    if (shape === 'empty' || (path.endsWith('/schedule') && body === '')) {
      if (body !== '') throw new Error(`${method} ${path} answers with a body`);
      return;
    }
    const parsed: unknown = JSON.parse(body);
    shape.parse(parsed);
    if (Array.isArray(parsed) && !path.endsWith('/events') && !/^\d+$/.test(String(headers['x-total-count'])))
      throw new Error(`${path} does not say how many there are`);
  },
};

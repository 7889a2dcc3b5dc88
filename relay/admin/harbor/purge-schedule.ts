import { z } from 'zod';
import type { RuleOptions } from '../../retention/options.ts';
import { badRequest } from './errors.ts';
import { ARTIFACT_EVENT_TYPES, EVENT_TYPES, UNLISTED_EVENT_TYPES } from './event-types.ts';

export const SCHEDULE_TYPES = ['Hourly', 'Daily', 'Weekly', 'Custom', 'Manual', 'None', 'Schedule'] as const;
export type ScheduleType = (typeof SCHEDULE_TYPES)[number];

/** What clients send: members that only answers have come too, with zero times. */
export const scheduleBody = z
  .looseObject({
    schedule: z
      .looseObject({
        type: z.union([z.enum(SCHEDULE_TYPES), z.literal('')]).optional(),
        cron: z.string().max(200).optional(),
      })
      .nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  })
  .nullish();

/** Harbor’s most: 27 years (`src/common/const.go`). */
const HOURS_MAX = 240_000;
const DATASET = 'harbor.audit';

/** What is to be purged, checked. */
export interface PurgeParameters {
  readonly audit_retention_hour: number;
  readonly include_event_types: string;
  readonly dry_run: boolean;
}

export interface ScheduleRequest {
  readonly type: ScheduleType | undefined;
  /** As it was given. */
  readonly cron: string;
  readonly parameters: PurgeParameters;
  readonly rules: readonly RuleOptions[];
}

/**
 * Checks a request as Harbor does (`src/server/v2.0/handler/purge.go`), with its messages and their spelling. Where Harbor would go on and
 * delete what was not meant, this throws 400: a negative keep time, an unknown event type, a `dry_run` that is neither true nor false.
 */
export function readScheduleRequest(body: z.output<typeof scheduleBody>): ScheduleRequest {
  if (body?.schedule === undefined || body.schedule === null) throw badRequest("schedule cann't be empty");
  if (body.parameters === undefined || body.parameters === null || Object.keys(body.parameters).length === 0)
    throw badRequest("schedule parameter cann't be empty");
  const { type, cron = '' } = body.schedule;
  const hours = readHours(body.parameters);
  const types = readEventTypes(body.parameters);
  const dryRun = body.parameters['dry_run'] ?? false;
  if (typeof dryRun !== 'boolean') throw badRequest('dry_run should be true or false');
  const known = type === '' ? undefined : type;
  if (known === 'Hourly' || known === 'Daily' || known === 'Weekly' || known === 'Custom') checkCron(cron);
  return {
    type: known,
    cron,
    parameters: { audit_retention_hour: hours, include_event_types: types.join(','), dry_run: dryRun },
    rules: purgeRules(types, hours),
  };
}

function readHours(parameters: Readonly<Record<string, unknown>>): number {
  if (!Object.hasOwn(parameters, 'audit_retention_hour')) throw badRequest('audit_retention_hour should provide');
  const hours = parameters['audit_retention_hour'];
  if (typeof hours !== 'number' || !Number.isInteger(hours))
    throw badRequest('audit_retention_hour should be integer format');
  if (hours > HOURS_MAX) throw badRequest('audit_retention_hour should be less than 240000');
  if (hours < 0) throw badRequest('audit_retention_hour should be 0, which keeps everything, or more');
  return hours;
}

/** Names without regard to case, spaces around them passed over. Older clients send `include_operations`: create, delete, pull. */
function readEventTypes(parameters: Readonly<Record<string, unknown>>): string[] {
  const operations = parameters['include_operations'];
  const given = parameters['include_event_types'] ?? operations;
  if (given === undefined) throw badRequest('include_event_types should provide');
  if (typeof given !== 'string') throw badRequest('include_event_types should be names with commas between them');
  const names = given
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  if (names.length === 0) throw badRequest('include_event_types should name at least one event type');
  const isOld = parameters['include_event_types'] === undefined;
  const known: readonly string[] = isOld
    ? ['create', 'delete', 'pull']
    : [...EVENT_TYPES, ...UNLISTED_EVENT_TYPES, 'other'];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw badRequest(`${JSON.stringify(unknown.slice(0, 100))} is no event type; there are: ${known.join(', ')}`);
  return isOld ? names.map((name) => `${name}_*`) : names;
}

/** `other` is everything but the artifact types, types included that nobody knows yet. */
function purgeRules(types: readonly string[], hours: number): RuleOptions[] {
  const rule = (name: string, operation: readonly string[] | undefined, keepHours: number): RuleOptions => ({
    name,
    match: { dataset: DATASET, ...(operation === undefined ? {} : { operation: [...operation] }) },
    keep_hours: keepHours,
    undelivered: 'keep',
  });
  if (!types.includes('other')) return [rule('harbor', types, hours)];
  const kept = ARTIFACT_EVENT_TYPES.filter((type) => !types.includes(type));
  return [...(kept.length === 0 ? [] : [rule('harbor_kept', kept, 0)]), rule('harbor', undefined, hours)];
}

/** Six fields, the first of them 0 (`CronParser` in `src/common/utils/utils.go`). */
function checkCron(cron: string): void {
  const fields = cron.trim().split(/\s+/);
  const why =
    cron.trim() === ''
      ? 'empty spec string'
      : fields.length !== 6
        ? `expected exactly 6 fields, found ${fields.length}: [${fields.join(' ')}]`
        : fields[0] !== '0'
          ? 'the 1st field (indicating Seconds of time) must be 0'
          : undefined;
  if (why !== undefined) throw invalidCron(cron, why);
}

export function invalidCron(cron: string, why: string): Error {
  return badRequest(`invalid cron string for scheduled log rotation purge: ${cron}, error: ${why}`);
}

import { z } from 'zod';
import type { PurgeStatus } from '../../retention/contract.ts';
import type { ScheduleStatus } from '../../retention/schedules.ts';

/** A purge, or the schedule of purges, as Harbor shows them (`ExecHistory` in its `api/v2.0/swagger.yaml`). */
export const execHistory = z.object({
  id: z.int(),
  job_name: z.string().optional(),
  job_kind: z.string(),
  job_parameters: z.string().describe('JSON in a string.'),
  schedule: z.object({
    type: z.string(),
    cron: z.string().optional(),
    next_scheduled_time: z.iso.datetime(),
  }),
  job_status: z.enum(['Pending', 'Scheduled', 'Running', 'Stopped', 'Error', 'Success']),
  creation_time: z.iso.datetime(),
  update_time: z.iso.datetime(),
});

export type ExecHistory = z.output<typeof execHistory>;

/** Go’s zero time, which Harbor’s models never leave out. */
const ZERO_TIME = '0001-01-01T00:00:00.000Z';

const STATUS: Readonly<Record<PurgeStatus['state'], ExecHistory['job_status']>> = {
  running: 'Running',
  waiting: 'Pending',
  done: 'Success',
  stopped: 'Stopped',
  failed: 'Error',
};

/** True for a purge that came by this API, or by a schedule that did. */
export function isHarborPurge({ parameters }: PurgeStatus): boolean {
  return Object.hasOwn(parameters, 'audit_retention_hour');
}

export function runView(run: PurgeStatus): ExecHistory {
  const scheduled = run.cause === 'schedule';
  return {
    id: run.id,
    job_name: 'PURGE_AUDIT_LOG',
    job_kind: scheduled ? 'SCHEDULE' : 'MANUAL',
    job_parameters: parametersOf(run.parameters),
    schedule: { type: scheduled ? 'Schedule' : 'Manual', next_scheduled_time: ZERO_TIME },
    job_status: STATUS[run.state],
    creation_time: new Date(run.startedMs).toISOString(),
    update_time: new Date(run.updatedMs).toISOString(),
  };
}

/** Harbor puts the cron string where the kind of job should be. */
export function scheduleView({ cron, parameters = {}, setAtMs = 0, nextRunsMs }: ScheduleStatus): ExecHistory {
  const [next] = nextRunsMs;
  const shownCron = typeof parameters['cron'] === 'string' ? parameters['cron'] : cron;
  return {
    // There is one schedule.
    id: 1,
    job_kind: shownCron,
    job_parameters: parametersOf(parameters),
    schedule: {
      type: String(parameters['schedule_type']),
      cron: shownCron,
      next_scheduled_time: next === undefined ? ZERO_TIME : new Date(next).toISOString(),
    },
    job_status: 'Scheduled',
    creation_time: new Date(setAtMs).toISOString(),
    update_time: new Date(setAtMs).toISOString(),
  };
}

function parametersOf(parameters: Readonly<Record<string, unknown>>): string {
  const { audit_retention_hour, dry_run, include_event_types } = parameters;
  return JSON.stringify({ audit_retention_hour, dry_run, include_event_types });
}

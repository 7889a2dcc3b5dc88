import { z } from 'zod';
import type { Hold } from '../../journal/retention-store.ts';
import type { PurgeStatus } from '../../retention/contract.ts';
import type { ScheduleStatus } from '../../retention/schedules.ts';

/** Purges, schedules and holds as the API shows them. Times are ISO 8601 in UTC. */

const counts = z.record(z.string(), z.number());

export const runShape = z.object({
  id: z.number(),
  state: z.enum(['running', 'waiting', 'done', 'stopped', 'failed']),
  dry_run: z.boolean(),
  cause: z.string(),
  who: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  started: z.string(),
  updated: z.string(),
  ended: z.string().nullable(),
  progress: z.number().describe('From 0 to 1.'),
  error: z.string().nullable(),
  confirm: z
    .string()
    .nullable()
    .describe('Of a dry run: what a purge by the same rules is begun with, until `confirm_until`.'),
  confirm_until: z.string().nullable(),
  looked_records: z.number(),
  records: z.number().describe('That went; in a dry run, that would have gone.'),
  line_bytes: z.number().describe('Their text, uncompressed.'),
  stored_bytes: z.number().describe('What they took in the journal.'),
  batches_removed: z.number(),
  batches_rewritten: z.number(),
  held_records: z.number(),
  undelivered_records: z.number().describe('That stayed because an endpoint has not got them yet.'),
  by_rule: counts,
  by_dataset: counts,
  by_operation: counts,
  taken_undelivered: counts.describe('By endpoint: records that went before it had them.'),
});

export type RunView = z.output<typeof runShape>;

export function runView(run: PurgeStatus): RunView {
  const { tally } = run;
  return {
    id: run.id,
    state: run.state,
    dry_run: run.dryRun,
    cause: run.cause,
    who: run.who,
    parameters: run.parameters,
    started: new Date(run.startedMs).toISOString(),
    updated: new Date(run.updatedMs).toISOString(),
    ended: iso(run.endedMs),
    progress: run.progress,
    error: run.error ?? null,
    confirm: run.confirmation?.word ?? null,
    confirm_until: iso(run.confirmation?.untilMs),
    looked_records: tally.looked,
    records: tally.records,
    line_bytes: tally.lineBytes,
    stored_bytes: tally.storedBytes,
    batches_removed: tally.batchesRemoved,
    batches_rewritten: tally.batchesRewritten,
    held_records: tally.held,
    undelivered_records: tally.undelivered,
    by_rule: tally.rules,
    by_dataset: tally.datasets,
    by_operation: tally.operations,
    taken_undelivered: tally.owed,
  };
}

export const scheduleShape = z.object({
  name: z.string(),
  cron: z.string(),
  from: z.enum(['config', 'document']).describe('The config file, or set while the relay ran.'),
  set_by: z.string().nullable(),
  dry_run: z.boolean(),
  next_runs: z.array(z.string()),
});

export function scheduleView({ name, cron, from, nextRunsMs, setBy, dryRun }: ScheduleStatus) {
  return {
    name,
    cron,
    from,
    set_by: setBy ?? null,
    dry_run: dryRun ?? false,
    next_runs: nextRunsMs.map((ms) => new Date(ms).toISOString()),
  };
}

export const holdShape = z.object({
  id: z.number(),
  dataset: z.string().nullable(),
  repository: z.string().nullable(),
  run: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  who: z.string(),
  why: z.string(),
  created: z.string(),
  lifted: z.string().nullable(),
  lifted_by: z.string().nullable(),
  lifted_why: z.string().nullable(),
});

export type HoldView = z.output<typeof holdShape>;

export function holdView({ id, scope, who, why, createdMs, liftedMs, liftedBy, liftedWhy }: Hold): HoldView {
  return {
    id,
    dataset: scope.dataset ?? null,
    repository: scope.repository ?? null,
    run: scope.run ?? null,
    from: iso(scope.fromMs),
    to: iso(scope.toMs),
    who,
    why,
    created: new Date(createdMs).toISOString(),
    lifted: iso(liftedMs),
    lifted_by: liftedBy ?? null,
    lifted_why: liftedWhy ?? null,
  };
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

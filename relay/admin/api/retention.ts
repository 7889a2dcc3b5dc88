import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Hold, HoldScope } from '../../journal/retention-store.ts';
import type { PurgeStatus } from '../../retention/contract.ts';
import type { ScheduleStatus } from '../../retention/schedules.ts';
import { type AdminOptions, HttpError, whoAsks } from '../server.ts';

interface Numbered {
  readonly Params: { readonly id: string };
}

const LIST_MAX = 1_000;

const purgeBody = z.strictObject({ rule: z.string().max(63).optional(), ignore_windows: z.boolean().default(false) });

const scheduleBody = z.strictObject({ cron: z.string().max(200).nullable() });

const words = z.string().trim().min(3, 'say why, in three letters at least').max(1_000);
const text = z.string().min(1).max(1_000);
const holdBody = z.strictObject({
  why: words,
  dataset: text.optional(),
  repository: text.optional(),
  run: text.optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
});

const runsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(50),
  before: z.coerce.number().int().min(1).optional(),
});

/** Rules, purges and holds. Who may purge may not lift a hold: that is for auditors. */
export function retentionRoutes(app: FastifyInstance, { relay }: AdminOptions): void {
  const { retention } = relay;
  const viewer = { config: { role: 'viewer' } } as const;

  app.get('/api/v1/retention', viewer, () => ({
    rules: retention.rules,
    forecast: retention.forecast(),
    schedules: retention.schedules().map(scheduleView),
    active: retention.active === undefined ? null : runView(retention.active),
  }));

  app.post('/api/v1/retention/purge', { config: { role: 'admin' } }, async (request, reply) => {
    const { rule, ignore_windows } = purgeBody.parse(request.body ?? {});
    const who = whoAsks(request);
    const { id } = await retention.start({ cause: 'manual', who, rule, ignoreWindows: ignore_windows });
    return reply.status(202).send(runView(await retention.run(id)));
  });

  app.post('/api/v1/retention/dry-run', { config: { role: 'operator' } }, async (request, reply) => {
    const { rule } = purgeBody.parse(request.body ?? {});
    const { id } = await retention.start({ cause: 'manual', who: whoAsks(request), rule, dryRun: true });
    return reply.status(202).send(runView(await retention.run(id)));
  });

  app.get('/api/v1/retention/runs', viewer, async (request) => {
    const { limit, before } = runsQuery.parse(request.query);
    return { runs: (await retention.history(limit, before)).map(runView) };
  });

  app.get<Numbered>('/api/v1/retention/runs/:id', viewer, async (request) =>
    runView(await retention.run(idOf(request.params))),
  );

  app.get<Numbered>('/api/v1/retention/runs/:id/log', viewer, async (request) => ({
    log: await retention.log(idOf(request.params)),
  }));

  app.post<Numbered>('/api/v1/retention/runs/:id/stop', { config: { role: 'operator' } }, async (request) =>
    runView(await retention.stop(idOf(request.params), whoAsks(request)).then(({ id }) => retention.run(id))),
  );

  app.post('/api/v1/retention/schedule', { config: { role: 'admin' } }, async (request) => {
    const { cron } = scheduleBody.parse(request.body);
    await retention.setSchedule('config', cron === null ? undefined : { cron }, whoAsks(request));
    return { schedules: retention.schedules().map(scheduleView) };
  });

  app.post('/api/v1/retention/accept-clock', { config: { role: 'admin' } }, async (request) => {
    await retention.acceptClock(whoAsks(request));
    return { accepted: new Date(relay.clock.nowMs()).toISOString() };
  });

  holdRoutes(app, { relay });
}

function holdRoutes(app: FastifyInstance, { relay: { retention } }: Pick<AdminOptions, 'relay'>): void {
  app.get<{ readonly Querystring: { readonly lifted?: string } }>(
    '/api/v1/retention/holds',
    { config: { role: 'viewer' } },
    async (request) => ({ holds: (await retention.holds(request.query.lifted === 'true')).map(holdView) }),
  );

  app.post(
    '/api/v1/retention/holds',
    { config: { role: 'auditor', only: ['auditor', 'admin'] } },
    async (request, reply) => {
      const { why, from, to, ...scope } = holdBody.parse(request.body);
      const times = {
        fromMs: from === undefined ? undefined : Date.parse(from),
        toMs: to === undefined ? undefined : Date.parse(to),
      };
      const held: HoldScope = JSON.parse(JSON.stringify({ ...scope, ...times })) as HoldScope;
      if (Object.keys(held).length === 0)
        throw new HttpError(
          400,
          'a hold needs a dataset, a repository, a run or a time; a dataset "*" holds everything',
        );
      return reply.status(201).send(holdView(await retention.addHold({ scope: held, who: whoAsks(request), why })));
    },
  );

  app.post<Numbered>(
    '/api/v1/retention/holds/:id/lift',
    { config: { role: 'auditor', only: ['auditor'] } },
    async (request) => {
      const { why } = z.strictObject({ why: words }).parse(request.body);
      return holdView(await retention.liftHold(idOf(request.params), { who: whoAsks(request), why }));
    },
  );
}

function idOf({ id }: Numbered['Params']): number {
  if (!/^\d{1,15}$/.test(id)) throw new HttpError(404, 'there is nothing of this number');
  return Number(id);
}

/** A purge as the API shows it. Times are ISO 8601 in UTC. */
export interface RunView {
  readonly id: number;
  readonly state: string;
  readonly dry_run: boolean;
  readonly cause: string;
  readonly who: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly started: string;
  readonly updated: string;
  readonly ended: string | null;
  readonly progress: number;
  readonly error: string | null;
  readonly looked_records: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly stored_bytes: number;
  readonly batches_removed: number;
  readonly batches_rewritten: number;
  readonly held_records: number;
  readonly undelivered_records: number;
  readonly by_rule: Readonly<Record<string, number>>;
  readonly by_dataset: Readonly<Record<string, number>>;
  readonly by_operation: Readonly<Record<string, number>>;
  readonly taken_undelivered: Readonly<Record<string, number>>;
}

function runView(run: PurgeStatus): RunView {
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
    ended: run.endedMs === undefined ? null : new Date(run.endedMs).toISOString(),
    progress: run.progress,
    error: run.error ?? null,
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

function scheduleView({ name, cron, from, nextRunsMs, setBy, dryRun, rules }: ScheduleStatus) {
  return {
    name,
    cron,
    from,
    set_by: setBy ?? null,
    dry_run: dryRun ?? false,
    rules: rules ?? null,
    next_runs: nextRunsMs.map((ms) => new Date(ms).toISOString()),
  };
}

/** A hold as the API shows it. */
export interface HoldView {
  readonly id: number;
  readonly dataset: string | null;
  readonly repository: string | null;
  readonly run: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly who: string;
  readonly why: string;
  readonly created: string;
  readonly lifted: string | null;
  readonly lifted_by: string | null;
  readonly lifted_why: string | null;
}

function holdView(hold: Hold): HoldView {
  const iso = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    id: hold.id,
    dataset: hold.scope.dataset ?? null,
    repository: hold.scope.repository ?? null,
    run: hold.scope.run ?? null,
    from: iso(hold.scope.fromMs),
    to: iso(hold.scope.toMs),
    who: hold.who,
    why: hold.why,
    created: new Date(hold.createdMs).toISOString(),
    lifted: iso(hold.liftedMs),
    lifted_by: hold.liftedBy ?? null,
    lifted_why: hold.liftedWhy ?? null,
  };
}

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';
import { runShape, runView, scheduleShape, scheduleView } from './retention-views.ts';

const family = 'retention';
const LIST_MAX = 1_000;

const purgeBody = z.strictObject({
  rule: z.string().max(63).optional().describe('Only this rule of the config.'),
  ignore_windows: z.boolean().default(false).describe('Works also while no purge window is open.'),
});
const confirmedBody = purgeBody.extend({
  confirm: z
    .string()
    .max(40)
    .optional()
    .describe('What the dry run of the same rules has under `confirm`, once it is done. Without it, or too late: 409.'),
});
const WARNING = 'What this purge takes cannot be recovered.';
const numbered = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });
const rule = z.object({ name: z.string(), keep_hours: z.number() }).catchall(z.unknown());

/** Rules, purges and their history. */
export function retentionRoutes(app: FastifyInstance, { relay }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/retention',
      family,
      summary: 'What is kept for how long, when the next purge is, and the one under way.',
      role: 'viewer',
      answer: z.object({
        rules: z.array(rule),
        forecast: z.object({ rules: z.array(z.string()), schedules: z.array(z.string()), window: z.string() }),
        schedules: z.array(scheduleShape),
        active: runShape.nullable(),
      }),
    },
    () => {
      const { retention } = relay;
      return {
        rules: retention.rules,
        forecast: retention.forecast(),
        schedules: retention.schedules().map(scheduleView),
        active: retention.active === undefined ? null : runView(retention.active),
      };
    },
  );
  startRoutes(app, { relay });
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/schedule',
      family,
      summary: 'Sets when purges begin, in place of the config’s schedule; null goes back to that.',
      role: 'admin',
      action: 'set-purge-schedule',
      body: z.strictObject({ cron: z.string().max(200).nullable() }),
      answer: z.object({ schedules: z.array(scheduleShape) }),
    },
    async ({ body: { cron }, caller }) => {
      await relay.retention.setSchedule('config', cron === null ? undefined : { cron }, caller.name);
      return { schedules: relay.retention.schedules().map(scheduleView) };
    },
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/accept-clock',
      family,
      summary: 'Says that the clock is right though it jumped, so that purges may begin again.',
      role: 'admin',
      action: 'accept-clock',
      answer: z.object({ accepted: z.string() }),
    },
    async () => {
      await relay.retention.acceptClock();
      return { accepted: new Date(relay.clock.nowMs()).toISOString() };
    },
  );
  runRoutes(app, { relay });
}

function startRoutes(app: FastifyInstance, { relay }: Pick<AdminContext, 'relay'>): void {
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/purge',
      family,
      summary:
        'Begins a purge by hand. What it takes cannot be recovered, so it wants the `confirm` of a dry run by the same rules that is done.',
      role: 'admin',
      action: 'start-purge',
      body: confirmedBody,
      answer: runShape.extend({ warning: z.string() }),
    },
    async ({ body, caller, reply }) => {
      const { rule: name, ignore_windows: ignoreWindows, confirm } = body;
      const asked = { cause: 'manual', who: caller.name, rule: name, ignoreWindows, confirm };
      const { id } = await relay.retention.startConfirmed(asked);
      reply.status(202);
      return { ...runView(await relay.retention.run(id)), warning: WARNING };
    },
  );
  route(
    app,
    {
      method: 'POST',
      path: '/api/v1/retention/dry-run',
      family,
      summary: 'Counts what a purge would take, and takes nothing. Once it is done, its `confirm` begins that purge.',
      role: 'operator',
      action: 'start-dry-run',
      body: purgeBody,
      answer: runShape,
    },
    async ({ body, caller, reply }) => {
      const { rule: name, ignore_windows: ignoreWindows } = body;
      const asked = { cause: 'manual', who: caller.name, rule: name, ignoreWindows, dryRun: true };
      const { id } = await relay.retention.start(asked);
      reply.status(202);
      return runView(await relay.retention.run(id));
    },
  );
}

function runRoutes(app: FastifyInstance, { relay }: Pick<AdminContext, 'relay'>): void {
  const one = '/api/v1/retention/runs/:id';
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/retention/runs',
      family,
      summary: 'The purges, newest first.',
      role: 'viewer',
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(LIST_MAX).default(50),
        before: z.coerce.number().int().min(1).optional().describe('Only those with a lower number.'),
      }),
      answer: z.object({ runs: z.array(runShape) }),
    },
    async ({ query: { limit, before } }) => ({ runs: (await relay.retention.history(limit, before)).map(runView) }),
  );
  route(
    app,
    {
      method: 'GET',
      path: one,
      family,
      summary: 'One purge, under way or ended.',
      role: 'viewer',
      params: numbered,
      answer: runShape,
    },
    async ({ params }) => runView(await relay.retention.run(params.id)),
  );
  route(
    app,
    {
      method: 'GET',
      path: `${one}/log`,
      family,
      summary: 'What a purge said while it worked.',
      role: 'viewer',
      params: numbered,
      answer: z.object({ log: z.string() }),
    },
    async ({ params }) => ({ log: await relay.retention.log(params.id) }),
  );
  route(
    app,
    {
      method: 'POST',
      path: `${one}/stop`,
      family,
      summary: 'Stops a purge after the step that is under way.',
      role: 'operator',
      action: 'stop-purge',
      params: numbered,
      answer: runShape,
    },
    async ({ params, caller }) => {
      await relay.retention.stop(params.id, caller.name);
      return runView(await relay.retention.run(params.id));
    },
  );
}

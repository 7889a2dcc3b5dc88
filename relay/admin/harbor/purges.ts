import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { RelayError } from '../../errors.ts';
import type { PurgeStatus } from '../../retention/contract.ts';
import type { Relay } from '../../runtime/relay.ts';
import { may, type Caller } from '../access.ts';
import { HttpError } from '../http-error.ts';
import type { AdminContext } from '../server.ts';
import { HARBOR_PREFIX, harborRoute } from './harbor-route.ts';
import { listQuery, setListHeaders } from './listing.ts';
import { historyList } from './purge-list.ts';
import { invalidCron, readScheduleRequest, scheduleBody, type ScheduleRequest } from './purge-schedule.ts';
import { execHistory, isHarborPurge, runView, scheduleView } from './purge-view.ts';

/** Under this name its schedule stands beside those of the config. */
const SCHEDULE_NAME = 'harbor';
const PATH = '/system/purgeaudit';
const CAUSE = 'harbor_api';
const WARNING = 'What this purge takes cannot be recovered.';

const purgeParams = z.object({ purge_id: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) });

/** Harbor’s “log rotation”: its schedule, its runs and their logs, done by the relay’s own purges. */
export function purgeRoutes(app: FastifyInstance, context: AdminContext): void {
  scheduleRoutes(app, context);
  harborRoute(
    app,
    context,
    {
      method: 'GET',
      path: PATH,
      summary: 'The purges of the audit log, newest first.',
      role: 'operator',
      query: listQuery,
      answer: z.array(execHistory),
    },
    async ({ query, request, reply }) => {
      const { runs, total } = await historyList(context.relay.retention, query);
      setListHeaders(request, reply, { total, ...query });
      return runs.map(runView);
    },
  );
  harborRoute(
    app,
    context,
    {
      method: 'GET',
      path: `${PATH}/:purge_id`,
      summary: 'One purge of the audit log.',
      role: 'operator',
      params: purgeParams,
      answer: execHistory,
    },
    async ({ params }) => runView(await purge(context.relay, params.purge_id)),
  );
  harborRoute(
    app,
    context,
    {
      method: 'PUT',
      path: `${PATH}/:purge_id`,
      summary: 'Stops a purge after the step that is under way.',
      role: 'operator',
      action: 'stop-purge',
      params: purgeParams,
      answer: 'text/plain',
    },
    async ({ params, caller, reply }) => {
      await purge(context.relay, params.purge_id);
      await context.relay.retention.stop(params.purge_id, caller.name);
      return reply.status(200).send();
    },
  );
  harborRoute(
    app,
    context,
    {
      method: 'GET',
      path: `${PATH}/:purge_id/log`,
      summary: 'What a purge says of itself.',
      role: 'operator',
      params: purgeParams,
      answer: 'text/plain',
    },
    async ({ params, reply }) => {
      const { retention } = context.relay;
      await purge(context.relay, params.purge_id, (id) => `purge job with execution ID: ${id} taskLog is not found`);
      return reply.type('text/plain').send(await retention.log(params.purge_id));
    },
  );
}

function scheduleRoutes(app: FastifyInstance, context: AdminContext): void {
  harborRoute(
    app,
    context,
    {
      method: 'GET',
      path: `${PATH}/schedule`,
      summary: 'The schedule of purges; an empty body where there is none.',
      role: 'operator',
      answer: execHistory,
    },
    ({ reply }) => {
      const schedule = context.relay.retention.schedule(SCHEDULE_NAME);
      // Clients tell by the empty body that there is none.
      return schedule === undefined ? reply.status(200).send() : scheduleView(schedule);
    },
  );
  for (const { method, status, summary } of [
    { method: 'POST', status: 201, summary: 'Sets the schedule of purges, or purges now: type Manual.' },
    { method: 'PUT', status: 200, summary: 'Does the same as POST.' },
  ] as const)
    harborRoute(
      app,
      context,
      {
        method,
        path: `${PATH}/schedule`,
        summary,
        role: 'operator',
        action: 'set-purge-schedule',
        body: scheduleBody,
        answer: 'text/plain',
      },
      async ({ body, caller, reply }) => {
        const asked = readScheduleRequest(body);
        const id = await carryOut(context.relay, asked, caller);
        if (method === 'POST') void reply.header('location', `${HARBOR_PREFIX}${PATH}/${id}`);
        // Harbor's clients know no second step, and pass over a header that they do not know.
        if (id > 0 && !asked.parameters.dry_run) void reply.header('warning', `299 spillway "${WARNING}"`);
        return reply.status(status).send();
      },
    );
}

/** Returns the number of the purge that was begun, or 0. A type that is not given does nothing, as in Harbor. */
async function carryOut({ retention }: Relay, asked: ScheduleRequest, caller: Caller): Promise<number> {
  const { type, cron, parameters, rules } = asked;
  if (!parameters.dry_run && !may(caller.role, 'admin'))
    throw new HttpError(
      403,
      `${caller.name}: only an admin may purge or set a schedule; a dry run is for operators too`,
    );
  switch (type) {
    case 'Manual': {
      const start = {
        cause: CAUSE,
        who: caller.name,
        dryRun: parameters.dry_run,
        rules,
        parameters: { ...parameters },
      };
      return (await retention.start(start)).id;
    }
    case 'None':
      await retention.setSchedule(SCHEDULE_NAME, undefined, caller.name);
      return 0;
    case undefined:
    case 'Schedule':
      return 0;
    default: {
      const shown = { ...parameters, schedule_type: type, cron };
      // `?` is Harbor’s other word for `*`.
      const schedule = {
        cron: cron.replaceAll('?', '*'),
        rules: [...rules],
        dryRun: parameters.dry_run,
        parameters: shown,
      };
      try {
        await retention.setSchedule(SCHEDULE_NAME, schedule, caller.name);
      } catch (error) {
        if (error instanceof RelayError && /cron|field/.test(error.message)) throw invalidCron(cron, error.message);
        throw error;
      }
      return 0;
    }
  }
}

/** Throws 404, also for a purge that did not come by this API. */
async function purge(
  { retention }: Relay,
  id: number,
  words = (unknown: number) => `purge job with execution ID: ${unknown} is not found`,
): Promise<PurgeStatus> {
  try {
    const run = await retention.run(id);
    if (isHarborPurge(run)) return run;
  } catch (error) {
    if (!(error instanceof RelayError && error.code === 'PURGE_UNKNOWN')) throw error;
  }
  throw new HttpError(404, words(id));
}

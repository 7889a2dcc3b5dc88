import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { processFacts } from '../../io/process-facts.ts';
import { shownConfig } from '../shown-config.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

const FAMILY = 'relay';

const logLine = z.object({
  at: z.iso.datetime(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

/** What helps to see what is going on: the config as it is in effect, charts, warnings, and all of it in one file for support. */
export function settingsRoutes(app: FastifyInstance, context: AdminContext): void {
  const { relay, history, version, metrics, clock } = context;
  const warnings = () => context.warnings().map(({ atMs, ...line }) => ({ at: new Date(atMs).toISOString(), ...line }));

  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/config',
      family: FAMILY,
      summary: 'The config in effect, with every default filled in and secrets left out.',
      role: 'viewer',
      answer: z.object({ file: z.string(), config: z.record(z.string(), z.unknown()) }),
    },
    () => ({ file: relay.config.file, config: shownConfig(relay.config) }),
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/charts',
      family: FAMILY,
      summary: 'Rates, backlogs and sizes over the last hour or day.',
      role: 'viewer',
      query: z.object({ span: z.enum(['hour', 'day']).default('hour') }),
      answer: z.object({
        stepMs: z.int(),
        startMs: z.number(),
        series: z.record(z.string(), z.array(z.number().nullable())),
      }),
    },
    ({ query }) => history.chart(query.span),
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/warnings',
      family: FAMILY,
      summary: 'The latest warnings and errors of the relay’s own log, the newest last.',
      role: 'viewer',
      answer: z.object({ warnings: z.array(logLine) }),
    },
    () => ({ warnings: warnings() }),
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/support-bundle',
      family: FAMILY,
      summary: 'One file for whoever helps: status, config without secrets, metrics, warnings. It holds no record.',
      role: 'operator',
      answer: z.looseObject({ version: z.string(), made: z.iso.datetime() }),
    },
    async ({ reply }) => {
      const made = new Date(clock.nowMs()).toISOString();
      const name = `spillway-support-${made.slice(0, 19).replaceAll(':', '')}.json`;
      void reply.header('content-disposition', `attachment; filename="${name}"`);
      return {
        version,
        made,
        ...processFacts(),
        status: await relay.status(),
        config: shownConfig(relay.config),
        cursors: await relay.journal.cursors(),
        warnings: warnings(),
        charts: { hour: history.chart('hour'), day: history.chart('day') },
        metrics: (await metrics.text()).body,
      };
    },
  );
}

import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Journal } from '../../journal/journal.ts';
import type { JobWithParts, StoredJob } from '../../journal/runs.ts';
import { pageOrder } from '../../query/transcript/job-lines.ts';
import { lineView, linePage } from '../../query/transcript/line-page.ts';
import { jobsOf, jobWithStepsView, listRuns, runView } from '../../query/transcript/views.ts';
import { HttpError } from '../http-error.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

const guid = z
  .string()
  .regex(/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, 'a GUID')
  .toLowerCase();
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const gap = z.object({
  record: z.string(),
  number: z.int().describe('Of the page.'),
  from: z.int(),
  to: z.int().nullable().describe('Where the missing bytes end; null where nobody knows.'),
});

const jobShape = {
  id: z.int(),
  repository: z.string().optional(),
  run_id: z.string().optional(),
  attempt: z.int().optional(),
  run_number: z.int().optional(),
  workflow: z.string().optional(),
  name: z.string().optional(),
  job_id: z.string().describe('The job’s own GUID; with `timeline` it names the job.'),
  timeline: z.string(),
  event: z.string().optional(),
  ref: z.string().optional(),
  sha: z.string().optional(),
  actor: z.string().optional(),
  runner: z.string().optional(),
  pod: z.string().optional(),
  state: z.enum(['running', 'finished']),
  verdict: z.enum(['open', 'complete', 'gaps', 'cut', 'unmapped']),
  conclusion: z.string().optional(),
  started: z.string().optional(),
  finished: z.string().optional(),
  last_line: z.string().optional(),
  last_received: z.string(),
  lines: z.int(),
  bytes: z.int(),
  attributed_lines: z.int().describe('Those whose step is known.'),
  filled_lines: z.int().describe('Those taken from a step’s page.'),
  first_seq: z.int().optional().describe('Where its lines begin in the journal.'),
  last_seq: z.int().optional(),
  gaps: z.array(gap),
  notes: z.array(z.string()),
  gone: z
    .object({
      since: z.string().describe('When that was found.'),
      reason: z.enum(['purge', 'quota', 'transient', 'damaged', 'empty']),
      purge: z.int().optional().describe('The number of the purge that took the last of them.'),
    })
    .optional()
    .describe('Where none of its lines is in the journal any more.'),
};

const step = z.object({
  number: z.int(),
  name: z.string(),
  started: z.string().optional(),
  finished: z.string().optional(),
  conclusion: z.string().optional(),
  lines: z.int(),
});

const jobWithSteps = z.object({ ...jobShape, steps: z.array(step) });

const run = z.object({
  repository: z.string().optional(),
  run_id: z.string().optional(),
  attempt: z.int().optional(),
  run_number: z.int().optional(),
  workflow: z.string().optional(),
  event: z.string().optional(),
  ref: z.string().optional(),
  actor: z.string().optional(),
  verdict: jobShape.verdict.describe('The worst of its jobs.'),
  last_received: z.string(),
  jobs: z.array(z.object(jobShape)),
});

const line = z.object({
  seq: z.int(),
  page: z.int(),
  offset: z.int().optional().describe('Where it begins in its page, in bytes.'),
  part: z.int().optional().describe('Above 1 for what continues the line before.'),
  time: z.string().optional(),
  step: z.int().optional(),
  text: z.string(),
  filled: z.boolean().optional(),
});

const family = 'runs';
const jobParams = z.object({ timeline: guid, job_id: guid });

/** What is known of GitHub Actions runs, and their logs. */
export function runRoutes(app: FastifyInstance, context: AdminContext): void {
  listRoute(app, context);
  runRoute(app, context);
  jobRoute(app, context);
  logRoute(app, context);
  linesRoute(app, context);
}

function listRoute(app: FastifyInstance, { relay }: AdminContext): void {
  const query = z.object({
    repository: z.string().max(300).optional(),
    run_id: z.string().max(40).optional(),
    verdict: jobShape.verdict.optional(),
    state: jobShape.state.optional(),
    from: time.optional().describe('Runs that something was received of from then on.'),
    to: time.optional().describe('Runs that something was received of before then.'),
    limit: z.coerce.number().int().min(1).max(200).default(50),
    after: z
      .string()
      .regex(/^\d{1,16}\.\d{1,16}$/, 'what `next` of the page before says')
      .optional(),
  });
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/runs',
      family,
      summary: 'Runs with their jobs, those heard of last first; all conditions must hold for one job.',
      role: 'viewer',
      query,
      answer: z.object({
        runs: z.array(run),
        next: z.string().optional().describe('For `after`; absent on the last page.'),
      }),
    },
    async ({ query: { run_id: runId, from, to, limit, after, ...same } }) => {
      const filter = { ...same, runId, receivedFromMs: from, receivedBeforeMs: to, after: placeOf(after) };
      const page = await listRuns(relay.journal, filter, limit);
      const next = page.after === undefined ? undefined : `${page.after.lastReceivedMs}.${page.after.id}`;
      return { runs: page.runs.map(runView), next };
    },
  );
}

function placeOf(after: string | undefined): Pick<StoredJob, 'lastReceivedMs' | 'id'> | undefined {
  if (after === undefined) return undefined;
  const [lastReceivedMs = 0, id = 0] = after.split('.').map(Number);
  return { lastReceivedMs, id };
}

function runRoute(app: FastifyInstance, { relay }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/runs/:owner/:name/:run_id',
      family,
      summary: 'One run: the jobs of all its attempts, with their steps.',
      role: 'viewer',
      params: z.object({ owner: z.string().max(150), name: z.string().max(150), run_id: z.string().max(40) }),
      answer: z.object({ repository: z.string(), run_id: z.string(), jobs: z.array(jobWithSteps) }),
    },
    async ({ params: { owner, name, run_id: runId } }) => {
      const repository = `${owner}/${name}`;
      const jobs = await jobsOf(relay.journal, { repository, runId });
      if (jobs.length === 0) throw new HttpError(404, 'the journal knows of no such run');
      const withSteps = await Promise.all(jobs.map((job) => relay.journal.job(job)));
      return { repository, run_id: runId, jobs: withSteps.filter((job) => job !== undefined).map(jobWithStepsView) };
    },
  );
}

function jobRoute(app: FastifyInstance, { relay }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/jobs/:timeline/:job_id',
      family,
      summary: 'One job with its steps, also where nobody knows its run.',
      role: 'viewer',
      params: jobParams,
      answer: jobWithSteps,
    },
    async ({ params }) => jobWithStepsView(await findJob(relay.journal, params)),
  );
}

function logRoute(app: FastifyInstance, { relay }: AdminContext): void {
  const flag = z.enum(['true', 'false']).default('false');
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/jobs/:timeline/:job_id/log',
      family,
      summary: 'A job’s log, byte for byte as the runner wrote it, or as plain text without times.',
      role: 'viewer',
      params: jobParams,
      query: z.object({
        plain: flag.describe('Without byte order mark and times.'),
        step: z.coerce.number().int().min(1).optional().describe('Only the lines of this step.'),
      }),
      answer: 'text/plain',
    },
    async ({ params, query, reply }) => {
      const { job } = await findJob(relay.journal, params);
      const bytes = Readable.from(logOf(relay.journal, job, { plain: query.plain === 'true', step: query.step }), {
        objectMode: false,
      });
      return reply
        .type('text/plain; charset=utf-8')
        .header('content-disposition', `inline; filename="${job.timeline}_${job.jobRecord}.log"`)
        .header('x-spillway-verdict', job.verdict)
        .header('x-spillway-lines', job.lines)
        .send(bytes);
    },
  );
}

/** Read as fast as it is taken, a batch at a time. */
async function* logOf(
  journal: Journal,
  job: StoredJob,
  { plain, step: wanted }: { readonly plain: boolean; readonly step: number | undefined },
): AsyncGenerator<Buffer> {
  for await (const lines of pageOrder(journal, job)) {
    const chosen = wanted === undefined ? lines : lines.filter((one) => one.step === wanted);
    const bytes = Buffer.concat(chosen.flatMap((one) => (plain ? [one.text, one.ending] : [one.bytes])));
    if (bytes.length > 0) yield bytes;
  }
}

function linesRoute(app: FastifyInstance, { relay }: AdminContext): void {
  const seq = z.coerce.number().int().min(0);
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/jobs/:timeline/:job_id/lines',
      family,
      summary:
        'Some lines of a job, from any place between its first_seq and last_seq on, for scrolling through a long log.',
      role: 'viewer',
      params: jobParams,
      query: z.object({
        from_seq: seq.optional().describe('Lines from this place on.'),
        before_seq: seq.optional().describe('The last lines before this place.'),
        limit: z.coerce.number().int().min(1).max(5_000).default(500).describe('Fewer come where they are long.'),
        step: z.coerce.number().int().min(1).optional(),
      }),
      answer: z.object({
        lines: z.array(line),
        next_seq: z.int().optional().describe('For `from_seq`; absent at the end.'),
        previous_seq: z.int().optional().describe('For `before_seq`; absent at the beginning.'),
      }),
    },
    async ({ params, query: { from_seq: fromSeq, before_seq: beforeSeq, limit, step: wanted } }) => {
      const { job } = await findJob(relay.journal, params);
      const page = await linePage(relay.journal, job, { fromSeq, beforeSeq, limit, step: wanted });
      return { lines: page.lines.map(lineView), next_seq: page.nextSeq, previous_seq: page.previousSeq };
    },
  );
}

async function findJob(journal: Journal, params: z.output<typeof jobParams>): Promise<JobWithParts> {
  const found = await journal.job({ timeline: params.timeline, jobRecord: params.job_id });
  if (found === undefined) throw new HttpError(404, 'the journal knows of no such job');
  return found;
}

import type { JobQuery, JobWithParts, StoredJob } from '../../journal/runs.ts';

/** The jobs of one attempt of a run; a job whose run nobody knows makes one by itself. */
export interface RunOfJobs {
  readonly newest: StoredJob;
  readonly jobs: readonly StoredJob[];
}

export interface JobSource {
  jobs(query: JobQuery): StoredJob[] | Promise<StoredJob[]>;
}

export interface RunPage {
  readonly runs: readonly RunOfJobs[];
  /** To go on after this page; undefined after the last one. */
  readonly after: Pick<StoredJob, 'lastReceivedMs' | 'id'> | undefined;
}

export type RunFilter = Omit<JobQuery, 'limit' | 'runId' | 'runAttempt' | 'jobName'> & Pick<JobQuery, 'runId'>;

/** A run has at most so many jobs (GitHub's own limit for a matrix is 256, and there may be several). */
const JOBS_MAX = 2_000;
const BITE = 100;

/** Runs with a job that fits, those received last first. */
export async function listRuns(source: JobSource, filter: RunFilter, limit: number): Promise<RunPage> {
  const runs: RunOfJobs[] = [];
  let { after } = filter;
  for (;;) {
    const found = await source.jobs({ ...filter, after, limit: BITE });
    for (const job of found) {
      after = job;
      const jobs = await jobsOfRun(source, job);
      // A run stands where the newest of its jobs does that fit.
      if (jobs.some((other) => isNewer(other, job) && fits(other, filter))) continue;
      runs.push({ newest: job, jobs });
      if (runs.length === limit) return { runs, after: { lastReceivedMs: job.lastReceivedMs, id: job.id } };
    }
    if (found.length < BITE) return { runs, after: undefined };
  }
}

/** All jobs of the attempt that a job belongs to, in the order in which they began. */
export async function jobsOfRun(source: JobSource, job: StoredJob): Promise<StoredJob[]> {
  const { repository, runId, runAttempt } = job;
  if (runId === undefined) return [job];
  return inOrder(await source.jobs({ repository, runId, runAttempt, limit: JOBS_MAX }));
}

/** The jobs of a run, all attempts, the first of the first one first. */
export async function jobsOf(source: JobSource, run: Pick<JobQuery, 'repository' | 'runId'>): Promise<StoredJob[]> {
  return inOrder(await source.jobs({ ...run, limit: JOBS_MAX }));
}

function inOrder(jobs: readonly StoredJob[]): StoredJob[] {
  const start = (job: StoredJob): number => job.startedMs ?? job.firstLineMs ?? job.lastReceivedMs;
  return jobs.toSorted((a, b) => (a.runAttempt ?? 0) - (b.runAttempt ?? 0) || start(a) - start(b) || a.id - b.id);
}

function isNewer(a: StoredJob, b: StoredJob): boolean {
  return a.lastReceivedMs > b.lastReceivedMs || (a.lastReceivedMs === b.lastReceivedMs && a.id > b.id);
}

function fits(job: StoredJob, filter: RunFilter): boolean {
  const { verdict, state, receivedFromMs = 0, receivedBeforeMs = Number.POSITIVE_INFINITY } = filter;
  return (
    (verdict === undefined || job.verdict === verdict) &&
    (state === undefined || job.state === state) &&
    job.lastReceivedMs >= receivedFromMs &&
    job.lastReceivedMs < receivedBeforeMs
  );
}

const WORST = ['unmapped', 'gaps', 'cut', 'open', 'complete'] as const;

/** The verdict of several jobs together: the worst of them. */
export function verdictOfAll(jobs: readonly StoredJob[]): StoredJob['verdict'] {
  return WORST.find((verdict) => jobs.some((job) => job.verdict === verdict)) ?? 'complete';
}

/** A job as the API and `--json` show it. Times are ISO 8601 in UTC; what nobody knows is left out. */
export function jobView(job: StoredJob) {
  return {
    id: job.id,
    repository: job.repository,
    run_id: job.runId,
    attempt: job.runAttempt,
    run_number: job.runNumber,
    workflow: job.workflow,
    name: job.jobName,
    job_id: job.jobRecord,
    timeline: job.timeline,
    event: job.eventName,
    ref: job.ref,
    sha: job.sha,
    actor: job.actor,
    runner: job.runnerName,
    pod: job.pod,
    state: job.state,
    verdict: job.verdict,
    conclusion: job.conclusion,
    started: timeOf(job.startedMs ?? job.firstLineMs),
    finished: timeOf(job.finishedMs),
    last_line: timeOf(job.lastLineMs),
    last_received: timeOf(job.lastReceivedMs),
    lines: job.lines,
    bytes: job.bytes,
    attributed_lines: job.attributed,
    filled_lines: job.detail.filledLines,
    first_seq: job.firstSeq,
    last_seq: job.lastSeq,
    gaps: job.detail.gaps,
    notes: job.detail.notes,
    ...(job.gone === undefined
      ? {}
      : { gone: { since: timeOf(job.gone.sinceMs), reason: job.gone.reason, purge: job.gone.purge } }),
  };
}

/** A job with its steps. */
export function jobWithStepsView({ job, steps }: Pick<JobWithParts, 'job' | 'steps'>) {
  return {
    ...jobView(job),
    steps: steps.map((step) => ({
      number: step.number,
      name: step.name,
      started: timeOf(step.startedMs),
      finished: timeOf(step.finishedMs),
      conclusion: step.conclusion,
      lines: step.lines,
    })),
  };
}

export function runView({ newest, jobs }: RunOfJobs) {
  return {
    repository: newest.repository,
    run_id: newest.runId,
    attempt: newest.runAttempt,
    run_number: newest.runNumber,
    workflow: newest.workflow,
    event: newest.eventName,
    ref: newest.ref,
    actor: newest.actor,
    verdict: verdictOfAll(jobs),
    last_received: timeOf(newest.lastReceivedMs),
    jobs: jobs.map(jobView),
  };
}

/** What became of a job's lines, for a person; undefined where some of them are there. */
export function goneText({ gone }: Pick<StoredJob, 'gone'>): string | undefined {
  if (gone === undefined) return undefined;
  const since = `since ${timeOf(gone.sinceMs).slice(0, 16).replace('T', ' ')} UTC`;
  switch (gone.reason) {
    case 'purge':
      return `its lines were purged${gone.purge === undefined ? '' : ` by purge ${gone.purge}`}; known ${since}`;
    case 'quota':
      return `its lines went to keep the journal within its limits; known ${since}`;
    case 'transient':
      return `its lines were to be kept only until they were delivered; known ${since}`;
    case 'damaged':
      return `its lines were damaged; known ${since}`;
    case 'empty':
      return 'it had no lines';
  }
}

function timeOf(ms: number): string;
function timeOf(ms: number | undefined): string | undefined;
function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

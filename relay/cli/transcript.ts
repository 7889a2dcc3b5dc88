import { RelayError } from '../errors.ts';
import { Archive } from '../journal/archive.ts';
import type { JobVerdict, StoredJob } from '../journal/runs.ts';
import { jobsOf, listRuns } from '../query/transcript/views.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption, wholeNumber } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { Progress } from './progress.ts';
import { printable } from './terminal.ts';
import { printJob } from './transcript/print-job.ts';
import { jobsAsJson, runsAsJson, showJobs, showRuns, titleOf } from './transcript/show-list.ts';

const VERDICTS: readonly JobVerdict[] = ['open', 'complete', 'gaps', 'cut', 'unmapped'];
const LIST_DEFAULT = 50;

const options = {
  ...configOption,
  run: {
    type: 'string',
    value: 'ID',
    description: 'The run, by the number in its address on GitHub; of a job that is unmapped, its timeline.',
  },
  repository: {
    type: 'string',
    value: 'OWNER/NAME',
    description: 'Its repository, where runs of several have this number.',
  },
  attempt: { type: 'string', value: 'N', description: 'The attempt; the last one where it is not given.' },
  job: {
    type: 'string',
    value: 'NAME',
    description: 'One job of the run, by its name or id; all of them where it is not given.',
  },
  plain: {
    type: 'boolean',
    description: 'Leaves out the times; on a terminal also folds groups and colours what is marked.',
  },
  unfold: { type: 'boolean', description: 'With --plain on a terminal: shows what is in groups, too.' },
  raw: {
    type: 'boolean',
    description: 'Prints the bytes as they are, to a terminal too; its control characters take effect.',
  },
  list: {
    type: 'boolean',
    description: 'Lists runs, or with --run its jobs and steps, with what is known of their completeness.',
  },
  verdict: {
    type: 'string',
    value: 'VERDICT',
    description: 'With --list: only runs with such a job: open, complete, gaps, cut or unmapped.',
  },
  limit: { type: 'string', value: 'N', description: 'With --list: so many runs at most (50).' },
  ...jsonOption,
} as const;

export const transcriptCommand = defineCommand({
  name: 'transcript',
  summary: 'Prints the log of a run or a job, byte for byte as the runner wrote it.',
  notes: [
    'Reads the journal directly, whether the relay runs or not. Several jobs are printed one after the other, each with a line about it on ' +
      'standard error. On a terminal control characters are shown, not obeyed.',
    'Ends with 1 where something of the log is missing, and says what.',
  ],
  examples: [
    'transcript --list --repository corp/web',
    'transcript --run 4711 --plain',
    'transcript --run 4711 --job build --attempt 2 > build.log',
  ],
  options,
  async run({ options: given }, context) {
    using archive = new Archive(await dataFolder(given.config, context));
    if (given.run === undefined && given.list !== true)
      throw new RelayError('USAGE', 'say which run by --run ID, or see what there is by --list');
    return given.list === true ? await list(archive, given, context) : await print(archive, given, context);
  },
});

interface Given {
  readonly run?: string | undefined;
  readonly repository?: string | undefined;
  readonly attempt?: string | undefined;
  readonly job?: string | undefined;
  readonly verdict?: string | undefined;
  readonly limit?: string | undefined;
  readonly plain?: boolean | undefined;
  readonly unfold?: boolean | undefined;
  readonly raw?: boolean | undefined;
  readonly json?: boolean | undefined;
}

async function list(archive: Archive, given: Given, { stdout, clock }: CommandContext): Promise<ExitCode> {
  if (given.run !== undefined) {
    const jobs = await jobsOfAttempt(archive, given);
    if (given.json === true) stdout.write(jobsAsJson(jobs, archive));
    else showJobs(jobs, archive, stdout);
    return 0;
  }
  const { repository } = given;
  const limit = wholeNumber('limit', given.limit, { fallback: LIST_DEFAULT, least: 1, most: 10_000 });
  const { runs } = await listRuns(archive, { repository, verdict: verdictOf(given.verdict) }, limit);
  if (given.json === true) stdout.write(runsAsJson(runs));
  else showRuns(runs, stdout, clock.nowMs());
  return 0;
}

function verdictOf(text: string | undefined): JobVerdict | undefined {
  const verdict = VERDICTS.find((known) => known === text);
  if (text !== undefined && verdict === undefined)
    throw new RelayError('USAGE', `--verdict takes ${VERDICTS.join(', ')}, not ${JSON.stringify(text)}`);
  return verdict;
}

async function print(archive: Archive, given: Given, context: CommandContext): Promise<ExitCode> {
  const { stdout, stderr, signal } = context;
  const jobs = await jobsOfAttempt(archive, given);
  const printing = {
    plain: given.plain === true,
    unfold: given.unfold === true,
    raw: given.raw === true,
    json: given.json === true,
  };
  const total = jobs.reduce((sum, { lines }) => sum + lines, 0);
  const progress = new Progress(context, 'lines', total);
  let isWhole = true;
  let before = 0;
  for (const [index, job] of jobs.entries()) {
    if (stdout.isTerminal && !printing.json) stdout.write(`${index > 0 ? '\n' : ''}━━ ${titleOf(job)}\n`);
    else stderr.write(`${titleOf(job)}\n`);
    // Lines that scroll by on the same terminal are progress enough.
    const problems = await printJob(archive, job, printing, context, (lines) => {
      if (!stdout.isTerminal) progress.at(before + lines, job.jobName === undefined ? '' : printable(job.jobName));
    });
    progress.end();
    before += job.lines;
    for (const problem of problems) stderr.write(`  ! ${problem}\n`);
    isWhole &&= problems.length === 0;
    if (signal.aborted) break;
  }
  return isWhole ? 0 : 1;
}

/** The jobs asked for, of one attempt of one run. Throws `USAGE` where there are none, or it is not clear which. */
async function jobsOfAttempt(archive: Archive, given: Given): Promise<StoredJob[]> {
  const all = GUID.test(given.run ?? '')
    ? unmappedJobs(archive, given.run!.toLowerCase())
    : await jobsOf(archive, { runId: given.run, repository: given.repository });
  const repositories = [...new Set(all.map(({ repository }) => repository))];
  if (repositories.length > 1)
    throw new RelayError(
      'USAGE',
      `runs of several repositories have this number; say which by --repository: ${printable(repositories.join(', '))}`,
    );
  const last = Math.max(...all.map(({ runAttempt }) => runAttempt ?? 1));
  const attempt = wholeNumber('attempt', given.attempt, { fallback: last, least: 1, most: 1_000_000 });
  const ofAttempt = all.filter(({ runAttempt }) => (runAttempt ?? 1) === attempt);
  if (ofAttempt.length === 0)
    throw new RelayError('USAGE', `the journal has nothing of ${describe(given, all.length > 0)}`);
  const { job: wanted } = given;
  if (wanted === undefined) return ofAttempt;
  const jobs = ofAttempt.filter(({ jobName, jobRecord }) => jobName === wanted || jobRecord === wanted.toLowerCase());
  if (jobs.length > 0) return jobs;
  const names = ofAttempt.map(({ jobName, jobRecord }) => jobName ?? jobRecord);
  throw new RelayError(
    'USAGE',
    `there is no job ${JSON.stringify(wanted)} in this run; there are: ${printable(names.join(', '))}`,
  );
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Jobs of which nobody knows the run, by the timeline that their pages are named after. */
function unmappedJobs(archive: Archive, timeline: string): StoredJob[] {
  const found: StoredJob[] = [];
  for (let after: StoredJob | undefined; ;) {
    const page = archive.jobs({ verdict: 'unmapped', after, limit: 1_000 });
    found.push(...page.filter((job) => job.timeline === timeline));
    after = page.at(-1);
    if (page.length < 1_000 || after === undefined) return found;
  }
}

function describe({ run, repository, attempt }: Given, hasOthers: boolean): string {
  const which = attempt !== undefined && hasOthers ? `attempt ${attempt} of run ${run}` : `run ${run}`;
  return repository === undefined ? which : `${which} of ${repository}`;
}

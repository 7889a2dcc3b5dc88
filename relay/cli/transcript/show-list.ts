import type { Archive } from '../../journal/archive.ts';
import type { StoredJob } from '../../journal/runs.ts';
import { goneText, jobWithStepsView, type RunOfJobs, runView, verdictOfAll } from '../../query/transcript/views.ts';
import type { Terminal } from '../command.ts';
import { age, bytes, count } from '../figures.ts';
import { printable, table } from '../terminal.ts';

/** Prints runs, newest first, a line each. */
export function showRuns(runs: readonly RunOfJobs[], stdout: Terminal, nowMs: number): void {
  const rows = runs.map(({ newest, jobs }) => [
    newest.runId ?? newest.timeline,
    String(newest.runAttempt ?? '-'),
    printable(newest.repository ?? '(unmapped)'),
    printable(newest.workflow ?? '-'),
    String(jobs.length),
    verdictOfAll(jobs),
    count(jobs.reduce((sum, { lines }) => sum + lines, 0)),
    age(nowMs - newest.lastReceivedMs),
  ]);
  stdout.write(
    table([['RUN', 'ATTEMPT', 'REPOSITORY', 'WORKFLOW', 'JOBS', 'VERDICT', 'LINES', 'LAST LINE AGO'], ...rows]),
  );
}

/** Prints the jobs of a run with their steps. */
export function showJobs(jobs: readonly StoredJob[], archive: Archive, stdout: Terminal): void {
  for (const job of jobs) {
    stdout.write(`${titleOf(job)}\n`);
    for (const gap of job.detail.gaps)
      stdout.write(`  ! page ${gap.number}: bytes ${gap.from} to ${gap.to ?? 'its end'} never came\n`);
    const gone = goneText(job);
    if (gone !== undefined) stdout.write(`  ! ${gone}\n`);
    for (const note of job.detail.notes) stdout.write(`  ! ${printable(note)}\n`);
    const steps = archive.job(job)?.steps ?? [];
    const rows = steps.map((step) => [
      `  ${step.number}`,
      printable(step.name),
      step.conclusion ?? '-',
      step.startedMs === undefined || step.finishedMs === undefined ? '-' : age(step.finishedMs - step.startedMs),
      count(step.lines),
    ]);
    if (rows.length > 0) stdout.write(table([['  STEP', 'NAME', 'RESULT', 'TOOK', 'LINES'], ...rows]));
  }
}

/** The same as JSON. */
export function runsAsJson(runs: readonly RunOfJobs[]): string {
  return `${JSON.stringify(runs.map(runView), null, 2)}\n`;
}

export function jobsAsJson(jobs: readonly StoredJob[], archive: Archive): string {
  const views = jobs.map((job) => jobWithStepsView({ job, steps: archive.job(job)?.steps ?? [] }));
  return `${JSON.stringify(views, null, 2)}\n`;
}

/** One line about a job. */
export function titleOf(job: StoredJob): string {
  const name = printable(job.jobName ?? job.jobRecord);
  const run = job.runId === undefined ? '' : `, run ${job.runId} attempt ${job.runAttempt ?? 1}`;
  const repository = printable(job.repository ?? 'nobody knows which repository');
  const conclusion = job.conclusion === undefined ? job.state : job.conclusion;
  return `${name} (${repository}${run}): ${conclusion}, ${job.verdict}, ${count(job.lines)} lines, ${bytes(job.bytes)}`;
}

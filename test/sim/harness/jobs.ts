import { Archive } from '../../../relay/journal/archive.ts';
import type { IndexedJob } from './truth-index.ts';

/** What the relay says of the jobs itself. */
export interface JobFigures {
  /** Of jobs that there were. */
  readonly verdicts: Record<string, number>;
  /** Jobs of which the relay knows nothing, and jobs that it made up. */
  missing: number;
  unknown: number;
  /** Whose repository, run, attempt, name or conclusion is not the true one. */
  mistaken: number;
  /** Pages of steps, and those of which no line arrived: the keeper had missed them. */
  stepPages: number;
  stepPagesMissing: number;
  /** Lines of which the jobs' notes say that their step is not known. */
  stepless: number;
  readonly examples: string[];
}

const EXAMPLES_MAX = 20;
const STEPLESS = /^the step of (\d+) lines is not known$/;
const JOBS_MAX = 1_000_000;
const conclusions: Readonly<Record<string, string | undefined>> = { Succeeded: 'success', Failed: 'failure' };

/** Holds the journal's rows of jobs, steps and pages against the truth. */
export function compareJobs(dataFolder: string, truth: readonly IndexedJob[]): JobFigures {
  using archive = new Archive(dataFolder);
  const stored = archive.jobs({ limit: JOBS_MAX });
  const known = new Set(truth.map(({ job }) => `${job.timeline}_${job.jobRecord}`));
  const figures: JobFigures = {
    verdicts: {},
    missing: 0,
    unknown: stored.filter(({ timeline, jobRecord }) => !known.has(`${timeline}_${jobRecord}`)).length,
    mistaken: 0,
    stepPages: 0,
    stepPagesMissing: 0,
    stepless: 0,
    examples: [],
  };
  for (const { job } of truth) {
    const found = archive.job(job);
    const pages = new Set(found?.pages.map(({ record, number }) => `${job.timeline}_${record}_${number}.log`));
    const stepPages = job.stepPages.filter(({ bytes }) => bytes > 3);
    figures.stepPages += stepPages.length;
    figures.stepPagesMissing += stepPages.filter(({ name }) => !pages.has(name)).length;
    if (found === undefined) {
      figures.missing++;
      continue;
    }
    const { verdict, repository, runId, runAttempt, jobName, conclusion, detail } = found.job;
    for (const note of detail.notes) figures.stepless += Number(STEPLESS.exec(note)?.[1] ?? 0);
    const key = `${job.conclusion === 'killed' ? 'killed, ' : ''}${verdict}`;
    figures.verdicts[key] = (figures.verdicts[key] ?? 0) + 1;
    const isTrue =
      repository === job.repository &&
      runId === job.runId &&
      runAttempt === job.runAttempt &&
      jobName === job.jobName &&
      conclusion === conclusions[job.conclusion];
    if (!isTrue) figures.mistaken++;
    const odd = !isTrue || (verdict !== 'complete' && job.conclusion !== 'killed');
    if (odd && figures.examples.length < EXAMPLES_MAX)
      figures.examples.push(
        JSON.stringify({
          job: job.jobRecord,
          timeline: job.timeline,
          verdict,
          repository,
          runId,
          runAttempt,
          jobName,
          conclusion,
          detail,
        }),
      );
  }
  return figures;
}

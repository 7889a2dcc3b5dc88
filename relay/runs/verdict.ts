import type { JobDetail, JobVerdict, PageGap } from '../journal/runs.ts';
import type { Job } from './job.ts';

const NOTES_MAX = 20;
const GAPS_MAX = 200;

/** What never came of a job's page, as far as that can be seen. */
export function gapsOf(job: Job): PageGap[] {
  const { jobPages, jobRecord = '' } = job;
  if (jobPages === undefined || jobPages.isEmpty) return [{ record: jobRecord, number: 1, from: 0, to: null }];
  const gaps = jobPages.gaps();
  if (!job.tailFilled) return gaps;
  const last = [...jobPages.pages].at(-1)!;
  return [...gaps, { record: jobRecord, number: last.number, from: last.end, to: null }];
}

/** What is to be said of a job that is over. */
export function verdictOf(job: Job): JobVerdict {
  if (job.message === undefined) return 'unmapped';
  if (job.completedSecond === undefined) return 'cut';
  return gapsOf(job).length > 0 ? 'gaps' : 'complete';
}

export function detailOf(job: Job): JobDetail {
  const pages = [...(job.jobPages?.pages ?? [])];
  const streams = [...job.stepPages.streams];
  const conflicts = pages.reduce((sum, page) => sum + page.conflicts, 0);
  // The copy of a line whose step was told by its time came too late.
  const unmatched = job.unmatchedStepLines - job.copylessLines;
  const notes = [
    ...job.notes,
    ...(pages.some((page) => page.unplaced) ? ['the sender gave no offsets: missing lines cannot be seen'] : []),
    ...(conflicts > 0 ? [`${conflicts} lines came with the offset of another line and were left out`] : []),
    ...(unmatched > 0 ? [`${unmatched} lines of step pages have no copy in the job page`] : []),
    ...streams
      .filter(({ pages: { pages: stepPages } }) => [...stepPages].some(({ holes }) => holes.length > 0))
      .map(({ pages: { record } }) => `the page of step ${record} has gaps`),
    ...missingStepPages(job),
    ...(job.steplessLines > 0 ? [`the step of ${job.steplessLines} lines is not known`] : []),
  ];
  const repeats = job.repeatsBefore + [...job.records].reduce((sum, record) => sum + job.pagesOf(record).repeats, 0);
  return {
    gaps: gapsOf(job).slice(0, GAPS_MAX),
    notes: notes.slice(0, NOTES_MAX),
    filledLines: job.filledLines,
    repeats,
  };
}

/** Steps that ran, and of which no page came: their lines are known by their times alone. */
function missingStepPages(job: Job): string[] {
  const missing = job.steps.steps.filter((step) => {
    const ran = step.startedSecond !== undefined && !step.skipped && step.lines > 0;
    return ran && (step.record === undefined || job.stepPages.get(step.record) === undefined);
  });
  return missing.length === 0 ? [] : [`no page came of the steps ${missing.map(({ number }) => number).join(', ')}`];
}

import type { Job } from './job.ts';

/** Memory that a line takes beside its bytes, about. */
const LINE_BYTES = 200;

/** True where nothing of a job waits for anything that is still to come. */
export function isWhole(job: Job): boolean {
  if (job.queued.length > 0 || job.jobPages === undefined) return false;
  for (const record of job.records) {
    const pages = job.pagesOf(record);
    for (const page of pages.pages) if (page.heldLines.length > 0) return false;
    if (pages.gaps().length > 0) return false;
  }
  // A page of each step that ran must still come, unless nobody kept it.
  for (const { record, startedSecond, skipped } of job.steps.steps)
    if (startedSecond !== undefined && !skipped && (record === undefined || job.stepPages.get(record) === undefined))
      return false;
  return !isToBeFilled(job);
}

/** True where step pages have what the job page has not: that must still come. */
export function isToBeFilled(job: Job): boolean {
  const { lastTicks = Number.NEGATIVE_INFINITY } = job;
  if (job.stepPages.orphans.length > 0) return true;
  for (const { lines, step } of job.stepPages.streams)
    if (step !== undefined && lines.some(({ ticks }) => ticks > lastTicks)) return true;
  return false;
}

/** Memory for the lines of a job that wait, about. */
export function heldBytesOf(job: Job): number {
  let sum = 0;
  const count = ({ bytes }: { readonly bytes: Buffer }): void => void (sum += bytes.length + LINE_BYTES);
  job.queued.forEach(count);
  for (const record of job.records) for (const page of job.pagesOf(record).pages) page.heldLines.forEach(count);
  for (const { lines, retained } of job.stepPages.streams)
    for (const { line } of [...lines, ...(retained ?? [])]) count(line);
  for (const { line } of job.stepPages.orphans) count(line.line);
  return sum;
}

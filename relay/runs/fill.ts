import { BOM, BOM_LENGTH } from './page-line.ts';
import type { Ending, Hole, OrderedLine, PageOrder } from './page-order.ts';
import type { Job } from './job.ts';
import { settle, type StepLine, type StepStream } from './step-pages.ts';

/** Between which stamps the lines were written that a hole of the job page should hold. */
export interface HoleTimes {
  readonly number: number;
  readonly from: number;
  readonly to: number;
  /** Of the line before the hole; undefined where the hole begins the page. */
  readonly beforeTicks: number | undefined;
  /** The line after the hole: its own copy is in a step page too, and does not belong into the hole. */
  readonly after: { readonly ticks: number; readonly text: Buffer };
}

interface Left {
  readonly stream: StepStream;
  readonly line: StepLine;
}

/**
 * Fills the holes of a job's page from its step pages, and adds what the job page ends before. Both copies of a line have the same length,
 * since all stamps have; so where the lines make up a hole's length exactly, nothing is missing but the job page's own stamps. `withTail` adds what is left after
 * the job page's last line.
 */
export function fillHoles(job: Job, withTail: boolean): void {
  const all = job.stepPages.takeRest();
  const left = all.filter(({ stream }) => isOwn(job, stream));
  const pages = [...(job.jobPages?.pages ?? [])];
  for (const page of pages) for (const hole of page.holes) fillHole(job, page, hole, left);
  const tail = !withTail ? [] : left.filter(({ line }) => job.lastTicks === undefined || line.ticks > job.lastTicks);
  if (tail.length > 0) addTail(job, tail);
  // What went into a hole is settled already.
  const rest = new Set(left);
  for (const one of all) if (rest.has(one) || !isOwn(job, one.stream)) settle(one.line);
}

/** True for a page that is sure to be this job's, where other jobs of its run may have been at work in the same place. */
function isOwn(job: Job, stream: StepStream): boolean {
  if (job.message === undefined || job.jobPages?.isEmpty !== false) return true;
  return stream.matched || job.steps.lists(stream.pages.record);
}

function fillHole(job: Job, page: PageOrder, hole: Hole, left: Left[]): void {
  const times = job.holeTimes.find(
    ({ number, from, to }) => number === page.number && from <= hole[0] && hole[1] <= to,
  );
  if (times === undefined) return;
  const { beforeTicks = Number.NEGATIVE_INFINITY, after } = times;
  const fitting = left.filter(({ line }) => line.ticks > beforeTicks && line.ticks <= after.ticks);
  if (fitting.at(-1)?.line.line.parts.text.equals(after.text) === true) fitting.pop();
  let at = hole[0];
  for (const one of fitting) {
    const placed = placedLine(one, { number: page.number, offset: at, ending: page.ending });
    if (placed.end > hole[1]) break;
    job.emitFilled(placed.line, page.path, one.stream.step, one.stream.pages.record);
    left.splice(left.indexOf(one), 1);
    settle(one.line);
    at = placed.end;
  }
  if (at === hole[1]) page.fill(hole);
}

/** What the step pages have and the job page has not, after its end or in place of all of it. */
function addTail(job: Job, tail: readonly Left[]): void {
  const last = [...(job.jobPages?.pages ?? [])].at(-1);
  const number = last?.number ?? 1;
  const ending = last?.ending ?? tail.find(({ line }) => !line.line.supposed)?.line.line.ending ?? 'lf';
  const path = last?.path ?? pathOfJobPage(job, tail[0]!);
  let at = last?.end ?? 0;
  for (const one of tail) {
    const placed = placedLine(one, { number, offset: at, ending });
    job.emitFilled(placed.line, path, one.stream.step, one.stream.pages.record);
    at = placed.end;
  }
  job.tailFilled = true;
}

interface Place {
  readonly number: number;
  readonly offset: number;
  /** How lines of the page end. */
  readonly ending: Ending;
}

/** A line of a step page as it would stand in the job page. How the last line of a page ended is not seen there. */
function placedLine(
  { line: { line } }: Left,
  { number, offset, ending: usual }: Place,
): { line: OrderedLine; end: number } {
  const withoutBom = line.parts.bom ? line.bytes.subarray(BOM_LENGTH) : line.bytes;
  const bom = offset === 0;
  const ending = line.supposed ? usual : line.ending;
  const length = line.length - (line.parts.bom ? BOM_LENGTH : 0) + (bom ? BOM_LENGTH : 0);
  return {
    line: {
      ...line,
      number,
      offset,
      ending,
      bytes: bom ? Buffer.concat([BOM, withoutBom]) : withoutBom,
      length,
      parts: { ...line.parts, bom },
    },
    end: offset + length + (ending === 'crlf' ? 2 : 1),
  };
}

function pathOfJobPage({ timeline, jobRecord }: Job, { line: { line }, stream }: Left): string {
  const path = stream.pages.page(line.number, '').path;
  return path.replace(/[^/\\]*$/, `${timeline}_${jobRecord ?? ''}_1.log`);
}

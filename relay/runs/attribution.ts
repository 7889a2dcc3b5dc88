import type { Job } from './job.ts';
import { secondOf } from './page-line.ts';
import type { Hole, OrderedLine } from './page-order.ts';
import type { FoundCopy, StepStream } from './step-pages.ts';
import type { Step } from './steps.ts';

/** What is said of a line's step. */
export interface StepAnswer {
  readonly step: Step | undefined;
  /** The record of the step's page, which may be known where the step is not. */
  readonly record: string | undefined;
  /** What told it. `own`: the line is the job's own, of no step. */
  readonly by: 'copy' | 'time' | 'own' | 'nothing';
}

/** What a line may still wait for. */
export interface Waits {
  readonly forCopy: boolean;
  /** For whatever tells its step for sure. */
  readonly forCertainty: boolean;
  /** True where nothing more will come. */
  readonly isOver: boolean;
}

const UNKNOWN: StepAnswer = { step: undefined, record: undefined, by: 'nothing' };
const OWN: StepAnswer = { ...UNKNOWN, by: 'own' };

/**
 * Whose line the next one of a job's page is: of the step whose page has its copy, or of the only one that its time allows. Undefined while
 * neither is sure and it may wait: pages and Worker log come in any order, and a wrong step is worse than none. `claim` finds the copy in
 * pages of which it is not known whose they are.
 */
export function stepOf(
  job: Job,
  line: OrderedLine,
  waits: Waits,
  claim: () => FoundCopy | undefined,
): StepAnswer | undefined {
  const { ticks } = line.parts;
  if (ticks === undefined) return UNKNOWN;
  const isMapped = job.message !== undefined;
  const copy = job.stepPages.find(line, job.lastTicks) ?? claim();
  if (copy !== undefined) {
    const { stream } = copy;
    const isFirst = stream.lines[copy.at]!.ticks === stream.firstTicks;
    const step = isMapped ? placePage(job, stream, isFirst ? stepBefore(job, line) : undefined) : undefined;
    // The name of a step that a workflow's author left unnamed comes with the Worker log.
    if (isMapped && waits.forCertainty && (step === undefined || step.name === '')) return undefined;
    job.stepPages.take(copy, job.lastTicks);
    return { step, record: stream.pages.record, by: 'copy' };
  }
  if (isOwn(job, line, waits)) return OWN;
  if (!isMapped) return waits.forCopy ? undefined : UNKNOWN;
  const steps = stepsByTime(job, ticks, waits.isOver);
  const isTold = job.steps.isTold(secondOf(ticks), waits.isOver);
  // Where the pages of all steps that ran then are there and none has the line, it is the job's own.
  if (isTold && steps.length === 0) return OWN;
  if (waits.forCopy) return undefined;
  const [step, ...more] = steps;
  if (isTold && step !== undefined && more.length === 0) return { step, record: step.record, by: 'time' };
  return waits.forCertainty ? undefined : UNKNOWN;
}

/**
 * The only step that a line can be of by its time, where lines after it have gone before it. Pages say nothing then: its copy may have been
 * let go with those of its neighbours.
 */
export function stepByTime(job: Job, { parts: { ticks } }: OrderedLine): Step | undefined {
  if (ticks === undefined || !job.steps.isTold(secondOf(ticks))) return undefined;
  const [step, ...more] = job.steps.during(secondOf(ticks), job.isDebug);
  return more.length === 0 ? step : undefined;
}

/** The step of a page, where it can be said for sure. `after` is the step of the line before its first one, where that is known. */
export function placePage(job: Job, stream: StepStream, after?: number): Step | undefined {
  const { firstTicks, pages } = stream;
  if (stream.step !== undefined || firstTicks === undefined) return stream.step;
  const others = [...job.stepPages.streams].flatMap((other) =>
    other.step === undefined || other.firstTicks === undefined
      ? []
      : [{ number: other.step.number, firstTicks: other.firstTicks }],
  );
  const page = { record: pages.record, firstTicks, from: (after ?? -1) + 1, isNext: after !== undefined };
  stream.step = job.steps.ofRecord(pages.record) ?? job.steps.place(page, others);
  return stream.step;
}

/** The hole of the job page that ends where a line begins. */
export function holeBefore(job: Job, { number, offset }: OrderedLine): Hole | undefined {
  return job.jobPages?.page(number, '').holes.find(([, to]) => to === offset);
}

/** True for what the job itself writes, where debug messages are wanted: its first line and its last (`JobRunner.cs`). */
function isOwn({ message }: Job, { number, offset, parts: { text } }: OrderedLine, { forCopy }: Waits): boolean {
  const name = message?.jobName;
  if (name === undefined) return false;
  if (number === 1 && offset === 0) return text.equals(Buffer.from(`##[debug]Starting: ${name}`));
  return !forCopy && text.equals(Buffer.from(`##[debug]Finishing: ${name}`));
}

/** The step that wrote the line before, by its number; undefined where that is not known for sure. */
function stepBefore(job: Job, line: OrderedLine): number | undefined {
  return holeBefore(job, line) === undefined ? job.reached : undefined;
}

/**
 * The steps that a line without a copy may be of, by the Worker log: not those whose own page goes past its time without it, nor, when
 * nothing more will come, those that have ended and whose page is there.
 */
function stepsByTime(job: Job, ticks: number, isOver: boolean): Step[] {
  return job.steps.during(secondOf(ticks), job.isDebug).filter((step) => {
    const stream = step.record === undefined ? undefined : job.stepPages.get(step.record);
    if (stream === undefined || stream.pages.gaps().length > 0) return true;
    return stream.newestTicks <= ticks && !(isOver && step.finishedSecond !== undefined);
  });
}

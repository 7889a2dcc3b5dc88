import type { Job } from './job.ts';
import type { OrderedLine } from './page-order.ts';
import type { StepStream } from './step-pages.ts';
import type { Step } from './steps.ts';

/** How long things are waited for, in milliseconds. */
export interface Patience {
  /** For the step of a line. */
  readonly attributionWaitMs: number;
  /** For lines that belong before others. */
  readonly orderWaitMs: number;
  /** For the Worker log that says whose job it is. */
  readonly identityWaitMs: number;
}

/** Who runs the job, as the sender says. */
export interface RunnerInfo {
  /** What tells senders apart: pod, host or address. */
  readonly source: string;
  readonly host: string | undefined;
  readonly name: string | undefined;
  readonly pod: string | undefined;
  /** All that the sender said of its runner, to be passed on. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** A line to be written. */
export interface JobLine {
  readonly job: Job;
  readonly line: OrderedLine;
  readonly path: string;
  /** Of the line itself or, for a continuation, of the line before it; undefined where no line had one. */
  readonly stamp: string | undefined;
  readonly step: Step | undefined;
  /** The record of the step's page where no more is known of the step. */
  readonly stepRecord: string | undefined;
  /** Where the text was taken from: the job page, or a step page in its place. */
  readonly from: 'job' | 'step';
}

export interface JobOptions {
  readonly timeline: string;
  readonly runner: RunnerInfo;
  /** When its first line was received: by a clock that only grows, and by the wall clock. */
  readonly sinceMs: number;
  readonly receivedMs: number;
  /** The size at which its runner begins a new page. */
  readonly pageBytes: number;
  /** Finds the page, of those whose job is not known, that begins with the next lines of a job, and has the job adopt it. */
  readonly claim: (job: Job, lines: readonly OrderedLine[]) => StepStream | undefined;
  /** Takes its lines, in order. */
  readonly emit: (line: JobLine) => void;
  /** Repeats that were counted before it was taken up again. */
  readonly repeats?: number;
}

/** What is known of a page that is in no list. */
export interface UnlistedPage {
  readonly record: string;
  /** Of its first line. */
  readonly firstTicks: number;
  /** Its step has this number or a later one. */
  readonly from: number;
  /** True where it is the page of the step that ran next after the one before `from`. */
  readonly isNext: boolean;
}

/** When the page of a step begins. */
export interface KnownPage {
  readonly number: number;
  readonly firstTicks: number;
}

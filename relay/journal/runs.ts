/**
 * What the journal knows of GitHub Actions jobs beside their lines: one row a job, its steps and its pages. The rows are written in the
 * same transaction as the lines that they speak of, so neither is ever ahead of the other.
 *
 * All GUIDs are in lower case. A job is named by its timeline and its own record: the jobs of one run share the timeline, and a job's
 * record is made from its name, so it is the same in every run.
 */

/**
 * What can be said of a job's log. `open`: it still runs. `complete`: every line is there. `gaps`: some bytes of the job page never came
 * (`detail.gaps`). `cut`: the job ended without saying so. `unmapped`: its Worker log never came, so nobody knows whose it is.
 */
export type JobVerdict = 'open' | 'complete' | 'gaps' | 'cut' | 'unmapped';

export type JobState = 'running' | 'finished';

export interface JobKey {
  readonly timeline: string;
  /** The job's own record: the record of its job page. */
  readonly jobRecord: string;
}

/** A stretch of a page that never came. `to` is null where nobody knows how long it was. */
export interface PageGap {
  readonly record: string;
  readonly number: number;
  readonly from: number;
  readonly to: number | null;
}

export interface JobDetail {
  readonly gaps: readonly PageGap[];
  /** Sentences for a person: what was odd about this job. */
  readonly notes: readonly string[];
  /** Lines of the job page that were taken from step pages instead. */
  readonly filledLines: number;
  /** Lines that came more than once; they were dropped. */
  readonly repeats: number;
}

/** Times are milliseconds since 1970 by the runner's clock, but `lastReceivedMs` by ours. */
export interface JobRow extends JobKey {
  readonly repository: string | undefined;
  readonly runId: string | undefined;
  readonly runAttempt: number | undefined;
  readonly runNumber: number | undefined;
  readonly workflow: string | undefined;
  readonly jobName: string | undefined;
  readonly serverUrl: string | undefined;
  readonly eventName: string | undefined;
  readonly ref: string | undefined;
  readonly sha: string | undefined;
  readonly actor: string | undefined;
  readonly runnerName: string | undefined;
  readonly pod: string | undefined;
  readonly state: JobState;
  readonly verdict: JobVerdict;
  /** `success`, `failure`, `cancelled`, `skipped`, `abandoned`, as the Worker log tells it. */
  readonly conclusion: string | undefined;
  readonly firstLineMs: number | undefined;
  readonly lastLineMs: number | undefined;
  readonly startedMs: number | undefined;
  readonly finishedMs: number | undefined;
  readonly lastReceivedMs: number;
  /** Lines written as `github.runner`, and their bytes in the job page. */
  readonly lines: number;
  readonly bytes: number;
  /** Of the lines, those whose step is known. */
  readonly attributed: number;
  /** Places of its first and last line in the journal. */
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly detail: JobDetail;
}

/** What took a job's lines: a purge, the quota, `store: false`, damage; `empty`: there was none. */
export type GoneReason = 'purge' | 'quota' | 'transient' | 'damaged' | 'empty';

export interface StoredJob extends JobRow {
  readonly id: number;
  /** Where none of its lines is in the journal any more. */
  readonly gone?: {
    /** When that was found, in milliseconds since 1970. */
    readonly sinceMs: number;
    readonly reason: GoneReason;
    /** The purge that took the last of them. */
    readonly purge: number | undefined;
  };
}

export interface StepRow {
  /** From 1, in the order in which the steps ran; 1 is "Set up job". */
  readonly number: number;
  /** The record of its pages, where one is known. */
  readonly record: string | undefined;
  readonly name: string;
  readonly startedMs: number | undefined;
  readonly finishedMs: number | undefined;
  readonly conclusion: string | undefined;
  readonly lines: number;
}

/** One file `{timeline}_{record}_{number}.log`, as far as it was taken. */
export interface PageRow {
  readonly timeline: string;
  readonly jobRecord: string;
  readonly record: string;
  readonly number: number;
  readonly path: string;
  /** What has been taken, from 0 on. */
  readonly bytes: number;
  readonly lines: number;
  /** Stretches before `bytes` that are missing. */
  readonly gaps: readonly (readonly [from: number, to: number])[];
  /** For lines that came without offsets: the place of the last raw record that was taken. */
  readonly rawSeq: number | undefined;
}

export interface JobWithParts {
  readonly job: StoredJob;
  readonly steps: readonly StepRow[];
  readonly pages: readonly PageRow[];
}

/** One job's rows as they are to be from now on. Steps and pages that are left out stay as they are. */
export interface JobChange {
  readonly job: JobRow;
  readonly steps: readonly StepRow[];
  readonly pages: readonly PageRow[];
  /** What the assembly needs beside the rows to go on. */
  readonly checkpoint: string;
}

/** How far a Worker log has been read, and what was learnt from it that is not in a job's rows. */
export interface WorkerLogChange {
  /** Who sent it and its path. */
  readonly key: string;
  readonly seenMs: number;
  readonly checkpoint: string;
}

/** What is written together with a batch: all of it or nothing. */
export interface RunChanges {
  readonly jobs: readonly JobChange[];
  readonly workerLogs: readonly WorkerLogChange[];
  /** Worker logs older than this are forgotten, in milliseconds since 1970. */
  readonly forgetWorkerLogsBeforeMs: number | undefined;
}

/** A job with what the assembly left for itself. */
export interface JobCheckpoint extends JobWithParts {
  readonly checkpoint: string;
}

/** What the assembly goes on with after a restart. */
export interface RunCheckpoints {
  readonly jobs: readonly JobCheckpoint[];
  readonly workerLogs: readonly WorkerLogChange[];
}

export interface JobQuery {
  readonly repository?: string | undefined;
  readonly runId?: string | undefined;
  readonly runAttempt?: number | undefined;
  readonly jobName?: string | undefined;
  readonly verdict?: JobVerdict | undefined;
  readonly state?: JobState | undefined;
  /** Jobs that something was received of from this time on, and before that one, in milliseconds since 1970. */
  readonly receivedFromMs?: number | undefined;
  readonly receivedBeforeMs?: number | undefined;
  /** Goes on after the last job of the page before. */
  readonly after?: Pick<StoredJob, 'lastReceivedMs' | 'id'> | undefined;
  readonly limit: number;
}

/** Which job a page belongs to. */
export interface PageQuery {
  readonly timeline: string;
  readonly record: string;
  /** For a page that was never seen: the last job of the timeline that this sender had begun by then is meant. */
  readonly sender: { readonly source: string; readonly writtenMs: number | undefined } | undefined;
}

/** Reading the tables. In the journal these are asked of a thread, in the archive at once. */
export interface RunReading {
  /** The jobs that fit, those received last first. */
  jobs(query: JobQuery): StoredJob[];
  /** One job with its steps and pages. */
  job(key: JobKey): JobWithParts | undefined;
}

/** The name of a job in the index of streams. */
export function jobStream({ timeline }: Pick<JobKey, 'timeline'>): string {
  return `job:${timeline}`;
}

/** The name of a run in the index of streams. */
export function runStream(repository: string, runId: string): string {
  return `run:${repository}/${runId}`;
}

/** A step as the runner numbers and names it; `record` is its timeline record, which its pages are named by. */
export interface TrueStep {
  readonly number: number;
  readonly record: string;
  readonly name: string;
}

export interface TruePage {
  /** Of the file: `{timeline}_{record}_{n}.log`. */
  readonly name: string;
  readonly record: string;
  readonly number: number;
  /** That reached the disk. */
  bytes: number;
}

/** What one job really was, for comparison with what a relay made of it. Written as JSON when the job is over. */
export interface TrueJob {
  readonly timeline: string;
  readonly jobRecord: string;
  readonly repository: string;
  readonly runId: string;
  readonly runAttempt: number;
  readonly runNumber: number;
  readonly workflow: string;
  readonly jobName: string;
  readonly runnerName: string;
  /** The runner's `_diag`. */
  readonly folder: string;
  readonly steps: TrueStep[];
  /** Pages of the job's own record, in order. A copy of each is beside this file, byte for byte what reached the disk. */
  readonly jobPages: TruePage[];
  readonly stepPages: TruePage[];
  /** Physical lines of the job pages in order: the number of the step that wrote them, 0 for the job itself, and how many in a row. */
  readonly lineSteps: [step: number, lines: number][];
  conclusion: 'Succeeded' | 'Failed' | 'killed';
}

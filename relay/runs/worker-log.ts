import { JobMessageReader, type JobMessage, type JobMessageState } from './job-message.ts';

/**
 * What a line of a Worker log tells. A trace line is `[2026-11-22 08:14:59Z INFO StepsRunner] text` (`HostTraceListener.cs`), with the
 * runner's clock in whole seconds; `second` is since 1970.
 */
export type WorkerEvent =
  /** The runner said what it is to run. `undefined` where that could not be read. */
  | { readonly kind: 'job'; readonly second: number; readonly message: JobMessage | undefined }
  /** How many steps there are before the job's own post steps: those before the workflow's, and these. */
  | { readonly kind: 'steps_total'; readonly count: number }
  | { readonly kind: 'step'; readonly second: number; readonly name: string }
  | { readonly kind: 'step_skipped' }
  /** The step's condition holds: it is not going to be skipped. */
  | { readonly kind: 'step_runs' }
  | { readonly kind: 'step_result'; readonly second: number; readonly conclusion: string }
  /** "Complete job" begins. */
  | { readonly kind: 'finalize'; readonly second: number }
  | { readonly kind: 'job_result'; readonly conclusion: string }
  /** The job is over and its pages are closed. */
  | { readonly kind: 'completed'; readonly second: number }
  /** Some of the log never came: which step is meant cannot be counted any more. */
  | { readonly kind: 'lost' }
  /** All that was traced before this second has been told. */
  | { readonly kind: 'told'; readonly second: number };

const TRACE = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\dZ) [A-Z]{3,11} ? ?(\w{1,64})\] /;
const TRACE_LENGTH_MAX = 120;
const NAME_LENGTH_MAX = 512;

/** GitHub's words for the runner's: `ActionResult` for `TaskResult`. */
const CONCLUSIONS: Readonly<Record<string, string>> = {
  '': 'success',
  Succeeded: 'success',
  SucceededWithIssues: 'success',
  Failed: 'failure',
  Canceled: 'cancelled',
  Skipped: 'skipped',
  Abandoned: 'abandoned',
};

export interface WorkerLogState {
  readonly message: JobMessageState | undefined;
  readonly second: number;
  readonly known: boolean;
  readonly newestSecond: number;
}

/**
 * Reads a Worker log line by line. Only the first job message counts: it stands before anything that a workflow's author could have
 * written, and inside it line breaks are escaped.
 */
export class WorkerLogParser {
  #message: JobMessageReader | undefined;
  /** When the job message was traced. */
  #second = 0;
  #known = false;
  /** Of the last line that was traced. */
  newestSecond = 0;

  static restored(state: WorkerLogState): WorkerLogParser {
    const parser = new WorkerLogParser();
    parser.#message = state.message === undefined ? undefined : JobMessageReader.restored(state.message);
    parser.#second = state.second;
    parser.#known = state.known;
    parser.newestSecond = state.newestSecond;
    return parser;
  }

  state(): WorkerLogState {
    const { newestSecond } = this;
    return { message: this.#message?.state(), second: this.#second, known: this.#known, newestSecond };
  }

  /** True once a job message was read. */
  get known(): boolean {
    return this.#known;
  }

  line(bytes: Buffer): WorkerEvent[] {
    const trace = TRACE.exec(bytes.toString('utf8', 0, TRACE_LENGTH_MAX));
    if (this.#message !== undefined) {
      if (trace === null && !this.#message.line(bytes.toString('utf8'))) return [];
      const ended = this.#endMessage(this.#message);
      return trace === null ? ended : [...ended, ...this.#trace(trace, bytes)];
    }
    return trace === null ? [] : this.#trace(trace, bytes);
  }

  #endMessage(reader: JobMessageReader): WorkerEvent[] {
    const message = reader.result();
    this.#message = undefined;
    this.#known = true;
    return [{ kind: 'job', second: this.#second, message }];
  }

  #trace([head, date = '', time = '', source = '']: RegExpExecArray, bytes: Buffer): WorkerEvent[] {
    const second = Math.floor(Date.parse(`${date}T${time}`) / 1_000);
    if (Number.isNaN(second)) return [];
    this.newestSecond = second;
    const text = bytes.toString('utf8', head.length, head.length + NAME_LENGTH_MAX).trimEnd();
    if (source === 'Worker' && text === 'Job message:' && !this.#known) {
      this.#message = new JobMessageReader();
      this.#second = second;
      return [];
    }
    const event = eventOf(source, text, second);
    return event === undefined ? [] : [event];
  }
}

const STEP = /^Processing step: DisplayName='(.*)'?$/;
const STEP_RESULT = /^(?:Update|No need for updating) job result with current step result '(\w*)'\.$/;
const JOB_RESULT = /^Job result after all job steps finish: (\w+)$/;
const TOTAL = /^Total job steps: (\d{1,6})\.$/;

/** The texts are those of `StepsRunner.cs`, `JobRunner.cs` and `Worker.cs`. */
function eventOf(source: string, text: string, second: number): WorkerEvent | undefined {
  if (source === 'StepsRunner') {
    const [, name] = STEP.exec(text) ?? [];
    if (name !== undefined) return { kind: 'step', second, name: name.endsWith("'") ? name.slice(0, -1) : name };
    if (text === 'Skipping step due to condition evaluation.') return { kind: 'step_skipped' };
    if (text === 'Starting the step.') return { kind: 'step_runs' };
    const [, result] = STEP_RESULT.exec(text) ?? [];
    return result === undefined ? undefined : { kind: 'step_result', second, conclusion: conclusionOf(result) };
  }
  if (source === 'JobRunner') {
    if (text === 'Finalize job.') return { kind: 'finalize', second };
    if (text === 'Job is cancelled during initialize.') return { kind: 'job_result', conclusion: 'cancelled' };
    if (text === 'Job initialize failed.') return { kind: 'job_result', conclusion: 'failure' };
    const [, count] = TOTAL.exec(text) ?? [];
    if (count !== undefined) return { kind: 'steps_total', count: Number(count) };
    const [, result] = JOB_RESULT.exec(text) ?? [];
    return result === undefined ? undefined : { kind: 'job_result', conclusion: conclusionOf(result) };
  }
  if (source === 'Worker' && text === 'Job completed.') return { kind: 'completed', second };
  return undefined;
}

function conclusionOf(result: string): string {
  return CONCLUSIONS[result] ?? result.toLowerCase();
}

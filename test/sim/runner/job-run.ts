import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chance } from './chance.ts';
import { ConsoleFeed } from './console-feed.ts';
import { jobMessage } from './job-message.ts';
import type { JobPlan, PlannedStep } from './job-plan.ts';
import { PagingLogger } from './paging-logger.ts';
import type { RunnerClock } from './runner-clock.ts';
import { Killed, StepWork, type Stage } from './step-work.ts';
import { TraceLog } from './trace-log.ts';
import type { TrueJob } from './truth.ts';
import { type Deletion, UploadQueue } from './upload-queue.ts';

export interface JobRunOptions {
  readonly job: JobPlan;
  /** The runner's `_diag`. */
  readonly folder: string;
  readonly runnerName: string;
  readonly clock: RunnerClock;
  readonly chance: Chance;
  readonly deletion: Deletion;
  readonly pageBytes: number;
  /** Where copies of the job pages and, at the end, the truth go. */
  readonly truthFolder: string;
  /** Aborted: the worker is killed, as by `kill -9`. */
  readonly kill: AbortSignal;
}

interface Step {
  readonly record: string;
  readonly name: string;
  readonly stage: Stage;
  readonly number: number;
  readonly planned: PlannedStep | undefined;
  readonly hook: 'started' | 'completed' | undefined;
}

/** One worker process and the job it runs. (JobRunner.cs, JobExtension.cs, StepsRunner.cs, ExecutionContext.cs) */
export class JobRun {
  readonly #options: JobRunOptions;
  readonly #job: JobPlan;
  readonly #clock: RunnerClock;
  readonly #chance: Chance;
  readonly #trace: TraceLog;
  readonly #queue: UploadQueue;
  readonly #feed: ConsoleFeed;
  readonly #work: StepWork;
  readonly #truth: TrueJob;
  readonly #jobLogger: PagingLogger;
  readonly #open = new Set<PagingLogger>();
  /** Counts as the runner does: post steps get numbers from a range that the first of them reserves. */
  #order = 0;
  #postReserved = false;
  readonly #postSteps: Step[] = [];

  constructor(options: JobRunOptions) {
    const { job, folder, clock, chance, deletion, pageBytes, truthFolder, runnerName } = options;
    for (const name of ['pages', 'blocks']) mkdirSync(join(folder, name), { recursive: true });
    mkdirSync(truthFolder, { recursive: true });
    this.#options = options;
    this.#job = job;
    this.#clock = clock;
    this.#chance = chance;
    this.#trace = new TraceLog(folder, clock, job.newline);
    this.#queue = new UploadQueue(deletion, clock, chance.branch(), this.#trace);
    this.#feed = new ConsoleFeed(clock, this.#trace);
    this.#work = new StepWork({
      clock,
      chance: chance.branch(),
      trace: this.#trace,
      newline: job.newline,
      kill: options.kill,
    });
    const { timeline, jobRecord, repository, runId, runAttempt, runNumber, workflow, jobName, newline } = job;
    const identity = { timeline, jobRecord, repository, runId, runAttempt, runNumber, workflow, jobName, runnerName };
    this.#truth = {
      ...identity,
      folder,
      steps: [],
      jobPages: [],
      stepPages: [],
      lineSteps: [],
      conclusion: 'Succeeded',
    };
    const paging = { folder, timeline, newline, clock, queue: this.#queue, pageBytes };
    this.#newLogger = (record) => new PagingLogger(paging, record, this.#truth.stepPages);
    this.#jobLogger = new PagingLogger(paging, jobRecord, this.#truth.jobPages, truthFolder);
    this.#open.add(this.#jobLogger);
  }

  readonly #newLogger: (record: string) => PagingLogger;

  /** Runs the job to its end, or until it is killed. */
  async run(): Promise<TrueJob> {
    try {
      await this.#begin();
      for (const step of await this.#setUp()) await this.#runStep(step);
      for (let step = this.#postSteps.pop(); step !== undefined; step = this.#postSteps.pop())
        await this.#runStep(step);
      await this.#complete();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      for (const logger of this.#open) logger.kill();
      this.#queue.kill();
      this.#truth.conclusion = 'killed';
    }
    await this.#feed.stop();
    this.#trace.close();
    const { timeline, jobRecord } = this.#job;
    writeFileSync(join(this.#options.truthFolder, `${timeline}_${jobRecord}.json`), JSON.stringify(this.#truth));
    return this.#truth;
  }

  async #begin(): Promise<void> {
    const trace = this.#trace;
    trace.info('Worker', 'Version: 2.336.0');
    trace.info('Worker', 'Culture: ');
    trace.info('HostContext', `Well known directory 'Diag': '${this.#options.folder}'`);
    trace.info('Worker', 'Waiting to receive the job message from the channel.');
    await this.#pause(10);
    trace.info('Worker', 'Message received.');
    trace.info(
      'Worker',
      `Job message:${this.#job.newline} ${this.#native(jobMessage(this.#job, this.#options.runnerName))}`,
    );
    trace.info('JobRunner', `Job ID ${this.#job.jobRecord}`);
    this.#feed.start();
    this.#queue.start();
    trace.info('JobRunner', 'Starting the job execution context.');
    this.#jobDebug(`Starting: ${this.#job.jobName}`);
  }

  /** "Set up job", and what is to run after it. */
  async #setUp(): Promise<Step[]> {
    const job = this.#job;
    const steps: Step[] = [];
    await this.#inStep(
      this.#newStep('Set up job', 'Pre'),
      async (write) => {
        write("Current runner version: '2.336.0'");
        write(`Runner name: '${this.#options.runnerName}'`);
        write("Runner group name: 'Default'");
        write("Machine name: 'runner-host'");
        for (const line of ['##[group]GITHUB_TOKEN Permissions', 'Contents: read', 'Packages: write', '##[endgroup]'])
          write(line);
        write('Secret source: Actions');
        write('Prepare workflow directory');
        await this.#pause(30);
        this.#trace.info('JobExtension', 'Downloading actions');
        write('Prepare all required actions');
        const actions = new Set(job.steps.flatMap(({ action }) => (action === undefined ? [] : [action])));
        if (actions.size > 0) write('Getting action download info');
        for (const action of actions) write(`Download action repository '${action}' (SHA:${this.#chance.hex(40)})`);
        for (const { displayName } of job.steps) this.#trace.info('JobExtension', `Adding ${displayName}.`);
        write(`Complete job name: ${job.jobName}`);
      },
      () => {
        if (job.hooks) steps.push(this.#newStep('Set up runner', 'Pre', { hook: 'started' }));
        for (const planned of job.steps)
          if (planned.hasPre) steps.push(this.#newStep(`Pre ${planned.displayName}`, 'Pre', { planned }));
        for (const planned of job.steps) steps.push(this.#newStep(planned.displayName, 'Main', { planned }));
        if (job.hooks) this.#addPostStep('Complete runner', { hook: 'completed' });
      },
    );
    this.#trace.info('JobRunner', `Total job steps: ${steps.length}.`);
    this.#trace.info('JobRunner', 'Run all job steps.');
    return steps;
  }

  async #runStep(step: Step): Promise<void> {
    const { planned } = step;
    this.#trace.info('StepsRunner', `Processing step: DisplayName='${step.name}'`);
    const failed = this.#truth.conclusion === 'Failed';
    const skipped = step.stage === 'Main' && failed !== (planned?.onlyOnFailure === true);
    let result = '';
    if (skipped) {
      this.#trace.info('StepsRunner', 'Skipping step due to condition evaluation.');
    } else {
      this.#trace.info('StepsRunner', 'Starting the step.');
      await this.#inStep(step, async (write) => {
        if (step.hook !== undefined) await this.#work.hook(step.hook, write);
        else if (planned !== undefined) {
          if (step.stage === 'Main' && planned.hasPost) this.#addPostStep(`Post ${planned.displayName}`, { planned });
          await this.#work.step(step.stage, planned, write);
        }
        if (step.stage === 'Main' && planned?.fails === true) {
          write(this.#chance.oneIn(2) ? '##[error]Process completed with exit code 1.' : this.#work.severalLines());
          result = 'Failed';
        }
        this.#trace.info('StepsRunner', `Step result: ${result}`);
      });
    }
    if (result === 'Failed') {
      this.#truth.conclusion = 'Failed';
      this.#trace.info('StepsRunner', "Update job result with current step result 'Failed'.");
    } else {
      this.#trace.info(
        'StepsRunner',
        `No need for updating job result with current step result '${skipped ? 'Skipped' : result}'.`,
      );
    }
    this.#trace.info(
      'StepsRunner',
      `Current state: job state = '${this.#truth.conclusion === 'Failed' ? 'Failed' : ''}'`,
    );
  }

  async #complete(): Promise<void> {
    this.#trace.info('JobRunner', 'Finalize job.');
    await this.#inStep(this.#newStep('Complete job', 'Post'), async (write) => {
      if (this.#chance.oneIn(4)) write('Evaluate and set job outputs');
      write('Cleaning up orphan processes');
      await this.#pause(5);
      if (this.#chance.oneIn(4)) write(`Terminate orphan process: pid (${this.#chance.between(200, 900)}) (node)`);
    });
    this.#trace.info('JobRunner', `Job result after all job steps finish: ${this.#truth.conclusion}`);
    this.#trace.info('JobRunner', 'Completing the job execution context.');
    this.#jobDebug(`Finishing: ${this.#job.jobName}`);
    this.#jobLogger.end();
    this.#open.delete(this.#jobLogger);
    await this.#queue.shutdown();
    if (this.#options.kill.aborted) throw new Killed();
    this.#trace.info('JobRunner', 'Raising job completed event');
    this.#trace.info('Worker', 'Job completed.');
  }

  #newStep(
    name: string,
    stage: Stage,
    kind: Partial<Pick<Step, 'planned' | 'hook'>> = {},
    number = ++this.#order,
  ): Step {
    const record = stage === 'Main' && kind.planned !== undefined ? kind.planned.record : this.#chance.guid();
    return { record, name, stage, number, planned: kind.planned, hook: kind.hook };
  }

  #addPostStep(name: string, kind: Partial<Pick<Step, 'planned' | 'hook'>>): void {
    if (!this.#postReserved) {
      this.#trace.info(
        'ExecutionContext',
        `Reserve record order ${this.#order + 1} to ${this.#order * 2} for post job actions.`,
      );
      this.#postReserved = true;
      this.#order *= 2;
    }
    this.#postSteps.push(this.#newStep(name, 'Post', kind, this.#order - this.#postSteps.length));
  }

  /** Runs `work` with a way to write lines: each to the step's page, and then to the job's, each with a stamp of its own. */
  async #inStep(
    { record, number, name }: Step,
    work: (write: (message: string) => void) => Promise<void>,
    whenDone: () => void = () => {},
  ): Promise<void> {
    const logger = this.#newLogger(record);
    this.#open.add(logger);
    this.#truth.steps.push({ number, record, name });
    const write = (message: string): void => {
      logger.write(message);
      this.#writeToJob(message, number);
      this.#feed.line(record);
    };
    if (this.#job.debug) write(`##[debug]Starting: ${name}`);
    await work(write);
    await this.#pause(this.#chance.between(0, 8));
    if (this.#job.debug) write(`##[debug]Finishing: ${name}`);
    whenDone();
    logger.end();
    this.#open.delete(logger);
  }

  #jobDebug(message: string): void {
    if (this.#job.debug) this.#writeToJob(`##[debug]${message}`, 0);
  }

  #writeToJob(message: string, step: number): void {
    this.#jobLogger.write(message);
    const lines = message.split('\n').length;
    const last = this.#truth.lineSteps.at(-1);
    if (last?.[0] === step) last[1] += lines;
    else this.#truth.lineSteps.push([step, lines]);
  }

  async #pause(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#options.kill);
    if (this.#options.kill.aborted) throw new Killed();
  }

  #native(text: string): string {
    return text.replaceAll('\n', this.#job.newline);
  }
}

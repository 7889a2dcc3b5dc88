import type { Chance } from './chance.ts';
import type { PlannedStep } from './job-plan.ts';
import type { RunnerClock } from './runner-clock.ts';
import { StepOutput } from './step-output.ts';
import type { TraceLog } from './trace-log.ts';

/** As the runner calls where in a job a step belongs. */
export type Stage = 'Pre' | 'Main' | 'Post';

/** Writes one message to the step's page and to the job's. */
export type Write = (message: string) => void;

export interface StepWorkContext {
  readonly clock: RunnerClock;
  readonly chance: Chance;
  readonly trace: TraceLog;
  readonly newline: string;
  readonly kill: AbortSignal;
}

/** The worker was killed while it waited. */
export class Killed extends Error {}

/** How often lines of a step that prints steadily are written. */
const TICK_MS = 20;

/**
 * What steps do: print what they are about to run, run a process, hand on its lines. (ScriptHandler.cs, JobHookProvider.cs,
 * ProcessInvoker.cs)
 */
export class StepWork {
  readonly #context: StepWorkContext;
  readonly #output: StepOutput;

  constructor(context: StepWorkContext) {
    this.#context = context;
    this.#output = new StepOutput(context.chance.branch());
  }

  severalLines(): string {
    return this.#output.severalLines(this.#context.newline);
  }

  async hook(hook: 'started' | 'completed', write: Write): Promise<void> {
    write(`A job ${hook} hook has been configured by the self-hosted runner administrator`);
    write(`##[group]Run '/opt/hooks/${hook}.sh'`);
    write('shell: /usr/bin/bash -e {0}');
    write('##[endgroup]');
    await this.#process(async () => this.#print(this.#context.chance.between(0, 4), 20, write));
  }

  async step(stage: Stage, planned: PlannedStep, write: Write): Promise<void> {
    if (stage === 'Post') {
      write('Post job cleanup.');
      await this.#process(async () => this.#print(this.#context.chance.between(0, 12), 50, write));
      return;
    }
    if (planned.action === undefined) {
      write(`##[group]Run ${planned.script.split('\n', 1)[0]}`);
      for (const line of planned.script.split('\n')) write(`\u001b[36;1m${line}\u001b[0m`);
      write('shell: /usr/bin/bash -e {0}');
      write('env:');
      write('  NODE_OPTIONS: --max-old-space-size=4096');
    } else {
      write(`##[group]Run ${planned.action}`);
      write('with:');
      write('  token: ***');
    }
    write('##[endgroup]');
    const [lines, durationMs] = stage === 'Pre' ? [2, 10] : [planned.lines, planned.durationMs];
    await this.#process(() => this.#print(lines, durationMs, write));
  }

  /** As ProcessInvoker traces it. */
  async #process(work: () => Promise<void>): Promise<void> {
    const trace = this.#context.trace;
    const processId = this.#context.chance.between(200, 60_000);
    const startedMs = this.#context.clock.nowMs();
    trace.info('ProcessInvokerWrapper', 'Starting process:');
    trace.info('ProcessInvokerWrapper', "  File name: '/usr/bin/bash'");
    trace.info('ProcessInvokerWrapper', `Process started with process id ${processId}, waiting for process exit.`);
    await work();
    await this.#pause(2);
    trace.info('ProcessInvokerWrapper', 'STDOUT/STDERR stream read finished.');
    const elapsed = new Date(this.#context.clock.nowMs() - startedMs).toISOString().slice(11, 23);
    trace.info(
      'ProcessInvokerWrapper',
      `Finished process ${processId} with exit code 0, and elapsed time ${elapsed}0000.`,
    );
  }

  async #print(lines: number, durationMs: number, write: Write): Promise<void> {
    const startedMs = this.#context.clock.nowMs();
    for (let printed = 0; ;) {
      const elapsedMs = this.#context.clock.nowMs() - startedMs;
      const due = durationMs === 0 ? lines : Math.min(lines, Math.floor((elapsedMs / durationMs) * lines));
      for (; printed < due; printed++)
        write(this.#context.chance.oneIn(400) ? this.severalLines() : this.#output.line());
      if (printed === lines && elapsedMs >= durationMs) return;
      await this.#pause(TICK_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await this.#context.clock.sleep(ms, this.#context.kill);
    if (this.#context.kill.aborted) throw new Killed();
  }
}

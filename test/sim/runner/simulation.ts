import { join } from 'node:path';
import { Chance } from './chance.ts';
import { type JobPlan, planRun, type Workload } from './job-plan.ts';
import { JobRun } from './job-run.ts';
import { RunnerClock } from './runner-clock.ts';
import type { TrueJob } from './truth.ts';
import type { Deletion } from './upload-queue.ts';

export interface SimulationOptions {
  /** Gets a folder `runner-N/_diag` for each runner's installation. */
  readonly folder: string;
  readonly truthFolder: string;
  /** Jobs at once, each in the place of one runner, one after another. */
  readonly jobs: number;
  /** The runners are spread over so many installations. More than one in an installation is what no real one does. */
  readonly installations: number;
  /** No job begins after so long. */
  readonly durationMs: number;
  /** No more jobs than this in all. */
  readonly jobsMax: number;
  readonly workload: Workload;
  readonly deletion: Deletion;
  readonly pageBytes: number;
  readonly seed: number;
  readonly speed: number;
  readonly skewMs: number;
  /** One in so many jobs is killed on its way. 0: none. */
  readonly killOneIn: number;
  /** All runners call themselves so. */
  readonly runnerName?: string;
  readonly onJob?: (job: TrueJob, jobsDone: number) => void;
}

/** Runners that each run one job after another. */
export class RunnerSimulation {
  readonly #options: SimulationOptions;
  readonly #stopping = new AbortController();
  #begun = 0;
  /** Of runs that have begun. */
  readonly #waiting: JobPlan[] = [];
  readonly done: TrueJob[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
  }

  /** `_diag` of each installation. */
  get folders(): string[] {
    return Array.from({ length: this.#options.installations }, (_, index) => diagFolder(this.#options.folder, index));
  }

  /** Resolves when the last job is over. */
  async run(): Promise<readonly TrueJob[]> {
    const chance = new Chance(this.#options.seed);
    const untilMs = performance.now() + this.#options.durationMs;
    await Promise.all(
      Array.from({ length: this.#options.jobs }, (_, place) => this.#runner(place, chance.branch(), untilMs)),
    );
    return this.done;
  }

  /** No more jobs; those under way are killed. */
  kill(): void {
    this.#stopping.abort();
  }

  async #runner(place: number, chance: Chance, untilMs: number): Promise<void> {
    const { folder, truthFolder, installations, deletion, pageBytes, workload, jobsMax, speed, skewMs } = this.#options;
    const clock = new RunnerClock({ speed, skewMs });
    // Runners do not start in step.
    await clock.sleep(chance.between(0, Math.min(1_500, workload.jobMs)), this.#stopping.signal);
    while (performance.now() < untilMs && this.#begun < jobsMax && !this.#stopping.signal.aborted) {
      this.#begun++;
      const job = await new JobRun({
        job: this.#nextJob(chance),
        folder: diagFolder(folder, place % installations),
        runnerName: this.#options.runnerName ?? `runner-${place + 1}`,
        clock,
        chance: chance.branch(),
        deletion,
        pageBytes,
        truthFolder,
        kill: this.#killSignal(clock, chance),
      }).run();
      this.done.push(job);
      this.#options.onJob?.(job, this.done.length);
    }
  }

  #nextJob(chance: Chance): JobPlan {
    if (this.#waiting.length === 0) this.#waiting.push(...planRun(chance, this.#options.workload));
    return this.#waiting.shift()!;
  }

  #killSignal(clock: RunnerClock, chance: Chance): AbortSignal {
    const { killOneIn, workload } = this.#options;
    if (killOneIn === 0 || !chance.oneIn(killOneIn)) return this.#stopping.signal;
    const kill = new AbortController();
    void clock.sleep(chance.between(1, workload.jobMs)).then(() => kill.abort());
    return AbortSignal.any([this.#stopping.signal, kill.signal]);
  }
}

function diagFolder(folder: string, index: number): string {
  return join(folder, `runner-${index + 1}`, '_diag');
}

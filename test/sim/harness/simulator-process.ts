import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = resolve(import.meta.dirname, '../runner/main.ts');

/** The simulated runners, in a process of their own: nothing of what reads their files can hold them up. */
export class SimulatorProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  jobsDone = 0;

  /** `options` of `main.ts`, without the dashes. */
  constructor(options: Readonly<Record<string, string | number>>) {
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = once(this.#child, 'exit');
    createInterface({ input: this.#child.stdout! }).on('line', () => this.jobsDone++);
  }

  /** Throws where it did not end as it should. */
  async finished(): Promise<void> {
    await this.#ended;
    if (this.#child.exitCode !== 0) throw new Error(`the simulator ended with ${this.#child.exitCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

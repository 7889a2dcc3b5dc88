import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MAIN = resolve(import.meta.dirname, '../../../dist/main.js');

/** Where one installation of the runner and the sidecar beside it have their files. */
export class Installation {
  readonly name: string;
  /** The runner's `_diag`. */
  readonly diag: string;
  /** The sidecar's folder; `kept` is in it. */
  readonly sidecar: string;

  constructor(runners: string, index: number) {
    this.name = `runner-${index + 1}`;
    const folder = join(runners, this.name);
    this.diag = join(folder, '_diag');
    this.sidecar = join(folder, 'sidecar');
    mkdirSync(join(this.diag, 'pages'), { recursive: true });
    mkdirSync(this.sidecar, { recursive: true });
  }

  get kept(): string {
    return join(this.sidecar, 'kept');
  }
}

/** `spillway keep` beside one installation, as a process of its own. */
export class KeeperProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #ready: Promise<unknown>;

  /** `positions` is where the reader notes how far it is; `nice` above 0 lets everybody else go first. */
  constructor({ diag, kept }: Installation, positions: string, nice: number) {
    const words = [process.execPath, MAIN, 'keep', '--diag', diag, '--kept', kept, '--positions', positions];
    this.#child = spawn('nice', ['-n', String(nice), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = once(this.#child, 'exit');
    this.#ready = once(this.#child.stdout!, 'data');
    this.#child.stdout!.resume();
  }

  /** Resolves when it watches. */
  async ready(): Promise<void> {
    await Promise.race([
      this.#ready,
      this.#ended.then(() => {
        throw new Error('the keeper ended');
      }),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

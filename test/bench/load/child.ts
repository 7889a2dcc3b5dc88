import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Functions that one process offers to another: one argument that survives JSON, one such answer. */
export type Service = Record<string, (argument: never) => unknown>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process of our own, started from a file that ends in `serve(…)`; calls go over the fork's channel. */
export class Child<S extends Service> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #nextId = 0;

  constructor(file: URL) {
    this.#process = fork(file, { execPath: process.execPath, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    this.#process.on('exit', () => {
      for (const [id, done] of this.#waiting) done({ id, error: `${file.pathname} has ended` });
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Rejects where the function throws, or the process ends first. */
  call<N extends keyof S & string>(name: N, ...[argument]: Parameters<S[N]>): Promise<Awaited<ReturnType<S[N]>>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ answer, error }) => {
        if (error === undefined) resolve(answer as Awaited<ReturnType<S[N]>>);
        else reject(new Error(error));
      });
      this.#process.send({ id, name, argument } satisfies Call);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

/** Answers calls in a process that was started as a `Child`. */
export function serve(service: Service): void {
  const answer = async ({ id, name, argument }: Call): Promise<void> => {
    try {
      process.send?.({ id, answer: await service[name]?.(argument as never) } satisfies Reply);
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Reply);
    }
  };
  process.on('message', (call: Call) => void answer(call));
  process.on('disconnect', () => process.exit());
}

/** Microseconds on a clock that all processes of this machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

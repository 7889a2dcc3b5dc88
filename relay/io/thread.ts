import type { Worker } from 'node:worker_threads';
import { RelayError, type ErrorCode } from '../errors.ts';

/** An error on its way from one thread to another. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

/** Asynchronous faces of synchronous calls that run in another thread. */
export type Calls<Methods> = {
  [Name in keyof Methods]: Methods[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Result>
    : never;
};

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What every answer looks like, whatever else a thread posts. */
interface Reply {
  readonly kind: 'reply';
  readonly id: number;
  readonly value?: unknown;
  readonly error?: WireError;
}

/** A worker thread with calls that are answered. */
export class Thread<Methods> {
  readonly worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: Error | undefined;

  constructor(worker: Worker) {
    this.worker = worker;
    worker.on('message', (message: Reply) => {
      if (message.kind === 'reply') this.#settle(message);
    });
    worker.on('error', (error: Error) => this.#end(error));
    worker.on('exit', () => this.#end(new RelayError('JOURNAL_CLOSED', 'the journal is closed')));
  }

  /** True once it cannot be called any more. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  call<Name extends keyof Methods & string>(
    method: Name,
    ...args: Methods[Name] extends (...args: infer Args) => unknown ? Args : never
  ): Promise<Methods[Name] extends (...args: never[]) => infer Result ? Result : never> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    this.worker.postMessage({ kind: 'call', id, method, args });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** A call that has no answer. */
  tell<Name extends keyof Methods & string>(
    method: Name,
    ...args: Methods[Name] extends (...args: infer Args) => unknown ? Args : never
  ): void {
    if (this.#ended === undefined) this.worker.postMessage({ kind: 'call', id: 0, method, args });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.error === undefined) waiting?.resolve(reply.value);
    else waiting?.reject(wireError(reply.error));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }
}

/** An error that came from another thread. */
export function wireError(error: WireError): RelayError {
  // The code was one of the catalogue's when it was posted.
  return new RelayError(error.code as ErrorCode, error.message);
}

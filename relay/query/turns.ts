import { RelayError } from '../errors.ts';

/** Lets so many do something at the same time; others wait in the order in which they came. */
export class Turns {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** Resolves with the turn, to be disposed of at its end. Throws `SEARCH_BUSY` where too many wait, or the signal's reason. */
  async take(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.running >= this.#runningMax) await this.#wait(signal);
    else this.running++;
    return { [Symbol.dispose]: () => this.#next() };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax)
      throw new RelayError('SEARCH_BUSY', 'too many searches are under way; ask again in a moment', {
        retryAfterMs: 1_000,
      });
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(begin);
    });
  }

  /** Hands the turn to the next in line. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.running--;
    else next();
  }
}

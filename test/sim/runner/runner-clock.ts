import { setTimeout as sleep } from 'node:timers/promises';

const TICKS_PER_MS = 10_000;

export interface RunnerClockOptions {
  /** How many times faster than ours the runner's time goes. */
  readonly speed?: number;
  /** How far the runner's clock is ahead of ours. */
  readonly skewMs?: number;
}

/** The time as one runner sees it. */
export class RunnerClock {
  readonly #speed: number;
  readonly #originMs: number;
  readonly #startedMs = performance.now();
  #lastTicks = 0;

  constructor({ speed = 1, skewMs = 0 }: RunnerClockOptions = {}) {
    this.#speed = speed;
    this.#originMs = Date.now() + skewMs;
  }

  nowMs(): number {
    return this.#originMs + (performance.now() - this.#startedMs) * this.#speed;
  }

  /** `DateTime.UtcNow` in the form "O". Each call is a little later than the one before, as on a real machine. */
  stamp(): string {
    const ticks = Math.max(this.#lastTicks + 7 + (this.#lastTicks % 89), Math.floor(this.nowMs() * TICKS_PER_MS));
    this.#lastTicks = ticks;
    const ms = Math.floor(ticks / TICKS_PER_MS);
    return `${new Date(ms).toISOString().slice(0, -1)}${String(ticks - ms * TICKS_PER_MS).padStart(4, '0')}Z`;
  }

  /** Waits so long by the runner's clock. Ends early, without a word, when `signal` is aborted. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await sleep(Math.max(0, ms / this.#speed), undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

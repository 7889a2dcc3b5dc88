import type { Clock, Timer } from '../../relay/io/clock.ts';

interface Waiting {
  readonly callback: () => void;
  readonly everyMs: number | undefined;
  dueMs: number;
}

/** A clock that a test moves. Between two timers everything that promises have at hand is done first. */
export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  readonly #waiting = new Set<Waiting>();

  constructor(startMs = Date.parse('2026-11-22T05:00:00.000Z')) {
    this.#wallOffsetMs = startMs;
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#wait({ callback, everyMs: undefined, dueMs: this.#monotonicMs + delayMs });
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#wait({ callback, everyMs: intervalMs, dueMs: this.#monotonicMs + intervalMs });
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Sets the wall clock forward or back, as an operator or NTP would. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** The intervals and delays waited for, to see what runs while nothing happens. */
  get intervalsMs(): number[] {
    return [...this.#waiting].map(({ everyMs, dueMs }) => everyMs ?? dueMs - this.#monotonicMs);
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    for (;;) {
      await settled();
      const next = this.#nextDue();
      if (next === undefined || next.dueMs > untilMs) break;
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      if (next.everyMs === undefined) this.#waiting.delete(next);
      else next.dueMs += next.everyMs;
      next.callback();
    }
    this.#monotonicMs = untilMs;
    await settled();
  }

  #nextDue(): Waiting | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) if (next === undefined || waiting.dueMs < next.dueMs) next = waiting;
    return next;
  }

  #wait(waiting: Waiting): Timer {
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }
}

/** Lets promises run until they wait for something that is not there yet. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

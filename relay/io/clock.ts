import { performance } from 'node:perf_hooks';

/** The time, and ways to wait for it. Everything that waits takes one of these, so that a test can bring its own. */
export interface Clock {
  /** Wall-clock time, in milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Milliseconds that only ever grow, for measuring how long something took. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` once what the event loop has at hand is done. */
  soon(callback: () => void): void;
  /** Calls `callback` each `intervalMs`; the timer does not keep the process alive. */
  every(intervalMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
  soon(callback) {
    setImmediate(callback);
  },
  every(intervalMs, callback) {
    const handle = setInterval(callback, intervalMs).unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` is aborted. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done);
  });
}

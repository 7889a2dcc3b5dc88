import type { Timer } from './clock.ts';

/** Keeps the process alive until it is cancelled: for work that waits for nothing but timers, which alone do not. */
export function keepAlive(): Timer {
  const handle = setInterval(() => {}, 2 ** 30);
  return { cancel: () => clearInterval(handle) };
}

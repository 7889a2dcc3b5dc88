import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How long after a start all that starting takes is done. */
export const SETTLED_MS = 1_000;

/**
 * Collects garbage now and gives the memory back to the system. Starting leaves tens of megabytes of it behind, which would stay for
 * ever in a relay that has little to do, since nothing would make the engine look. Stops the thread for some 40 ms.
 */
export function giveBackMemory(): void {
  // There is no call for it; a flag makes one in contexts that are made after it.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // What was compiled to run once goes, too.
  setFlagsFromString('--stress-flush-code');
  if (typeof collect === 'function') collect({ type: 'major', flavor: 'last-resort' });
  setFlagsFromString('--no-stress-flush-code');
}

import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Has the calling thread give way to the process's other ones. Linux gives each thread a priority of its own, see sched(7); elsewhere, and
 * where it is not allowed, nothing happens.
 */
export function giveWay(niceness: number): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, niceness);
  } catch {
    // It works at the usual priority, then.
  }
}

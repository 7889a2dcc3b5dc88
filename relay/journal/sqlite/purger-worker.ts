/** The thread that looks for what a purge takes, beside the writer. What it does is in `purge/`; here it is given its messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { RelayError, describeError } from '../../errors.ts';
import { systemClock } from '../../io/clock.ts';
import { giveWay } from '../../io/thread-priority.ts';
import { isDamage } from './database.ts';
import { Purger, type PurgerCalls, type PurgerOptions } from './purge/purger.ts';

/** Unpacking and packing a batch takes milliseconds at a stretch: where processors are short, whoever takes in records goes first. */
const NICENESS = 10;

giveWay(NICENESS);
const port = parentPort!;
const purger = new Purger(workerData as PurgerOptions, systemClock);

port.on('message', ({ id, method, args }: { id: number; method: keyof PurgerCalls; args: readonly unknown[] }) => {
  try {
    // Both ends of this call are typed by PurgerCalls; between them it is a message.
    const value = (purger[method] as (...args: readonly unknown[]) => unknown).apply(purger, [...args]);
    port.postMessage({ kind: 'reply', id, value });
    if (method === 'close') port.close();
  } catch (error) {
    const code = error instanceof RelayError ? error.code : isDamage(error) ? 'JOURNAL_DAMAGED' : 'JOURNAL_UNREADABLE';
    port.postMessage({ kind: 'reply', id, error: { code, message: describeError(error) } });
  }
});

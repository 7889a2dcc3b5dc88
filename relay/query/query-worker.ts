/** The thread that searches. What it does is in `search-run.ts`, `count-run.ts` and `indexer.ts`; here it is given its messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { RelayError, describeError } from '../errors.ts';
import { systemClock } from '../io/clock.ts';
import { giveWay } from '../io/thread-priority.ts';
import type { QueryThreadCalls, QueryThreadOptions, ToQueryThread } from './query-messages.ts';
import { QueryDesk } from './query-desk.ts';

/** Behind everything that receives, commits and delivers, and before work that nobody waits for. */
const NICENESS = 10;

giveWay(NICENESS);
const port = parentPort!;
const desk: QueryThreadCalls = new QueryDesk(workerData as QueryThreadOptions, systemClock);

port.on('message', ({ id, method, args }: ToQueryThread) => {
  try {
    // Both ends of this call are typed by QueryThreadCalls; between them it is a message.
    const value = (desk[method] as (...args: readonly unknown[]) => unknown).apply(desk, [...args]);
    port.postMessage({ kind: 'reply', id, value });
  } catch (error) {
    const code = error instanceof RelayError ? error.code : 'JOURNAL_UNREADABLE';
    port.postMessage({ kind: 'reply', id, error: { code, message: describeError(error) } });
  }
});

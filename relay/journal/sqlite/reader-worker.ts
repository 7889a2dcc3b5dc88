/** The thread that reads the journal for whoever is behind. What it does is in `reader.ts`; here it is given its messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { RelayError, describeError } from '../../errors.ts';
import { isDamage } from './database.ts';
import { Lender } from './lent-memory.ts';
import type { SentRead, ToReader, WireRead } from './messages.ts';
import { Reader } from './reader.ts';

const port = parentPort!;
const reader = new Reader((workerData as { directory: string }).directory);
const lender = new Lender();

port.on('message', ({ id, method, args }: ToReader) => {
  if (method === 'giveBack') {
    lender.takeBack(args[0] as number);
    return;
  }
  try {
    // Both ends of this call are typed by ReaderThreadCalls; between them it is a message.
    const value = (reader[method] as (...args: readonly unknown[]) => unknown).apply(reader, [...args]);
    port.postMessage({ kind: 'reply', id, value: method === 'read' ? (value as WireRead[]).map(lend) : value });
    if (method === 'close') port.close();
  } catch (error) {
    const code = error instanceof RelayError ? error.code : isDamage(error) ? 'JOURNAL_DAMAGED' : 'JOURNAL_UNREADABLE';
    port.postMessage({ kind: 'reply', id, error: { code, message: describeError(error) } });
  }
});

function lend(found: WireRead): SentRead {
  if (found.kind === 'damaged') return found;
  const { lines, ...rest } = found;
  return { ...rest, lent: lender.lend(lines) };
}

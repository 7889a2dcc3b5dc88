/** The thread that reads the journal for whoever is behind. What it does is in `reader.ts`; here it is given its messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { RelayError, describeError } from '../../errors.ts';
import type { ToReader, WireRead } from './messages.ts';
import { Reader } from './reader.ts';

const port = parentPort!;
const reader = new Reader((workerData as { directory: string }).directory);

port.on('message', ({ id, method, args }: ToReader) => {
  try {
    // Both ends of this call are typed by ReaderCalls; between them it is a message.
    const value = (reader[method] as (...args: readonly unknown[]) => unknown).apply(reader, [...args]);
    const transfer =
      method === 'read'
        ? (value as WireRead[]).flatMap((item) => (item.kind === 'batch' ? [item.lines.buffer] : []))
        : [];
    port.postMessage({ kind: 'reply', id, value }, transfer);
    if (method === 'close') port.close();
  } catch (error) {
    const code = error instanceof RelayError ? error.code : 'JOURNAL_UNREADABLE';
    port.postMessage({ kind: 'reply', id, error: { code, message: describeError(error) } });
  }
});

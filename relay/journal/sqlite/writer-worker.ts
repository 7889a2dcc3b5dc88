/** The thread that owns the journal's writing connection. What it does is in `writer.ts`; here it is given its messages. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { RelayError, describeError } from '../../errors.ts';
import { systemClock, type Timer } from '../../io/clock.ts';
import { giveBackMemory, SETTLED_MS } from '../../io/memory.ts';
import { systemRandom } from '../../io/random.ts';
import type { FromWriter, HeldBatch, ToWriter, WireBatch, WriterOptions } from './messages.ts';
import { Writer } from './writer.ts';

/** A commit takes at most this much, so that the senders of the first of it do not wait for all of it. */
const GROUP_BYTES_MAX = 8 * 1_048_576;
/** Cursor moves are written at the latest after this time, where no commit takes them along. */
const SETTLE_DELAY_MS = 200;
/** So many are written at once: while a backlog is worked off, a crash would otherwise have all of that time delivered again. */
const SETTLE_RECORDS = 4_096;
/** How soon after a commit small batches are merged, if nothing else comes. */
const TIDY_DELAY_MS = 2;

const port = parentPort!;
const post = (message: FromWriter): void => port.postMessage(message);

/** The memory of the slabs that have been seen, by their ids. */
const slabs = new Map<number, SharedArrayBuffer>();
let group: HeldBatch[] = [];
let groupBytes = 0;
let groupUrgent = false;
let settleTimer: Timer | undefined;
let tidyTimer: Timer | undefined;

try {
  // The options come from the thread that started this one: they are of our own making.
  const writer = new Writer(workerData as WriterOptions, { clock: systemClock, random: systemRandom }, post);
  port.on('message', (message: ToWriter) => run(writer, message));
  post({ kind: 'ready', ready: writer.ready });
  systemClock.after(SETTLED_MS, giveBackMemory);
} catch (error) {
  const code = error instanceof RelayError ? error.code : 'JOURNAL_UNUSABLE';
  post({ kind: 'failed', error: { code, message: describeError(error) } });
}

function run(writer: Writer, first: ToWriter): void {
  // All that waits is taken at once, so that one commit serves it: the group commit.
  for (let message: ToWriter | undefined = first; message !== undefined; message = next()) handle(writer, message);
  commit(writer);
  if (writer.progressRecords >= SETTLE_RECORDS) attempt(() => writer.settle());
  if (writer.hasProgress) settleTimer ??= systemClock.after(SETTLE_DELAY_MS, () => settle(writer));
  tidyTimer ??= systemClock.after(TIDY_DELAY_MS, () => tidy(writer));
}

function next(): ToWriter | undefined {
  return receiveMessageOnPort(port)?.message;
}

function handle(writer: Writer, message: ToWriter): void {
  switch (message.kind) {
    case 'append':
      for (const { endpoint, progress } of message.progress) writer.advance(endpoint, progress);
      group.push(held(message.batch));
      groupBytes += message.batch.bytes;
      groupUrgent ||= message.urgent;
      if (groupBytes >= GROUP_BYTES_MAX) commit(writer);
      return;
    case 'advance':
      for (const { endpoint, progress } of message.progress) writer.advance(endpoint, progress);
      return;
    case 'limits':
      writer.setLimits(message.limits);
      return;
    case 'call':
      commit(writer);
      call(writer, message);
  }
}

/** Looks up the batch's memory where it was sent before. The client sends each slab once, whatever becomes of the batch in it. */
function held(batch: WireBatch): HeldBatch {
  const { slabId } = batch;
  const shared = batch.shared ?? (slabId === undefined ? undefined : slabs.get(slabId));
  if (shared === undefined) throw new Error(`slab ${slabId} was never sent here`);
  if (slabId !== undefined) slabs.set(slabId, shared);
  return { ...batch, shared };
}

/** Commits the group, except while the last request in it goes on in a batch that is not here yet. */
function commit(writer: Writer): void {
  if (group.length === 0 || group.at(-1)!.continues) return;
  const [batches, urgent] = [group, groupUrgent];
  group = [];
  groupBytes = 0;
  groupUrgent = false;
  writer.append(batches, urgent);
}

function call(writer: Writer, { id, method, args }: Extract<ToWriter, { kind: 'call' }>): void {
  try {
    // Both ends of this call are typed by WriterCalls; between them it is a message.
    const value = (writer[method] as (...args: readonly unknown[]) => unknown).apply(writer, [...args]);
    post({ kind: 'reply', id, value });
    if (method === 'close') port.close();
  } catch (error) {
    const code = error instanceof RelayError ? error.code : 'JOURNAL_WRITE_FAILED';
    post({ kind: 'reply', id, error: { code, message: describeError(error) } });
  }
}

function settle(writer: Writer): void {
  settleTimer = undefined;
  attempt(() => writer.settle());
  if (writer.hasProgress) settleTimer = systemClock.after(SETTLE_DELAY_MS, () => settle(writer));
  tidyTimer ??= systemClock.after(TIDY_DELAY_MS, () => tidy(writer));
}

function tidy(writer: Writer): void {
  tidyTimer = undefined;
  let more = false;
  attempt(() => (more = writer.tidy()));
  if (more) tidyTimer = systemClock.after(TIDY_DELAY_MS, () => tidy(writer));
}

/** Work that nobody waits for: a failure of it shows at the next commit, which somebody waits for. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    return;
  }
}

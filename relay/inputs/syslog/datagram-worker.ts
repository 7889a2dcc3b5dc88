/** A thread that does nothing but empty a socket into memory. What becomes of the datagrams is decided by the thread that started it. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { describeError } from '../../errors.ts';
import { sleep, systemClock } from '../../io/clock.ts';
import { BlockFiller } from './datagram-block.ts';
import type { FromReceiver, ReceiverOptions, ToReceiver } from './datagram-threads.ts';
import { openDatagramSocket, type OpenDatagramSocket } from './datagram-socket.ts';

/** How long a stop reads what the kernel still holds. */
const DRAIN_MAX_MS = 1_000;

const port = parentPort!;
const post = (message: FromReceiver): void => port.postMessage(message);
// The options come from the thread that started this one: they are of our own making.
const { blocks: blocksMax, blockBytes, ...address } = workerData as ReceiverOptions;

const blocks: BlockFiller[] = [];
const idle: number[] = [];
let filling: number | undefined;
/** Blocks that the other thread has. */
let away = 0;
let received = 0;
let dropped = 0;
let due = false;

try {
  const open = await openDatagramSocket(address);
  // An error on one datagram (an ICMP message, say) must not end the thread; receiving goes on.
  open.socket.on('error', (error) => post({ kind: 'troubled', reason: error.message }));
  open.socket.on('message', (datagram, { address: sender }) => receive(datagram, sender));
  port.on('message', (message: ToReceiver) => {
    if (message.kind === 'back') takeBack(message.block);
    else void stop(open);
  });
  post({ kind: 'open', host: open.host, port: open.port, bufferBytes: open.bufferBytes });
} catch (error) {
  post({ kind: 'failed', reason: describeError(error) });
}

function receive(datagram: Uint8Array, sender: string): void {
  received++;
  if (datagram.length === 0) return;
  if (filling !== undefined && blocks[filling]!.add(datagram, sender)) return;
  handOver();
  filling = emptyBlock();
  if (filling === undefined) {
    dropped++;
    return;
  }
  blocks[filling]!.add(datagram, sender);
  if (due) return;
  due = true;
  // What else the socket has at hand comes along. While the other thread is busy, the block is filled.
  systemClock.soon(() => {
    due = false;
    if (away === 0) handOver();
  });
}

function emptyBlock(): number | undefined {
  const block = idle.pop();
  if (block !== undefined || blocks.length >= blocksMax) return block;
  return blocks.push(new BlockFiller(blockBytes)) - 1;
}

function handOver(): void {
  if (filling === undefined) return;
  const block = blocks[filling]!;
  const { shared, bytes, datagrams, senders } = block;
  post({ kind: 'block', block: filling, shared, bytes, datagrams, senders });
  tellDropped();
  filling = undefined;
  away++;
}

function takeBack(number: number): void {
  blocks[number]!.clear();
  idle.push(number);
  away--;
  if (away === 0) handOver();
  tellDropped();
}

function tellDropped(): void {
  if (dropped > 0) post({ kind: 'dropped', datagrams: dropped });
  dropped = 0;
}

/** Ends once the kernel has nothing left. */
async function stop({ socket }: OpenDatagramSocket): Promise<void> {
  const until = systemClock.monotonicMs() + DRAIN_MAX_MS;
  // The timer of `sleep` does not keep a thread alive; its port does.
  for (let before = -1; before !== received && systemClock.monotonicMs() < until;) {
    before = received;
    await sleep(systemClock, 10);
  }
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  handOver();
  tellDropped();
  post({ kind: 'stopped' });
}

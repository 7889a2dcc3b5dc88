import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { seededChance } from './chance.ts';
import { nowUs, serve } from './child.ts';
import { BLOCK_LINES, buildBlock, setBlockNumber, stampLine, type Block } from './lines.ts';

/**
 * The process that sends. Its lines are built before it starts, in a pool far larger than any compressor's window, and written a block
 * (about 285 KB) at a time, so that it costs next to nothing beside what it measures.
 */
const POOL_BLOCKS = 64;

export interface Sent {
  readonly records: number;
  readonly startedAtUs: number;
  readonly endedAtUs: number;
}

interface Connection {
  readonly socket: Socket;
  readonly blocks: readonly Block[];
  written: number;
  broken: boolean;
}

let pool: readonly Block[] = [];
let connections: readonly Connection[] = [];
let blockNext = 0;

function blocks(): readonly Block[] {
  if (pool.length === 0) {
    const chance = seededChance(32_473);
    pool = Array.from({ length: POOL_BLOCKS }, () => buildBlock(chance));
  }
  return pool;
}

async function open({ port, count }: { port: number; count: number }): Promise<number> {
  const share = Math.floor(POOL_BLOCKS / count);
  const all = blocks();
  connections = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      await once(socket, 'connect');
      const own = all.slice(n * share, (n + 1) * share);
      const connection: Connection = { socket, blocks: own, written: 0, broken: false };
      socket.on('error', () => (connection.broken = true));
      socket.on('close', () => (connection.broken = true));
      socket.resume();
      return connection;
    }),
  );
  return connections.length;
}

/** Sends so many records, a multiple of a block for each connection, as fast as they are taken. */
async function blast({ records }: { records: number }): Promise<Sent> {
  const startedAtUs = nowUs();
  const first = blockNext;
  const end = first + Math.floor(records / BLOCK_LINES);
  blockNext = end;
  const counts = await Promise.all(connections.map((connection, n) => blastOver(connection, first + n, end)));
  return { records: counts.reduce((sum, count) => sum + count, 0), startedAtUs, endedAtUs: nowUs() };
}

/** Resolves with the records that the kernel took; fewer than asked for where the connection broke. */
async function blastOver(connection: Connection, first: number, end: number): Promise<number> {
  const { socket, blocks } = connection;
  let sent = 0;
  for (let number = first; number < end && !connection.broken; number += connections.length) {
    const block = blocks[connection.written++ % blocks.length]!;
    setBlockNumber(block, number);
    await new Promise<void>((resolve) => {
      const onClose = (): void => resolve();
      socket.once('close', onClose);
      socket.write(block.bytes, () => {
        socket.off('close', onClose);
        resolve();
      });
    });
    if (!connection.broken) sent += BLOCK_LINES;
  }
  return sent;
}

/** Sends so many records a second for so long, each stamped with the time it is written at. */
async function pace({ rate, seconds }: { rate: number; seconds: number }): Promise<Sent> {
  const startedAtUs = nowUs();
  const records = rate * seconds;
  let sent = 0;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const due = Math.min(records, Math.floor(((nowUs() - startedAtUs) * rate) / 1_000_000));
      for (; sent < due; sent++) sendOne(sent);
      if (sent < records) setTimeout(tick, 1);
      else resolve();
    };
    tick();
  });
  return { records: sent, startedAtUs, endedAtUs: nowUs() };
}

function sendOne(n: number): void {
  const connection = connections[n % connections.length]!;
  const line = Math.floor(n / connections.length);
  const block = connection.blocks[Math.floor(line / BLOCK_LINES) % connection.blocks.length]!;
  const place = line % BLOCK_LINES;
  stampLine(block, place, nowUs());
  connection.socket.write(block.bytes.subarray(block.starts[place], block.starts[place + 1]));
}

/** Ends the connections, and waits until the other side has read all and has ended them too. */
async function close(): Promise<Sent> {
  const startedAtUs = nowUs();
  await Promise.all(
    connections.map(async ({ socket, broken }) => {
      if (broken) return;
      const closed = once(socket, 'close').catch(() => undefined);
      socket.end();
      await closed;
    }),
  );
  connections = [];
  return { records: 0, startedAtUs, endedAtUs: nowUs() };
}

/** The next record is number 0 again. */
function restart(): void {
  blockNext = 0;
}

const service = { open, blast, pace, close, restart };
export type GeneratorService = typeof service;
serve(service);

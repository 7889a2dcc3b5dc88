import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { seededChance } from './chance.ts';
import { nowUs, serve } from './child.ts';
import { BLOCK_LINES, buildBlock, type Block } from './lines.ts';

/** A process that sends datagrams at a rate; one of them reaches about 300,000 a second on a core of its own. */
const POOL_BLOCKS = 16;
/**
 * A sender that had to wait for a processor makes up for at most so much of what it missed: a real sender does not burst either, and it
 * would be the burst that overflows the receiver, not the rate.
 */
const BURST_MS = 4;

let pool: readonly (readonly Buffer[])[] = [];

function datagramsOf({ bytes, starts }: Block): Buffer[] {
  // Without the LF: the datagram is the frame.
  return Array.from({ length: BLOCK_LINES }, (_, n) => bytes.subarray(starts[n], starts[n + 1]! - 1));
}

async function send({ port, rate, seconds }: { port: number; rate: number; seconds: number }) {
  if (pool.length === 0) {
    const chance = seededChance(514);
    pool = Array.from({ length: POOL_BLOCKS }, () => datagramsOf(buildBlock(chance)));
  }
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const startedAtUs = nowUs();
  const records = await sendPaced(socket, rate, startedAtUs + seconds * 1e6);
  const perS = records / ((nowUs() - startedAtUs) / 1e6);
  socket.close();
  return { records, perS };
}

function sendPaced(socket: Socket, rate: number, endAtUs: number): Promise<number> {
  const burstMax = (rate * BURST_MS) / 1_000;
  let sent = 0;
  let owed = 0;
  let beforeUs = nowUs();
  return new Promise((resolve) => {
    const tick = (): void => {
      const now = nowUs();
      owed = Math.min(burstMax, owed + ((now - beforeUs) * rate) / 1e6);
      beforeUs = now;
      for (; owed >= 1; owed--, sent++) {
        socket.send(pool[Math.floor(sent / BLOCK_LINES) % POOL_BLOCKS]![sent % BLOCK_LINES]!);
      }
      if (now < endAtUs) setTimeout(tick, 1);
      else resolve(sent);
    };
    tick();
  });
}

const service = { send };
export type DatagramService = typeof service;
serve(service);

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Bench } from '../bench.ts';
import type { Contender } from '../contenders/contender.ts';
import { findOnPath, findOrUnpack } from '../contenders/install.ts';
import { seededChance } from '../load/chance.ts';
import { buildBlock } from '../load/lines.ts';
import { datagramsDropped } from '../network.ts';

/** Sends datagrams at a rate. Node's own sockets give up long before 400,000 a second, so it is syslog-ng's `loggen`. */
export interface DatagramSender {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A string says why there is none. */
export function findDatagramSender(): DatagramSender | string {
  const onPath = findOnPath('loggen');
  if (onPath !== undefined) return { file: onPath, env: {} };
  const installed = findOrUnpack('syslog-ng-core', 'syslog-ng');
  if (typeof installed === 'string') return installed;
  const prefix = join(installed.root, 'usr');
  return { file: join(prefix, 'bin/loggen'), env: { ...installed.env, SYSLOGNG_PREFIX: prefix } };
}

const LINE_BLOCKS = 20;
const STALL_MS = 2_500;

/**
 * For each rate, in thousands a second: the rate that the sender reached, the part that never came out at the other end, and the part
 * of it that the kernel had no room for.
 */
export async function udpLoss(
  bench: Bench,
  contender: Contender,
  sender: DatagramSender,
  ratesPerS: readonly number[],
  seconds: number,
): Promise<Record<string, number>> {
  const { sink } = bench;
  const site = await bench.site(contender, 'udp');
  const { port } = site.input;
  const file = join(site.directory, 'lines.txt');
  const chance = seededChance(514);
  writeFileSync(file, Buffer.concat(Array.from({ length: LINE_BLOCKS }, () => buildBlock(chance).bytes)));
  await using program = await bench.start(contender, site);
  const figures: Record<string, number> = {};
  // The first is not counted: a just-in-time compiler warms up on it.
  for (const rate of [20_000, ...ratesPerS]) {
    await sink.call('begin', { mode: 'count' });
    const droppedBefore = datagramsDropped(port) ?? 0;
    const sent = await send(sender, file, port, rate, seconds);
    const arrived = await sink.call('wait', { records: sent.records, stallMs: STALL_MS });
    if (rate === 20_000) continue;
    const name = `${rate / 1_000}k`;
    figures[`${name}_sent_k_per_s`] = sent.perS / 1_000;
    figures[`${name}_lost_percent`] = (1 - arrived.records / sent.records) * 100;
    figures[`${name}_kernel_percent`] = (((datagramsDropped(port) ?? 0) - droppedBefore) / sent.records) * 100;
  }
  await program.stop();
  return figures;
}

async function send({ file, env }: DatagramSender, lines: string, port: number, rate: number, seconds: number) {
  const limits = ['--rate', String(rate), '--interval', String(seconds)];
  const args = [
    '--inet',
    '--dgram',
    ...limits,
    '--read-file',
    lines,
    '--loop-reading',
    '--dont-parse',
    '127.0.0.1',
    String(port),
  ];
  const process = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = (await Promise.all([text(process.stdout), text(process.stderr)])).join('');
  const match = /average rate = ([\d.]+) msg\/sec, count=(\d+)/.exec(said);
  if (match === null) throw new Error(`loggen said: ${said.slice(-500)}`);
  return { perS: Number(match[1]), records: Number(match[2]) };
}

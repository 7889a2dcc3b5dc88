import type { Bench } from '../bench.ts';
import type { Contender } from '../contenders/contender.ts';
import { Child } from '../load/child.ts';
import type { DatagramService } from '../load/datagrams.ts';

const WARM_UP_RATE_PER_S = 20_000;
const STALL_MS = 2_500;

/**
 * For each rate, in thousands a second: the rate that the senders reached beside the contender, in thousands, and the part, in percent,
 * that never came out at the other end. Two processes send.
 */
export async function udpLoss(
  bench: Bench,
  contender: Contender,
  ratesPerS: readonly number[],
  seconds: number,
): Promise<Record<string, number>> {
  const { sink } = bench;
  const site = await bench.site(contender, 'udp');
  await using one = startSender();
  await using other = startSender();
  await using program = await bench.start(contender, site);
  const figures: Record<string, number> = {};
  // The first is not counted: a just-in-time compiler warms up on it.
  for (const rate of [WARM_UP_RATE_PER_S, ...ratesPerS]) {
    await sink.call('begin', { mode: 'count' });
    const half = { port: site.input.port, rate: rate / 2, seconds };
    const sent = await Promise.all([one.call('send', half), other.call('send', half)]);
    const records = sent.reduce((sum, each) => sum + each.records, 0);
    const arrived = await sink.call('wait', { records, stallMs: STALL_MS });
    if (rate === WARM_UP_RATE_PER_S) continue;
    figures[`${rate / 1_000}k: sent`] = sent.reduce((sum, { perS }) => sum + perS / 1_000, 0);
    figures[`${rate / 1_000}k: lost %`] = (1 - arrived.records / records) * 100;
  }
  await program.stop();
  return figures;
}

function startSender(): Child<DatagramService> {
  return new Child(new URL('../load/datagrams.ts', import.meta.url));
}

import type { Bench } from '../bench.ts';
import type { Contender } from '../contenders/contender.ts';

export interface Latency {
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly lost: number;
}

const RATE_PER_S = 1_000;
const WARM_UP_SECONDS = 3;

/** From the write of a record on one of four connections until the sink has it, at 1,000 a second, the commit included. */
export async function latency(bench: Bench, contender: Contender, seconds: number): Promise<Latency> {
  const { generator, sink } = bench;
  const site = await bench.site(contender);
  await using program = await bench.start(contender, site);
  await generator.call('open', { port: site.input.port, count: 4 });
  await pace(bench, WARM_UP_SECONDS);
  const records = await pace(bench, seconds);
  const { count, us } = await sink.call('quantiles', { parts: [0.5, 0.9, 0.99, 1] });
  await generator.call('close');
  await program.stop();
  const [p50 = Number.NaN, p90 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = us.map((value) => value / 1_000);
  return { p50_ms: p50, p90_ms: p90, p99_ms: p99, max_ms: max, lost: records - count };
}

async function pace({ generator, sink }: Bench, seconds: number): Promise<number> {
  await sink.call('begin', { mode: 'latency' });
  const records = RATE_PER_S * seconds;
  const arriving = sink.call('wait', { records, stallMs: 5_000 });
  await generator.call('pace', { rate: RATE_PER_S, seconds });
  await arriving;
  return records;
}

import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import type { Contender } from '../contenders/contender.ts';
import { Child } from '../load/child.ts';
import type { DiskService } from '../load/disk.ts';

export interface Latency {
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly lost: number;
  /** The same of nothing but a write and a sync on this disk, a moment before: what no commit can be quicker than. */
  readonly disk_p50_ms: number;
  readonly disk_p99_ms: number;
}

const RATE_PER_S = 1_000;
const WARM_UP_SECONDS = 3;
const DISK_SECONDS = 5;

/** From the write of a record on one of four connections until the sink has it, at 1,000 a second, the commit included. */
export async function latency(bench: Bench, contender: Contender, seconds: number): Promise<Latency> {
  const { generator, sink } = bench;
  const site = await bench.site(contender);
  const disk = await diskLatency(join(site.directory, 'disk'));
  await using program = await bench.start(contender, site);
  await generator.call('open', { port: site.input.port, count: 4 });
  await pace(bench, WARM_UP_SECONDS);
  const records = await pace(bench, seconds);
  const { count, us } = await sink.call('quantiles', { parts: [0.5, 0.9, 0.99, 1] });
  await generator.call('close');
  await program.stop();
  const [p50 = Number.NaN, p90 = Number.NaN, p99 = Number.NaN, max = Number.NaN] = us.map((value) => value / 1_000);
  const measured = { p50_ms: p50, p90_ms: p90, p99_ms: p99, max_ms: max, lost: records - count };
  return { ...measured, disk_p50_ms: disk.p50_ms, disk_p99_ms: disk.p99_ms };
}

async function diskLatency(file: string) {
  await using child = new Child<DiskService>(new URL('../load/disk.ts', import.meta.url));
  return await child.call('pace', { file, rate: RATE_PER_S, seconds: DISK_SECONDS });
}

async function pace({ generator, sink }: Bench, seconds: number): Promise<number> {
  await sink.call('begin', { mode: 'latency' });
  const records = RATE_PER_S * seconds;
  const arriving = sink.call('wait', { records, stallMs: 5_000 });
  await generator.call('pace', { rate: RATE_PER_S, seconds });
  await arriving;
  return records;
}

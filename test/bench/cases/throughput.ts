import type { Bench } from '../bench.ts';
import type { Contender } from '../contenders/contender.ts';
import { cpuSeconds, machineCpuSeconds, residentBytes } from '../processes.ts';

export interface Throughput {
  readonly records_per_s: number;
  /** Processor seconds that the contender used for a million records. */
  readonly cpu_s_per_million: number;
  /** Cores that were busy with neither the contender nor its load: above a tenth or so, the run says little about speed. */
  readonly strangers_cores: number;
  readonly rss_mb: number;
  readonly bytes_out_per_record: number;
  readonly lost: number;
}

const CONNECTIONS = 4;
const WARM_UP_RECORDS = 20_000;
/** A slow contender is given fewer records, so that it takes about this long. */
const SECONDS_WANTED = 8;
const STALL_MS = 10_000;

/** From the first byte sent to the last record arrived, over four connections. */
export async function throughput(bench: Bench, contender: Contender, recordsMax: number): Promise<Throughput> {
  const { generator, sink } = bench;
  const site = await bench.site(contender);
  await using program = await bench.start(contender, site);
  await generator.call('open', { port: site.input.port, count: CONNECTIONS });
  const warm = await blast(bench, WARM_UP_RECORDS);
  // A second, longer one: a just-in-time compiler needs it, and the first says how long it may be.
  await blast(bench, wholeBlocks(Math.min(recordsMax / 5, warm.recordsPerS * 2)));

  const records = wholeBlocks(Math.min(recordsMax, warm.recordsPerS * SECONDS_WANTED));
  const before = cpuUse(bench, program.pid);
  const measured = await blast(bench, records);
  const after = cpuUse(bench, program.pid);
  const cpu = after.contender - before.contender;
  const rss = residentBytes(program.pid);
  await generator.call('close');
  await program.stop();
  await sink.call('refuse');
  return {
    records_per_s: measured.recordsPerS,
    cpu_s_per_million: (cpu / records) * 1e6,
    strangers_cores: (after.strangers - before.strangers) / (after.atS - before.atS),
    rss_mb: rss / 1e6,
    bytes_out_per_record: measured.bytes / measured.records,
    lost: records - measured.records,
  };
}

interface CpuUse {
  readonly atS: number;
  readonly contender: number;
  readonly strangers: number;
}

function cpuUse({ generator, sink }: Bench, pid: number): CpuUse {
  const contender = cpuSeconds(pid);
  const load = cpuSeconds(generator.pid) + cpuSeconds(sink.pid) + process.cpuUsage().user / 1e6;
  return { atS: performance.now() / 1_000, contender, strangers: machineCpuSeconds() - contender - load };
}

function wholeBlocks(records: number): number {
  const share = 1_000 * CONNECTIONS;
  return Math.max(share, Math.floor(records / share) * share);
}

interface Blast {
  readonly records: number;
  readonly bytes: number;
  readonly recordsPerS: number;
}

async function blast({ generator, sink }: Bench, records: number): Promise<Blast> {
  await sink.call('begin', { mode: 'count' });
  const arriving = sink.call('wait', { records, stallMs: STALL_MS });
  const sent = await generator.call('blast', { records });
  const arrived = await arriving;
  return {
    records: arrived.records,
    bytes: arrived.bytes,
    recordsPerS: arrived.records / ((arrived.lastAtUs - sent.startedAtUs) / 1e6),
  };
}

export interface Ceiling {
  readonly records_per_s: number;
  /** Processor seconds that the load itself takes for a million records. */
  readonly cpu_s_per_million: number;
}

/** What generator and sink reach with nothing between them: the most that they could measure. */
export async function ceiling(bench: Bench, records: number): Promise<Ceiling> {
  const { generator, sink } = bench;
  await generator.call('restart');
  const port = await sink.call('listen', { port: 0 });
  await generator.call('open', { port, count: CONNECTIONS });
  await blast(bench, WARM_UP_RECORDS);
  const cpuBefore = cpuSeconds(generator.pid) + cpuSeconds(sink.pid);
  const measured = await blast(bench, records);
  const cpu = cpuSeconds(generator.pid) + cpuSeconds(sink.pid) - cpuBefore;
  await generator.call('close');
  await sink.call('refuse');
  return { records_per_s: measured.recordsPerS, cpu_s_per_million: (cpu / measured.records) * 1e6 };
}

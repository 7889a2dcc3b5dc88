import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Bench } from './bench.ts';
import { latency } from './cases/latency.ts';
import { crash, outage } from './cases/outage.ts';
import { startup, startupWithEveryInput } from './cases/startup.ts';
import { ceiling, throughput } from './cases/throughput.ts';
import { udpLoss } from './cases/udp.ts';
import type { Contender } from './contenders/contender.ts';
import { roster } from './contenders/roster.ts';
import { figure } from './table.ts';
import { machine } from './machine.ts';
import { killAllPrograms } from './processes.ts';
import { readOptions, type BenchOptions, type Case } from './options.ts';
import { render, runCase, type CaseResult } from './run-case.ts';

const BASELINE = 'test/bench/baseline.json';

async function main(options: BenchOptions): Promise<number> {
  const { contenders, skipped } = roster(options);
  const chosen = contenders.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  for (const { name, why } of skipped) console.log(`skipped ${name}: ${why}`);
  if (chosen.length === 0) {
    console.log(`nobody takes part; there are ${contenders.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const facts = machine();
  console.log(`${facts.cpu}, ${facts.cores} cores, Linux ${facts.kernel}, Node ${facts.node}, commit ${facts.commit}`);
  for (const { name, about } of chosen) console.log(`  ${name}: ${about}`);

  await using bench = new Bench(options.directory);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killAllPrograms();
      bench.removeFiles();
      process.exit(130);
    });
  }
  const results: Record<string, CaseResult> = {};
  const run: Runner = async (key, ratiosOf, ...rest) => {
    const [title, contenders, repeats, measure] = rest;
    const bounded = (contender: Contender) => bench.withDeadline(() => measure(contender));
    const result = await runCase(title, contenders, repeats, bounded);
    results[key] = result;
    console.log(`\n${render(result, ratiosOf)}`);
  };
  for (const name of options.cases) await CASE_RUNS[name](bench, options, chosen, run);

  const report = JSON.stringify({ machine: facts, at: new Date().toISOString(), results }, null, 2);
  for (const file of [options.out, ...(options.baseline ? [BASELINE] : [])]) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${report}\n`);
    console.log(`\nfigures in ${file}`);
  }
  return Object.values(results).some(({ rows }) => Object.values(rows).some((row) => row.runs.length === 0)) ? 1 : 0;
}

type Runner = (key: string, ratiosOf: readonly string[], ...rest: Parameters<typeof runCase>) => Promise<void>;
type CaseRun = (bench: Bench, options: BenchOptions, contenders: readonly Contender[], run: Runner) => Promise<void>;

/** Who needs minutes for a million gets a twentieth; what is compared are rates. */
function recordsOf({ name }: Contender, records: number): number {
  return name === 'rsyslog-safe' ? records / 20 : records;
}

const CASE_RUNS: Readonly<Record<Case, CaseRun>> = {
  async throughput(bench, { records, repeats }, contenders, run) {
    const most = await ceiling(bench, records);
    const cost = `${figure(most.cpu_s_per_million)} processor seconds a million`;
    console.log(`\ngenerator to sink alone: ${figure(most.records_per_s)} records/s, ${cost}`);
    const measure = (contender: Contender) => throughput(bench, contender, records);
    await run(
      'throughput',
      ['records_per_s', 'cpu_s_per_million'],
      'throughput, JSON over TCP',
      contenders,
      repeats,
      measure,
    );
  },
  async outage(bench, { outageRecords, repeats }, contenders, run) {
    const keepers = contenders.filter(({ keeps }) => keeps);
    const recordsFor = (contender: Contender): number => recordsOf(contender, outageRecords);
    const ratios = ['intake_per_s', 'drain_per_s', 'disk_bytes_per_record'];
    const measure = (contender: Contender) => outage(bench, contender, recordsFor(contender));
    await run('outage', ratios, 'endpoint down, then up', keepers, repeats, measure);
    const twoKills = (contender: Contender) => crash(bench, contender, recordsFor(contender) / 5);
    await run('crash', [], 'two kill -9 in an outage', keepers, Math.min(repeats, 3), twoKills);
  },
  async udp(bench, { udpRates, udpSeconds, repeats }, contenders, run) {
    const fast = contenders.filter(({ name }) => name !== 'rsyslog-safe' && name !== 'rsyslog-disk');
    const measure = (contender: Contender) => udpLoss(bench, contender, udpRates, udpSeconds);
    await run('udp', [], 'UDP, thousands sent a second, and loss', fast, repeats, measure);
  },
  async latency(bench, { latencySeconds, repeats }, contenders, run) {
    const measure = (contender: Contender) => latency(bench, contender, latencySeconds);
    await run('latency', ['p50_ms', 'p99_ms'], 'latency at 1,000/s', contenders, Math.min(repeats, 3), measure);
  },
  async startup(bench, { records, repeats, relayMain }, contenders, run) {
    const measure = (contender: Contender) =>
      startup(bench, contender, recordsOf(contender, Math.min(records, 200_000)));
    await run('startup', ['ready_ms', 'idle_mb'], 'start-up and memory', contenders, repeats, measure);
    const relay = contenders.filter(({ name }) => name === 'relay');
    if (relay.length === 0) return;
    const withAll = (contender: Contender) => startupWithEveryInput(bench, relayMain, contender);
    await run('startup_all_inputs', [], 'start-up, every input open', relay, repeats, withAll);
  },
};

const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') {
  console.log(options);
  process.exitCode = options.startsWith('npm run bench') ? 0 : 2;
} else {
  process.exitCode = await main(options);
}

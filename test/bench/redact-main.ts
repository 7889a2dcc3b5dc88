import { WHOLE } from '../../relay/inputs/syslog/write-marks.ts';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { contextOver, syslogRecords } from '../support/record-lines.ts';
import { RedactBench } from '../support/redact-bench.ts';
import { buildBlock } from './load/lines.ts';

// What masking costs a line: the same lines from the parser into batches, with and without it, in turns. Processor time, since others
// may be at work on this machine; the lower quartile of many rounds.

const ROUNDS = 25;
const BLOCKS_A_ROUND = 20;

let seed = 7;
const chance = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) / 0x7fff_ffff;

const runnerTexts: readonly ((n: number) => string)[] = [
  () => '##[group]Run actions/checkout@v4',
  (n) => `remote: Counting objects: 100% (12${n}/4567), done. https://github.com/octo/app/pull/${n}`,
  (n) => `\x1b[32m✓\x1b[0m test/parser_${n}.test.ts (12 tests) 34ms`,
  (n) => `{"level":"info","msg":"built \\"image\\"","n":${n}}`,
  (n) => `npm info run esbuild@0.25.${n} postinstall node_modules/esbuild node install.js`,
];

const sets: Readonly<Record<string, readonly string[]>> = {
  'syslog lines': buildBlock(chance).bytes.toString('latin1').trimEnd().split('\n'),
  'runner lines': Array.from(
    { length: 1_000 },
    (_, n) => `2026-11-22T08:00:00.1234567Z ${runnerTexts[n % runnerTexts.length]!(n)}`,
  ),
};

const literals = Array.from({ length: 50 }, (_, n) => ({
  name: `l${n}`,
  value: `Secret-${(n * 7_919).toString(36)}-/ value`,
}));
const settings: Readonly<Record<string, unknown>> = {
  off: [],
  'all shapes': [{}],
  'all shapes, 50 literals': [{ literals }],
};

for (const [set, lines] of Object.entries(sets)) {
  const runs = Object.entries(settings).map(([name, options]) => ({
    name,
    round: rounds(options, lines),
    costs: [] as number[],
  }));
  for (let n = 0; n < ROUNDS; n++) for (const { round, costs } of runs) costs.push(round());
  const quartile = (costs: number[]): number => costs.sort((a, b) => a - b)[costs.length >> 2]!;
  const off = quartile(runs[0]!.costs);
  for (const { name, costs } of runs) {
    const cost = quartile(costs);
    console.log(`${set}, ${name}: ${cost.toFixed(0)} ns a line, ${(cost / off).toFixed(2)} times`);
  }
}

/** A round over some blocks; returns what a line cost, in nanoseconds. */
function rounds(options: unknown, lines: readonly string[]): () => number {
  const bench = new RedactBench(options);
  const sources = lines.map((line) => sourceOf(Buffer.from(line)));
  const records = syslogRecords(contextOver(bench.builder));
  const peer = records.peer('10.1.2.3');
  return () => {
    const before = process.cpuUsage();
    for (let block = 0; block < BLOCKS_A_ROUND; block++)
      for (const source of sources) records.write(source, 0, source.bytes.length, peer, WHOLE);
    for (const { slab } of bench.batches()) slab.release();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1_000) / (BLOCKS_A_ROUND * lines.length);
  };
}

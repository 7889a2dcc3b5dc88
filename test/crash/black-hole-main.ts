/** `npm run test:blackhole`: what an endpoint that never answers costs the one beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { besideBlackHole } from './black-hole.ts';

const RATIO_MAX = 1.5;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    rate: { type: 'string', default: '1000' },
    turns: { type: 'string', default: '2' },
  },
});
const p99Ms = { without: [] as number[], with: [] as number[] };
let inOrder = true;
for (let turn = 1; turn <= Number(values.turns); turn++) {
  for (const blackHole of [false, true]) {
    const folder = mkdtempSync(join(tmpdir(), 'spillway-black-hole-'));
    const result = await besideBlackHole({
      folder,
      blackHole,
      recordsPerS: Number(values.rate),
      seconds: Number(values.seconds),
      warmUpSeconds: 3,
    });
    rmSync(folder, { recursive: true });
    inOrder &&= result.arrived.length === result.sent && result.arrived.every((number, i) => number === i);
    p99Ms[blackHole ? 'with' : 'without'].push(result.p99Ms);
    const { p50Ms, p99Ms: p99, owedToHole } = result;
    const figures = `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, owed to it ${owedToHole}`;
    console.log(`${blackHole ? 'with   ' : 'without'} the black hole: ${figures}`);
  }
}
const without = median(p99Ms.without);
const beside = median(p99Ms.with);
console.log(
  `median p99: ${without.toFixed(2)} ms without, ${beside.toFixed(2)} ms with: × ${(beside / without).toFixed(2)}`,
);
console.log(inOrder ? 'everything arrived, in order' : 'NOT everything arrived in order');
process.exitCode = inOrder && beside <= RATIO_MAX * without ? 0 : 1;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

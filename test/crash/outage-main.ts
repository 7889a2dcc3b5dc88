/** `npm run test:outage -- --records N`: an endpoint that is down, a `kill -9` in full flow, and the proof that nothing is missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { outage } from './outage.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '1000000' },
    'kill-draining': { type: 'boolean', default: false },
    keep: { type: 'boolean' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'spillway-outage-'));
const startedMs = Date.now();
const seconds = (): string => ((Date.now() - startedMs) / 1_000).toFixed(1);
const result = await outage({
  folder,
  records: Number(values.records),
  recordsPerS: Number(values.rate),
  killWhileDraining: values['kill-draining'],
  onStep: (step) => console.log(`${seconds()} s: ${step}`),
});
console.log({ ...result, seconds: Number(seconds()) });
const good = result.problems.length === 0 && result.doctor === 0;
if (good && values.keep !== true) rmSync(folder, { recursive: true });
else console.log(`kept in ${folder}`);
process.exitCode = good ? 0 : 1;

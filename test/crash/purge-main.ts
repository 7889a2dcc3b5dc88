/** `npm run test:purge -- --records N`: half of a journal purged under intake, killed again and again, and the proof that the counts are right. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { purgeCampaign } from './purge-campaign.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '5000000' },
    kills: { type: 'string', default: '10' },
    connections: { type: 'string', default: '4' },
    'pause-ms': { type: 'string', default: '5' },
    'idle-s': { type: 'string', default: '20' },
    keep: { type: 'boolean', default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'spillway-purge-'));
const startedMs = Date.now();
const result = await purgeCampaign({
  folder,
  // An even number, half of which are pulls.
  records: Math.ceil(Number(values.records) / 2) * 2,
  kills: Number(values.kills),
  connections: Number(values.connections),
  pauseMs: Number(values['pause-ms']),
  idleSeconds: Number(values['idle-s']),
  settleSeconds: 5,
  onStep: (step) => console.log(`${((Date.now() - startedMs) / 1_000).toFixed(1)} s: ${step}`),
});
console.log(result);
const good = result.problems.length === 0;
if (good && !values.keep) rmSync(folder, { recursive: true });
else console.log(`kept in ${folder}`);
process.exitCode = good ? 0 : 1;

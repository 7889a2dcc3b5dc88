/**
 * `npm run test:runner -- --jobs 40 --minutes 10`: runner logs from the page file to the endpoint, and the proof that nothing is missing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deletions } from '../runner/upload-queue.ts';
import { campaign } from './campaign.ts';
import { layouts } from './edge.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '40' },
    installations: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    'job-seconds': { type: 'string', default: '60' },
    'lines-per-second': { type: 'string', default: '60' },
    'burst-lines': { type: 'string', default: '1500' },
    deletion: { type: 'string', default: 'unsent' },
    'page-bytes': { type: 'string', default: String(8 * 1_048_576) },
    'kill-one-in': { type: 'string', default: '0' },
    'skew-seconds': { type: 'string', default: '0' },
    'without-worker-logs': { type: 'boolean', default: false },
    'runner-name': { type: 'string' },
    layout: { type: 'string', default: 'machines' },
    format: { type: 'string', default: 'msgpack' },
    'away-seconds': { type: 'string', default: '0' },
    starve: { type: 'boolean', default: false },
    'fluent-bit': { type: 'string' },
    kills: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean' },
    'keep-raw': { type: 'boolean', default: false },
  },
});
const deletion = deletions.find((known) => known === values.deletion);
const layout = layouts.find((known) => known === values.layout);
const format = (['msgpack', 'json', 'forward'] as const).find((known) => known === values.format);
if (deletion === undefined || format === undefined || layout === undefined)
  throw new Error(
    `--deletion is one of ${deletions.join(', ')}; --format one of msgpack, json, forward; --layout one of ${layouts.join(', ')}`,
  );
const folder = mkdtempSync(join(tmpdir(), 'spillway-runner-'));
const startedMs = Date.now();
const result = await campaign({
  folder,
  jobs: Number(values.jobs),
  installations: Number(values.installations ?? values.jobs),
  durationMs: Number(values.minutes) * 60_000,
  jobMs: Number(values['job-seconds']) * 1_000,
  linesPerSecond: Number(values['lines-per-second']),
  burstLines: Number(values['burst-lines']),
  deletion,
  pageBytes: Number(values['page-bytes']),
  killOneIn: Number(values['kill-one-in']),
  skewMs: Number(values['skew-seconds']) * 1_000,
  seed: Number(values.seed),
  format,
  layout,
  workerLogs: !values['without-worker-logs'],
  runnerName: values['runner-name'],
  awayMs: Number(values['away-seconds']) * 1_000,
  kills: Number(values.kills),
  starve: values.starve,
  fluentBit: values['fluent-bit'],
  keepRaw: values['keep-raw'],
  onStep: (step) => console.log(`${((Date.now() - startedMs) / 1_000).toFixed(1)} s: ${step}`),
});
console.dir(result, { depth: 4 });
const { missing, twice, different, unknown } = result.forwarded;
const good = missing + twice + different + unknown === 0;
if (good && values.keep !== true && !values['keep-raw']) rmSync(folder, { recursive: true });
else console.log(`kept in ${folder}`);
process.exitCode = good ? 0 : 1;

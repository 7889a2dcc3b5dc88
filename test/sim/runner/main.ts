/**
 * `node test/sim/runner/main.ts --jobs 40 --minutes 10 --folder DIR`: writes what Actions runners write, for whatever wants to tail it. The
 * truth, for comparison, goes to `DIR/truth`.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RunnerSimulation } from './simulation.ts';
import { deletions } from './upload-queue.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    jobs: { type: 'string', default: '4' },
    installations: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    'jobs-max': { type: 'string', default: '1000000' },
    'job-seconds': { type: 'string', default: '30' },
    'lines-per-second': { type: 'string', default: '60' },
    'burst-lines': { type: 'string', default: '1500' },
    deletion: { type: 'string', default: 'unsent' },
    'page-bytes': { type: 'string', default: String(8 * 1_048_576) },
    'kill-one-in': { type: 'string', default: '0' },
    'skew-seconds': { type: 'string', default: '0' },
    speed: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    'runner-name': { type: 'string' },
  },
});
const deletion = deletions.find((known) => known === values.deletion);
if (values.folder === undefined || deletion === undefined)
  throw new Error(`needs --folder; --deletion is one of ${deletions.join(', ')}`);
const folder = resolve(values.folder);
mkdirSync(folder, { recursive: true });
const simulation = new RunnerSimulation({
  folder,
  truthFolder: join(folder, 'truth'),
  jobs: Number(values.jobs),
  installations: Number(values.installations ?? values.jobs),
  durationMs: Number(values.minutes) * 60_000,
  jobsMax: Number(values['jobs-max']),
  workload: {
    jobMs: Number(values['job-seconds']) * 1_000,
    linesPerSecondMax: Number(values['lines-per-second']),
    burstLinesMax: Number(values['burst-lines']),
  },
  deletion,
  pageBytes: Number(values['page-bytes']),
  seed: Number(values.seed),
  speed: Number(values.speed),
  skewMs: Number(values['skew-seconds']) * 1_000,
  killOneIn: Number(values['kill-one-in']),
  ...(values['runner-name'] === undefined ? {} : { runnerName: values['runner-name'] }),
  onJob: ({ repository, jobName, conclusion }, done) => console.log(`${done}: ${repository} ${jobName}: ${conclusion}`),
});
process.once('SIGINT', () => simulation.kill());
process.once('SIGTERM', () => simulation.kill());
await simulation.run();

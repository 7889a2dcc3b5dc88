import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { campaign, type CampaignOptions } from './harness/campaign.ts';

// Goal: what a job printed is what an endpoint and a transcript have, whatever happened on the way. Method: simulated runners, real
// keepers, a stand-in for Fluent Bit and a real relay, each a process; the truth is what the simulator wrote. The long form is npm run
// test:runner.
const short = {
  jobs: 4,
  installations: 4,
  durationMs: 8_000,
  jobMs: 4_000,
  linesPerSecond: 100,
  burstLines: 500,
  deletion: 'unsent',
  pageBytes: 60_000,
  killOneIn: 0,
  skewMs: 0,
  seed: 1,
  format: 'msgpack',
  layout: 'pods',
  workerLogs: true,
  runnerName: undefined,
  fluentBit: undefined,
  awayMs: 0,
  kills: 0,
  starve: false,
  keepRaw: false,
  onStep: () => {},
} as const satisfies Omit<CampaignOptions, 'folder'>;

/** Of the lines that steps wrote. */
const ATTRIBUTED_LEAST = 0.999;

test.each([
  {
    name: 'the relay is killed',
    options: { kills: 1, format: 'forward', seed: 2 },
  },
  {
    name: 'workers are killed on their way, and all runners have one name',
    options: { killOneIn: 3, runnerName: 'runner', format: 'json', layout: 'gateway', seed: 3 },
  },
  {
    name: 'the runners’ clocks are an hour ahead, and pages stay until they were uploaded',
    options: { skewMs: 3_600_000, deletion: 'uploaded', seed: 4 },
  },
] as const)('each line is forwarded once, in a job that is known, while $name', async ({ options }) => {
  using folder = temporaryFolder();

  const { jobs, forwarded, tables, transcripts, edge, left } = await campaign({
    ...short,
    ...options,
    folder: folder.path,
  });

  expect(jobs).toBeGreaterThan(4);
  expect(left).toBeUndefined();
  expect(edge['dropped']).toBe(0);
  expect(forwarded).toMatchObject({ missing: 0, twice: 0, different: 0, unknown: 0, attributedWrongly: 0 });
  expect(forwarded.attributed / forwarded.ofSteps).toBeGreaterThanOrEqual(ATTRIBUTED_LEAST);
  expect(tables).toMatchObject({ missing: 0, unknown: 0 });
  expect(transcripts).toMatchObject({ different: 0 });
});

// One job a runner: without Worker logs nobody could tell two jobs of one run on one runner apart.
test('lines of jobs whose Worker log never comes are forwarded all the same, once, and said to be of nobody', async () => {
  using folder = temporaryFolder();
  const oneEach = { durationMs: 1_550, jobMs: 8_000, workerLogs: false, seed: 5 };

  const { jobs, forwarded, tables } = await campaign({ ...short, ...oneEach, folder: folder.path });

  expect(forwarded).toMatchObject({ missing: 0, twice: 0, different: 0, unknown: 0, unmapped: forwarded.lines });
  expect(tables.verdicts).toEqual({ unmapped: jobs });
});

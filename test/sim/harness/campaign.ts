import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, RelayProcess } from '../../crash/relay-process.ts';
import { Chance } from '../runner/chance.ts';
import type { Deletion } from '../runner/upload-queue.ts';
import type { ChunkFormat } from '../tailer/chunk.ts';
import { StandInKeeper } from '../tailer/stand-in-keeper.ts';
import { Tailer } from '../tailer/tailer.ts';
import { compareForwarded, type ForwardedFigures } from './forwarded.ts';
import { SimulatorProcess } from './simulator-process.ts';
import { readTruth } from './truth-index.ts';

export interface CampaignOptions {
  readonly folder: string;
  readonly jobs: number;
  readonly durationMs: number;
  readonly jobMs: number;
  readonly linesPerSecond: number;
  readonly burstLines: number;
  readonly deletion: Deletion;
  readonly pageBytes: number;
  readonly killOneIn: number;
  readonly skewMs: number;
  readonly seed: number;
  readonly format: ChunkFormat;
  /** The relay is stopped for so long, once. */
  readonly awayMs: number;
  /** How often the relay is killed and started again. */
  readonly kills: number;
  readonly onStep: (step: string) => void;
}

export interface CampaignResult {
  readonly jobs: number;
  readonly forwarded: ForwardedFigures;
  readonly pagesMissedByKeeper: number;
  /** Lines that the tailer read, that the relay never took, and how often chunks were sent again. */
  readonly tailed: {
    readonly read: number;
    readonly unsent: number;
    readonly dropped: number;
    readonly retries: number;
  };
}

const GRACE_MS = 25_000;
const SETTLE_MS = 60_000;

/** Jobs through the simulator, a keeper, a tailer and a relay, each a process as in reality; then what came out, held against what went in. */
export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, jobs, onStep } = options;
  const [http = 0, forward = 0, admin = 0] = await freePorts(3);
  const relay = new RelayProcess(join(folder, 'relay'), relayConfig(http, forward, admin));
  await relay.start();
  const runners = Array.from({ length: jobs }, (_, index) => join(folder, 'runners', `runner-${index + 1}`));
  for (const runner of runners) mkdirSync(join(runner, '_diag', 'kept'), { recursive: true });
  const tailer = new Tailer({
    folders: runners.flatMap((runner) => [join(runner, '_diag', 'kept'), join(runner, '_diag')]),
    database: join(folder, 'tail.db'),
    format: options.format,
    port: options.format === 'forward' ? forward : http,
    chance: new Chance(options.seed),
    refreshMs: 1_000,
    flushMs: 1_000,
    responseTimeoutMs: 5_000,
    retryMs: [1_000, 5_000],
  });
  const keepers = runners.map(
    (runner) =>
      new StandInKeeper(join(runner, '_diag', 'pages'), join(runner, '_diag', 'kept'), (path, inode) =>
        tailer.offset(path, inode),
      ),
  );
  tailer.start();
  onStep(`${jobs} runners begin`);
  const simulator = new SimulatorProcess(simulatorOptions(options));
  await Promise.all([simulator.finished(), trouble(relay, options)]);
  onStep(`${simulator.jobsDone} jobs are over`);
  const unsent = await tailer.drain(GRACE_MS);
  await settled(relay);
  onStep('the relay has forwarded what it has');
  for (const keeper of keepers) keeper[Symbol.dispose]();
  await tailer[Symbol.asyncDispose]();
  await relay.stop();
  const truth = readTruth(join(folder, 'runners', 'truth'));
  return {
    jobs: truth.length,
    forwarded: await compareForwarded(join(relay.folder, 'forwarded.ndjson'), truth),
    pagesMissedByKeeper: keepers.reduce((sum, { missed }) => sum + missed, 0),
    tailed: { read: tailer.read, unsent, dropped: tailer.dropped, retries: tailer.retries },
  };
}

function relayConfig(http: number, forward: number, admin: number): object {
  return {
    data_dir: './data',
    inputs: {
      http: { type: 'http', listen: `http://127.0.0.1:${http}` },
      forward: { type: 'forward', listen: `tcp://127.0.0.1:${forward}` },
    },
    endpoints: { files: { type: 'file', path: './forwarded.ndjson' } },
    journal: { min_free_bytes: 0 },
    admin: { listen: `127.0.0.1:${admin}` },
  };
}

function simulatorOptions(options: CampaignOptions): Record<string, string | number> {
  return {
    folder: join(options.folder, 'runners'),
    jobs: options.jobs,
    minutes: options.durationMs / 60_000,
    'job-seconds': options.jobMs / 1_000,
    'lines-per-second': options.linesPerSecond,
    'burst-lines': options.burstLines,
    deletion: options.deletion,
    'page-bytes': options.pageBytes,
    'kill-one-in': options.killOneIn,
    'skew-seconds': options.skewMs / 1_000,
    seed: options.seed,
  };
}

/** What happens to the relay meanwhile: the kills spread over the time, the absence in the middle. */
async function trouble(relay: RelayProcess, { durationMs, kills, awayMs, onStep }: CampaignOptions): Promise<void> {
  const partMs = durationMs / (kills + 2);
  for (let kill = 1; kill <= kills; kill++) {
    await sleep(partMs);
    await relay.kill();
    onStep('the relay was killed');
    await relay.start();
  }
  if (awayMs === 0) return;
  await sleep(partMs);
  await relay.stop();
  onStep('the relay is away');
  await sleep(awayMs);
  await relay.start();
  onStep('the relay is back');
}

/** Until nobody is owed anything, twice in a row. */
async function settled(relay: RelayProcess): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  for (let quiet = 0; quiet < 3 && performance.now() < untilMs; quiet++) {
    await sleep(1_000);
    if (relay.backlog() > 0) quiet = -1;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Archive } from '../../../relay/journal/archive.ts';
import { PAGE_DATASET, WORKER_DATASET } from '../../../relay/record/runner-file.ts';
import { freePorts, RelayProcess } from '../../crash/relay-process.ts';
import type { Deletion } from '../runner/upload-queue.ts';
import type { ChunkFormat } from '../tailer/chunk.ts';
import { type Edge, type Layout, startStandIn } from './edge.ts';
import { startFluentBit } from './fluent-bit.ts';
import { compareForwarded, type ForwardedFigures } from './forwarded.ts';
import { Installation } from './installation.ts';
import { compareJobs, type JobFigures } from './jobs.ts';
import { SimulatorProcess } from './simulator-process.ts';
import { compareTranscripts, type TranscriptFigures } from './transcripts.ts';
import { readTruth } from './truth-index.ts';

export interface CampaignOptions {
  readonly folder: string;
  readonly jobs: number;
  /** Of the runner, each with its own keeper; the jobs are spread over them. */
  readonly installations: number;
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
  readonly layout: Layout;
  readonly workerLogs: boolean;
  /** Of all runners. Without it each has its own. */
  readonly runnerName: string | undefined;
  /** The program that is to read the pages, with the configuration of this repository. Without it the stand-in does. */
  readonly fluentBit: string | undefined;
  /** The relay is stopped for so long, once. */
  readonly awayMs: number;
  /** How often the relay is killed and started again. */
  readonly kills: number;
  /** Four busy loops take the processors, and the keepers run at nice 10. */
  readonly starve: boolean;
  /** Writes down what the edge sent, too, so that the assembly can be had again without it. */
  readonly keepRaw: boolean;
  readonly onStep: (step: string) => void;
}

export interface CampaignResult {
  readonly jobs: number;
  readonly forwarded: ForwardedFigures;
  readonly tables: JobFigures;
  readonly transcripts: TranscriptFigures | undefined;
  readonly edge: Record<string, unknown>;
  /** What was not delivered when the time of the preStop was up. */
  readonly left: string | undefined;
}

/** As long as a pod's preStop may take. */
const GRACE_MS = 25_000;
const SETTLE_MS = 300_000;
/** After so long a silence a job is taken for dead; where the relay goes away, what it is owed may be as late as that. */
const UNFINISHED_MS = 15_000;
const UNFINISHED_IN_TROUBLE_MS = 90_000;
const STARVED_NICE = 10;
const BUSY_LOOPS = 4;
const RAW_DATASETS = [PAGE_DATASET, WORKER_DATASET];

/** Jobs through simulator, keepers, tailer and relay, each a process as in reality; then what came out, held against what went in. */
export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, onStep } = options;
  const [http = 0, forward = 0, admin = 0] = await freePorts(3);
  const relay = new RelayProcess(join(folder, 'relay'), relayConfig({ http, forward, admin }, options));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => relay.stop());
  await relay.start();
  const edge = stack.use(await startEdge(options, options.format === 'forward' ? forward : http));
  if (options.starve) stack.use(busyLoops());
  onStep(`${options.jobs} runners begin`);
  const simulator = stack.use(new SimulatorProcess(simulatorOptions(options)));
  await Promise.all([simulator.finished(), trouble(relay, options)]);
  onStep(`${simulator.jobsDone} jobs are over`);
  const left = await edge.drain(GRACE_MS);
  onStep(left === undefined ? 'everything kept was delivered' : `left when the time was up: ${left}`);
  await settled(relay, options);
  onStep('the relay has forwarded what it has');
  const report = edge.report();
  await stack.disposeAsync();
  const truth = readTruth(join(folder, 'runners', 'truth'));
  return {
    jobs: truth.length,
    forwarded: await compareForwarded(join(relay.folder, 'forwarded.ndjson'), truth),
    tables: compareJobs(relay.dataFolder, truth),
    transcripts: options.workerLogs ? await compareTranscripts(relay.folder, truth) : undefined,
    edge: report,
    left,
  };
}

function startEdge(options: CampaignOptions, port: number): Promise<Edge> {
  const { folder, seed, format, layout, workerLogs, fluentBit, starve } = options;
  const runners = join(folder, 'runners');
  const installations = Array.from({ length: options.installations }, (_, index) => new Installation(runners, index));
  const nice = starve ? STARVED_NICE : 0;
  if (fluentBit !== undefined) return startFluentBit({ program: fluentBit, installations, port, nice });
  return startStandIn({ installations, format, port, seed, nice, intervalMs: 1_000, layout, workerLogs });
}

function relayConfig(
  { http, forward, admin }: Readonly<Record<'http' | 'forward' | 'admin', number>>,
  options: CampaignOptions,
): object {
  const { pageBytes, killOneIn, workerLogs, keepRaw } = options;
  // Jobs that nobody ends are to be found dead within the time there is; no other job may be.
  const mayNotEnd = killOneIn > 0 || !workerLogs;
  return {
    data_dir: './data',
    inputs: {
      http: { type: 'http', listen: `http://127.0.0.1:${http}` },
      forward: { type: 'forward', listen: `tcp://127.0.0.1:${forward}` },
    },
    endpoints: {
      files: { type: 'file', path: './forwarded.ndjson' },
      ...(keepRaw ? { raw: { type: 'file', path: './raw.ndjson', match: { 'event.dataset': RAW_DATASETS } } } : {}),
    },
    journal: { min_free_bytes: 0 },
    runs: { page_bytes: pageBytes, ...(mayNotEnd ? { unfinished_warning_ms: unfinishedMs(options) } : {}) },
    admin: { listen: `127.0.0.1:${admin}` },
  };
}

function simulatorOptions(options: CampaignOptions): Record<string, string | number> {
  return {
    folder: join(options.folder, 'runners'),
    jobs: options.jobs,
    installations: options.installations,
    minutes: options.durationMs / 60_000,
    'job-seconds': options.jobMs / 1_000,
    'lines-per-second': options.linesPerSecond,
    'burst-lines': options.burstLines,
    deletion: options.deletion,
    'page-bytes': options.pageBytes,
    'kill-one-in': options.killOneIn,
    'skew-seconds': options.skewMs / 1_000,
    seed: options.seed,
    ...(options.runnerName === undefined ? {} : { 'runner-name': options.runnerName }),
  };
}

/** What happens to the relay meanwhile: the kills spread over the time, the absence at the end. */
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

/** Until nobody is owed anything, and the jobs that ended are known to have, for a few seconds on end. */
async function settled(relay: RelayProcess, options: CampaignOptions): Promise<void> {
  const { killOneIn, workerLogs } = options;
  // Of a worker that was killed nobody says so: its job ends with its runner's next one, or when it was silent for long.
  const mayRun = killOneIn > 0 || !workerLogs;
  if (mayRun) await sleep(unfinishedMs(options));
  const untilMs = performance.now() + SETTLE_MS;
  let before = -1;
  for (let quiet = 0; quiet < 5 && performance.now() < untilMs; quiet++) {
    await sleep(1_000);
    const running = runningJobs(relay);
    if (relay.backlog('files') > 0 || running !== before || (running > 0 && !mayRun)) quiet = -1;
    before = running;
  }
}

function unfinishedMs({ kills, awayMs }: CampaignOptions): number {
  return kills > 0 || awayMs > 0 ? UNFINISHED_IN_TROUBLE_MS : UNFINISHED_MS;
}

/** Jobs that are not known to have ended. */
export function runningJobs(relay: RelayProcess): number {
  using archive = new Archive(relay.dataFolder);
  return archive.jobs({ state: 'running', limit: 10_000 }).length;
}

function busyLoops(): AsyncDisposable {
  const children = Array.from({ length: BUSY_LOOPS }, (): ChildProcess => spawn(process.execPath, ['-e', 'for (;;);']));
  const ended = Promise.all(children.map((child) => once(child, 'exit')));
  return {
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL');
      await ended;
    },
  };
}

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { age, bytes, count } from '../../../relay/cli/figures.ts';
import type { EndpointStatus } from '../../../relay/runtime/status.ts';
import { freePorts, RelayProcess } from '../../crash/relay-process.ts';
import { HarborSender } from '../harbor/harbor-sender.ts';
import { runningJobs } from '../harness/campaign.ts';
import { type Edge, startStandIn } from '../harness/edge.ts';
import { Installation } from '../harness/installation.ts';
import { relayStatus } from '../harness/relay-status.ts';
import { SimulatorProcess } from '../harness/simulator-process.ts';
import { Chance } from '../runner/chance.ts';
import { Catcher } from './catcher.ts';
import { showResult } from './result.ts';
import type { Screen } from './screen.ts';

const RUNNERS = 3;
const DRAW_INTERVAL_MS = 400;
const HARBOR_INTERVAL_MS = 120;
/** Runners take jobs for so long; the SIEM goes and comes back meanwhile. */
const JOBS_MS = 24_000;
const DOWN_AT_MS = 7_000;
const BACK_AT_MS = 22_000;
const SETTLE_MS = 15_000;
const BAR_CELLS = 30;

/** What is running, for the figures. */
interface Scene {
  readonly screen: Screen;
  readonly relay: RelayProcess;
  readonly simulator: SimulatorProcess;
  readonly edge: Edge;
  readonly harbor: HarborSender;
  /** The longest that a backlog has been: as long as the bars can be. */
  mostWaiting: number;
}

/** Plays the whole story once, in `folder`. Resolves to whether everything that was sent has arrived. */
export async function demo(folder: string, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const [http = 0, syslog = 0, admin = 0, siem = 0] = await freePorts(4);
  const relay = new RelayProcess(join(folder, 'relay'), relayConfig({ http, syslog, admin, siem }));
  const catcher = new Catcher(`lumberjack://127.0.0.1:${siem}`, join(folder, 'siem.ndjson'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => relay.stop());
  stack.defer(() => catcher.stop());
  await Promise.all([relay.start(), catcher.start()]);
  screen.happens('The relay delivers to "siem" (a Logstash, played by spillway catch) and to "archive" (a file).');

  const runners = join(folder, 'runners');
  const installations = Array.from({ length: RUNNERS }, (_, index) => new Installation(runners, index));
  const edge = stack.use(
    await startStandIn({
      installations,
      format: 'msgpack',
      port: http,
      seed: 3,
      nice: 0,
      intervalMs: 500,
      layout: 'pods',
      workerLogs: true,
    }),
  );
  const simulator = stack.use(
    new SimulatorProcess({
      folder: runners,
      jobs: RUNNERS,
      minutes: JOBS_MS / 60_000,
      'job-seconds': 12,
      'lines-per-second': 150,
      'burst-lines': 700,
      seed: Date.now() % 1_000_000,
    }),
  );
  const harbor = stack.use(new HarborSender(syslog, new Chance(2)));
  screen.happens(
    `${RUNNERS} runners, each with a keeper, take jobs and soon delete their log pages; Harbor sends audit records.`,
  );

  const [working, drawing] = [new AbortController(), new AbortController()];
  const scene: Scene = { screen, relay, simulator, edge, harbor, mostWaiting: 1_000 };
  const sending = every(HARBOR_INTERVAL_MS, AbortSignal.any([signal, working.signal]), () => harbor.send());
  const moving = every(DRAW_INTERVAL_MS, AbortSignal.any([signal, drawing.signal]), () => draw(scene));
  await Promise.all([outage(screen, catcher, signal), finished(simulator, signal)]);
  working.abort();
  await sending;
  if (!signal.aborted) {
    screen.happens('No more jobs. What is still on its way is read, stored and delivered.');
    await edge.drain(SETTLE_MS);
    await settled(relay, signal);
  }
  drawing.abort();
  await moving;
  screen.clear();
  if (signal.aborted) return false;
  return showResult({ screen, relay, catcher, truthFolder: join(runners, 'truth'), harborSent: harbor.sent });
}

/** Waits for the runners, or sends them away where a person has seen enough. */
async function finished(simulator: SimulatorProcess, signal: AbortSignal): Promise<void> {
  signal.addEventListener('abort', () => void simulator[Symbol.asyncDispose]());
  await simulator.finished();
}

async function outage(screen: Screen, catcher: Catcher, signal: AbortSignal): Promise<void> {
  await rest(DOWN_AT_MS, signal);
  if (signal.aborted) return;
  await catcher.stop();
  screen.happens('The SIEM is gone. Nobody who sends notices: what is for it stays on the disk.');
  await rest(BACK_AT_MS - DOWN_AT_MS, signal);
  if (signal.aborted) return;
  await catcher.start();
  screen.happens('The SIEM is back. What waited goes out, in order, while new records come in.');
}

function relayConfig(ports: Readonly<Record<'http' | 'syslog' | 'admin' | 'siem', number>>): object {
  return {
    name: 'demo',
    data_dir: './data',
    inputs: {
      runners: { type: 'http', listen: `http://127.0.0.1:${ports.http}` },
      harbor: { type: 'syslog', listen: `tcp://127.0.0.1:${ports.syslog}` },
    },
    endpoints: {
      siem: {
        type: 'logstash',
        url: `lumberjack://127.0.0.1:${ports.siem}`,
        down_after_ms: 2_000,
        backoff_max_ms: 1_000,
        // So that a person can watch it.
        drain_records_per_s_max: 2_500,
      },
      archive: { type: 'file', path: './archive.ndjson' },
    },
    journal: { min_free_bytes: 0 },
    admin: { listen: `127.0.0.1:${ports.admin}` },
  };
}

async function draw(scene: Scene): Promise<void> {
  const { screen, relay, simulator, edge, harbor } = scene;
  const status = await relayStatus(relay.dataFolder);
  if (status === undefined) return;
  const { endpoints, journal } = status;
  scene.mostWaiting = Math.max(scene.mostWaiting, ...endpoints.map(({ backlogRecords = 0 }) => backlogRecords));
  screen.figures(
    [
      `runners  ${count(simulator.jobsDone)} jobs done, ${count(edge.linesRead)} lines read from their files`,
      `harbor   ${count(harbor.sent)} audit records sent, a connection each`,
      `relay    ${count(journal.records)} records in the journal, ${bytes(journal.fileBytes)} on the disk`,
      ...endpoints.map((endpoint) => endpointLine(endpoint, scene.mostWaiting)),
    ],
    [
      `${simulator.jobsDone} jobs done, ${count(edge.linesRead)} lines read`,
      ...endpoints.map(
        ({ name, state, backlogRecords = 0, delivered = 0 }) =>
          `${name} ${state}: ${count(delivered)} delivered, ${count(backlogRecords)} wait`,
      ),
    ].join(' | '),
  );
}

function endpointLine(endpoint: EndpointStatus, most: number): string {
  const { name, state, since, delivered = 0, backlogRecords = 0 } = endpoint;
  const bar = '█'.repeat(Math.ceil((backlogRecords / most) * BAR_CELLS));
  const for_ = state === 'up' ? '' : ` for ${age(Date.now() - Date.parse(since))}`;
  return `${name.padEnd(8)} ${`${state}${for_}`.padEnd(18)} ${count(delivered).padStart(7)} delivered ${count(backlogRecords).padStart(7)} wait ${bar}`;
}

/** Until nobody is owed anything, and all jobs are known to have ended. */
async function settled(relay: RelayProcess, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  for (let quiet = 0; quiet < 3 && performance.now() < untilMs && !signal.aborted; quiet++) {
    await rest(500, signal);
    if (relay.backlog() > 0 || runningJobs(relay) > 0) quiet = -1;
  }
}

async function every(intervalMs: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await rest(intervalMs, signal);
  }
}

/** Waits, or not, where there is nothing to wait for any more. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

import { request } from 'node:http';
import { join } from 'node:path';
import type { RunView } from '../../relay/admin/api/retention-views.ts';
import { balance } from '../../relay/cli/doctor.ts';
import { Archive } from '../../relay/journal/archive.ts';
import { forEachLine } from '../../relay/record/lines.ts';
import { fillJournal, operationAt } from './purge-fill.ts';
import { AgeSink, Load } from './purge-load.ts';
import { freePorts, RelayProcess } from './relay-process.ts';

export interface CampaignOptions {
  readonly folder: string;
  readonly records: number;
  readonly kills: number;
  readonly connections: number;
  readonly pauseMs: number;
  readonly idleSeconds: number;
  /** A process that has just started compiles, and collects what it made meanwhile; that is not what is measured. */
  readonly settleSeconds: number;
  readonly onStep: (text: string) => void;
}

export interface CampaignResult {
  readonly problems: readonly string[];
  readonly kills: number;
  readonly idle: Phase;
  readonly purging: Phase;
  /** The longest that a step kept others from writing, by the relay's own measure. */
  readonly heldMsMax: number;
  readonly purgedRecords: number;
  readonly newRecords: number;
  readonly seconds: number;
}

export interface Phase {
  readonly seconds: number;
  readonly answers: number;
  readonly answerP99Ms: number;
  readonly answerMaxMs: number;
  readonly answersOver50Ms: number;
  /** The longest that nobody got an answer though somebody waited. */
  readonly pauseMaxMs: number;
  /** The longest that this process was late itself. */
  readonly ownDelayMaxMs: number;
  readonly deliveries: number;
  readonly deliveryP99Ms: number;
}

/** Half of all records purged by their operation, so that every batch is rewritten, with intake and deliveries going on, and killed again and again. */
export async function purgeCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, records, onStep } = options;
  const [input = 0, live = 0, dead = 0, admin = 0] = await freePorts(4);
  const config = (undelivered: string): object => ({
    data_dir: './data',
    inputs: { in: { type: 'http', listen: `http://127.0.0.1:${input}` } },
    endpoints: {
      live: { type: 'logstash', url: `tcp://127.0.0.1:${live}`, start_at: 'end' },
      dead: { type: 'logstash', url: `tcp://127.0.0.1:${dead}` },
    },
    admin: { listen: `127.0.0.1:${admin}` },
    journal: { min_free_bytes: 0 },
    retention: { rules: [{ name: 'pulls', match: { operation: 'pull_*' }, keep_hours: 24, undelivered }] },
  });
  onStep(`fills a journal with ${records} records of two days ago`);
  fillJournal(join(folder, 'data'), records, 'dead');
  const sink = await AgeSink.open(live);
  let relay = new RelayProcess(folder, config('keep'));
  await relay.start();
  const load = new Load(input, options);
  await sleep(options.settleSeconds * 1_000);
  const idling = new Measure(load, sink);
  onStep('measures without a purge');
  await sleep(options.idleSeconds * 1_000);
  const idle = idling.end();

  onStep('purges with an endpoint that is owed everything');
  const kept = await purgeToEnd(folder);
  const problems: string[] = [];
  if (kept.records !== 0 || kept.undelivered_records !== records / 2)
    problems.push(`owed to an endpoint, and yet ${kept.records} records went, ${kept.undelivered_records} stayed`);

  // The same relay, told that what is owed may go.
  relay = await restarted(relay, folder, config('purge'));
  await sleep(options.settleSeconds * 1_000);
  const counted = await countedFirst(folder);
  if (counted.records !== records / 2) problems.push(`a dry run found ${counted.records} records`);
  const measuring = new Measure(load, sink);
  const startedMs = performance.now();
  const { id } = await ask<RunView>(folder, 'POST', '/api/v1/retention/purge', confirming(counted));
  onStep(`purge ${id} has begun, with the override; measures until it is killed`);
  const unkilled = options.kills === 0 ? 1 : 0.33;
  await until(folder, id, (run) => run.progress > unkilled || run.ended !== null);
  const purging = measuring.end();
  const kills = await killWhilePurging(relay, id, options);
  const run = await until(folder, id, ({ ended }) => ended !== null);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { log } = await ask<{ log: string }>(folder, 'GET', `/api/v1/retention/runs/${id}/log`);
  onStep(`the purge is ${run.state}`);
  await sleep(500);
  await load.stop();
  await relay.stop();
  sink.close();
  problems.push(...judge(join(folder, 'data'), records, load.acknowledged, run));
  const heldMsMax = Number(/for more than (\d+) ms/.exec(log)?.[1] ?? NaN);
  return {
    problems,
    kills,
    idle,
    purging,
    heldMsMax,
    purgedRecords: run.records,
    newRecords: load.acknowledged,
    seconds,
  };
}

async function restarted(relay: RelayProcess, folder: string, config: object): Promise<RelayProcess> {
  await relay.stop();
  const next = new RelayProcess(folder, config);
  await next.start();
  return next;
}

/** What senders and the living endpoint feel, from its making to its end. */
class Measure {
  readonly #load: Load;
  readonly #sink: AgeSink;
  readonly #startedMs = performance.now();

  constructor(load: Load, sink: AgeSink) {
    this.#load = load;
    this.#sink = sink;
    this.#take();
  }

  end(): Phase {
    const { answers, pauses, ages, ownDelayMs } = this.#take();
    return {
      seconds: round((performance.now() - this.#startedMs) / 1_000),
      answers: answers.count,
      answerP99Ms: round(answers.percentile(99)),
      answerMaxMs: round(answers.percentile(100)),
      answersOver50Ms: answers.countOver(50),
      pauseMaxMs: round(pauses.percentile(100)),
      ownDelayMaxMs: round(ownDelayMs),
      deliveries: ages.count,
      deliveryP99Ms: round(ages.percentile(99)),
    };
  }

  #take() {
    return {
      answers: this.#load.answers.takeAll(),
      pauses: this.#load.pauses.takeAll(),
      ages: this.#sink.ages.takeAll(),
      ownDelayMs: this.#load.takeOwnDelayMs(),
    };
  }
}

/** At moments of chance, spread over what is left of the purge. */
async function killWhilePurging(
  relay: RelayProcess,
  id: number,
  { kills, folder, onStep }: CampaignOptions,
): Promise<number> {
  const begun = (await ask<RunView>(folder, 'GET', `/api/v1/retention/runs/${id}`)).progress;
  const moments = Array.from({ length: kills }, () => begun + Math.random() * (1 - begun)).toSorted((a, b) => a - b);
  let done = 0;
  for (const moment of moments) {
    const { ended, progress } = await until(folder, id, (run) => run.progress >= moment || run.ended !== null);
    if (ended !== null) break;
    await sleep(Math.random() * 200);
    await relay.kill();
    done++;
    onStep(`killed at ${(progress * 100).toFixed(0)} %`);
    await relay.start();
  }
  return done;
}

/** Everything that must hold when it is over. */
function judge(directory: string, records: number, acknowledged: number, run: RunView): string[] {
  const problems: string[] = [];
  const check = (what: string, is: unknown, expected: unknown): void => {
    if (JSON.stringify(is) !== JSON.stringify(expected))
      problems.push(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(expected)}`);
  };
  check('records purged', run.records, records / 2);
  check('by rule', run.by_rule, { pulls: records / 2 });
  check('by operation', run.by_operation, { pull_artifact: records / 2 });
  check('taken before the dead endpoint had them', run.taken_undelivered, { dead: records / 2 });
  using archive = new Archive(directory);
  const numbers = new Map<number, number>();
  const left = new Set<number>();
  for (const batch of archive.batches(1, archive.nextSeq(), (problem) => problems.push(problem)))
    forEachLine(batch.lines, (start, end, index) => {
      const line = batch.lines.toString('utf8', start, end);
      const seq = batch.firstSeq + index;
      if (seq <= records) {
        left.add(seq);
        const right = line.includes(`"harbor":{"operation":"create_artifact"`) && line.includes(`"seq":${seq}}`);
        if (operationAt(seq) !== 'create_artifact' || !right) problems.push(`record ${seq} is ${line.slice(0, 80)}`);
      }
      const number = /"message":"new (\d+)"/.exec(line)?.[1];
      if (number !== undefined) numbers.set(Number(number), (numbers.get(Number(number)) ?? 0) + 1);
    });
  check('records of the rule’s other half that are left', left.size, records / 2);
  check('new records that are there', numbers.size, acknowledged);
  check('new records that are there twice', [...numbers.values()].filter((count) => count > 1).length, 0);
  const cursors = archive.cursors().map((cursor) => balance(cursor, archive.nextSeq()));
  check(
    'records not accounted for',
    cursors.map(({ unaccounted }) => unaccounted),
    cursors.map(() => 0),
  );
  check(
    'purged from the dead endpoint’s books',
    cursors.find(({ endpoint }) => endpoint === 'dead')?.purged,
    records / 2,
  );
  const { misfits, certificates } = archive.verify(() => {});
  check('what verify finds', misfits, []);
  check('certificates', certificates, 1);
  return problems.slice(0, 20);
}

/** A dry run, to its end. */
async function countedFirst(folder: string): Promise<RunView> {
  const { id } = await ask<RunView>(folder, 'POST', '/api/v1/retention/dry-run', '{}');
  return until(folder, id, ({ ended }) => ended !== null);
}

function confirming({ confirm }: RunView): string {
  return JSON.stringify({ confirm });
}

async function purgeToEnd(folder: string): Promise<RunView> {
  const counted = await countedFirst(folder);
  const { id } = await ask<RunView>(folder, 'POST', '/api/v1/retention/purge', confirming(counted));
  return until(folder, id, ({ ended }) => ended !== null);
}

async function until(folder: string, id: number, enough: (run: RunView) => boolean): Promise<RunView> {
  for (;;) {
    const run = await ask<RunView>(folder, 'GET', `/api/v1/retention/runs/${id}`);
    if (enough(run)) return run;
    await sleep(50);
  }
}

/** Asks by the control socket, as the commands do. */
function ask<Answer>(folder: string, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath: join(folder, 'data', 'control.sock'), method, path, headers });
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        (response.statusCode ?? 500) < 400 ? resolve(JSON.parse(text) as Answer) : reject(new Error(text)),
      );
    });
    asked.end(body);
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

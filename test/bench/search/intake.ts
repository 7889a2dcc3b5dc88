// Does intake notice those who watch and search? `npm run bench:search -- --intake` runs this.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { freeTcpPort } from '../../support/free-port.ts';

const BODY_RECORDS = 100;
const BODIES_PER_S = 100;

interface Case {
  readonly what: string;
  /** Live tails; how many of them never read, and of how many queries they are. */
  readonly watchers?: number;
  readonly frozen?: number;
  readonly different?: number;
  /** How many ask `query` again and again. */
  readonly searches?: number;
  readonly query?: string;
}

/** Finds nothing, and no index helps. */
const NOTHING = 'zq -ok';

const alternations = (count: number): string => Array.from({ length: count }, (_, i) => `zq${i}`).join(' OR ');

const CASES: readonly Case[] = [
  { what: 'nobody watches' },
  { what: '1000 tails of everything', watchers: 1_000 },
  { what: '1 browser that reads nothing', watchers: 1, frozen: 1 },
  { what: '1000 tails of 50 queries, 100 of which read nothing', watchers: 1_000, frozen: 100, different: 50 },
  { what: '4 searches without an end', searches: 4 },
  { what: '4 who ask 64 alternations, the most there may be', searches: 4, query: alternations(64) },
  { what: '4 who ask 10,000 alternations', searches: 4, query: alternations(10_000) },
  { what: 'nobody watches, again' },
];

/** Sends a steady ten thousand records a second, each hundred of them waiting for its answer, and tells how long the answers take. */
export async function measureIntake(seconds: number): Promise<void> {
  await using stage = await Stage.start();
  await stage.load(2);
  console.log(`\n${BODY_RECORDS * BODIES_PER_S} records a second over HTTP, answered after the commit:`);
  for (const { what, watchers = 0, frozen = 0, different = 0, searches = 0, query = NOTHING } of CASES) {
    const child = watchers === 0 ? undefined : await stage.watch(watchers, frozen, different);
    const searching = stage.search(searches, query);
    const { latenciesMs, cpuS } = await stage.load(seconds);
    const seen = child === undefined ? undefined : await answerOf(child);
    searching.abort();
    child?.disconnect();
    console.log(
      `  ${what}: answers after ${at(latenciesMs, 0.5)} ms (half), ${at(latenciesMs, 0.99)} ms (99 %), ` +
        `${at(latenciesMs, 1)} ms (all); the relay took ${(cpuS / seconds).toFixed(2)} processors` +
        (seen === undefined ? '' : `; ${seen}`) +
        (searches === 0 ? '' : `; ${stage.answered} searches were answered`),
    );
  }
}

function at(sorted: readonly number[], part: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(1);
}

async function answerOf(child: ChildProcess): Promise<string> {
  child.send('how much?');
  const [answer] = (await once(child, 'message')) as [{ frames: number; missed: number }];
  return `${answer.frames} frames came`;
}

class Stage implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'spillway-bench-intake-'));
  readonly agent = new Agent({ connections: 64 });
  ports = { http: 0, admin: 0 };
  token = '';
  /** Searches that were answered since they began. */
  answered = 0;
  relay!: ChildProcess;

  static async start(): Promise<Stage> {
    const stage = new Stage();
    stage.ports = { http: await freeTcpPort(), admin: await freeTcpPort() };
    const config = {
      data_dir: './data',
      inputs: { a: { type: 'http', listen: `http://127.0.0.1:${stage.ports.http}` } },
      endpoints: { e: { type: 'file', path: '/dev/null' } },
      admin: { listen: `127.0.0.1:${stage.ports.admin}` },
      log: { level: 'error' },
    };
    const file = join(stage.folder, 'config.yaml');
    writeFileSync(file, JSON.stringify(config));
    const main = fileURLToPath(new URL('../../../relay/main.ts', import.meta.url));
    const token = fork(main, ['token', 'add', 'bench', '--role', 'viewer', '--config', file], { silent: true });
    let printed = '';
    token.stdout?.on('data', (data: Buffer) => (printed += data.toString()));
    await once(token, 'exit');
    stage.token = /spw_\S+/.exec(printed)?.[0] ?? '';
    stage.relay = fork(main, ['run', '--config', file], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    for (let tries = 0; tries < 200; tries++) {
      const ready = await request(`http://127.0.0.1:${stage.ports.admin}/readyz`).catch(() => undefined);
      await ready?.body.dump();
      if (ready?.statusCode === 200) return stage;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the relay does not start');
  }

  async watch(count: number, frozen: number, different: number): Promise<ChildProcess> {
    const file = fileURLToPath(new URL('watchers.ts', import.meta.url));
    const child = fork(file, [this.ports.admin, this.token, count, frozen, different].map(String));
    for (;;) {
      const [message] = (await once(child, 'message')) as [unknown];
      if (message === 'open') return child;
      throw new Error(String(message));
    }
  }

  /** Asks again and again, so many at once. Answers that refuse are answers. */
  search(count: number, query: string): AbortController {
    const ending = new AbortController();
    const parameters = new URLSearchParams({ q: query, format: 'ndjson', time_limit_ms: '60000' });
    const url = `http://127.0.0.1:${this.ports.admin}/api/v1/search?${parameters.toString()}`;
    const headers = { authorization: `Bearer ${this.token}` };
    const again = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        const { body } = await request(url, { headers, signal: ending.signal });
        this.answered++;
        await body.dump({ limit: 1e12, signal: ending.signal });
      }
    };
    this.answered = 0;
    for (let i = 0; i < count; i++) void again().catch(() => {});
    return ending;
  }

  async load(seconds: number): Promise<{ readonly latenciesMs: number[]; readonly cpuS: number }> {
    const latenciesMs: number[] = [];
    const cpuBefore = await this.#cpuS();
    const sending: Promise<void>[] = [];
    const startMs = performance.now();
    for (let i = 0; i < seconds * BODIES_PER_S; i++) {
      const waitMs = startMs + (i * 1_000) / BODIES_PER_S - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      sending.push(this.#post(i).then((ms) => void latenciesMs.push(ms)));
    }
    await Promise.all(sending);
    return { latenciesMs: latenciesMs.sort((a, b) => a - b), cpuS: (await this.#cpuS()) - cpuBefore };
  }

  async #post(n: number): Promise<number> {
    const line = (i: number): string =>
      `{"message":"step ${n} of ${i}: connection refused by peer, retried","user":{"name":"u${i}"}}\n`;
    const body = Array.from({ length: BODY_RECORDS }, (_, i) => line(i)).join('');
    const startMs = performance.now();
    const { body: answer, statusCode } = await request(`http://127.0.0.1:${this.ports.http}/`, {
      dispatcher: this.agent,
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
    await answer.dump();
    if (statusCode >= 300) throw new Error(`the input answered ${statusCode}`);
    return performance.now() - startMs;
  }

  /** Processor time of the relay so far, as its own metrics tell it. */
  async #cpuS(): Promise<number> {
    const { body } = await request(`http://127.0.0.1:${this.ports.admin}/metrics`);
    return Number(/^process_cpu_seconds_total (\S+)/m.exec(await body.text())?.[1] ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.close();
    this.relay.kill('SIGTERM');
    await once(this.relay, 'exit');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

import { expect, test } from 'vitest';
import { post } from '../support/http-exchange.ts';
import { RelayHarness } from '../support/relay-harness.ts';
import { JOB, pagePath, pagesOf, tailed, WORKER_PATH, workerLog, type TailedLine } from '../support/runner-log.ts';

interface Line {
  readonly event: { readonly dataset: string };
  readonly '@timestamp': string;
  readonly message: string;
  readonly log: { readonly file: { readonly path: string }; readonly offset: number };
  readonly github: Readonly<Record<string, unknown>> & {
    readonly step?: object;
    readonly line?: { readonly continuation?: boolean; readonly bom?: boolean };
  };
}

const config = {
  inputs: { edge: { type: 'http', listen: 'http://127.0.0.1:0' } },
  endpoints: { siem: { type: 'memory' } },
  runs: { attribution_wait_ms: 1_000 },
};

async function send(running: RelayHarness, lines: readonly TailedLine[]): Promise<void> {
  const reply = await post(running.port('edge'), JSON.stringify(lines), {
    headers: { 'content-type': 'application/json', 'user-agent': 'Fluent-Bit' },
  });
  expect(reply.status).toBe(200);
}

function received(running: RelayHarness, dataset: string): Line[] {
  const lines = running.memory.at('siem').lines.map((line) => JSON.parse(line) as Line);
  return lines.filter(({ event }) => event.dataset === dataset);
}

/** The bytes of a page, put together again from what an endpoint got. */
function pageOf(lines: readonly Line[]): string {
  return lines
    .map(({ '@timestamp': stamp, message, github: { line = {} } }) => {
      const head = line.continuation === true ? '' : `${stamp} `;
      return `${line.bom === true ? '\ufeff' : ''}${head}${message}\n`;
    })
    .join('');
}

test('a job’s pages go out once, byte for byte, with run, job and step', async () => {
  await using running = await RelayHarness.start(config);
  const pages = pagesOf();
  await send(running, tailed(WORKER_PATH, `${workerLog().join('\n')}\n`));
  for (const [path, content] of pages) await send(running, tailed(path, content));

  await expect.poll(() => received(running, 'github.runner.job').length, { timeout: 10_000 }).toBe(1);

  const lines = received(running, 'github.runner');
  expect(pageOf(lines)).toBe(pages.get(pagePath(JOB.record)));
  expect(lines[0]).toMatchObject({
    log: { file: { path: pagePath(JOB.record) }, offset: 0 },
    github: {
      repository: 'corp/web',
      run: { id: '4711', attempt: 1, number: 12, url: 'https://ghes.corp/corp/web/actions/runs/4711' },
      workflow: 'ci',
      event: 'push',
      ref: 'refs/heads/main',
      actor: 'mona',
      job: { id: JOB.record, name: 'build', timeline: JOB.timeline },
      step: { number: 1, name: 'Set up job', id: JOB.setUp },
      page: { record: JOB.record, number: 1 },
      line: { bom: true },
    },
  });
  expect(lines.map(({ github }) => (github.step as { number: number }).number)).toEqual([
    1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 5,
  ]);
  expect(received(running, 'github.runner.page')).toEqual([]);
  expect(received(running, 'github.runner.worker')).toEqual([]);
  expect(received(running, 'github.runner.job')[0]).toMatchObject({
    event: { outcome: 'failure' },
    github: { repository: 'corp/web', job: { name: 'build' } },
    spillway: { job: { verdict: 'complete', conclusion: 'failure', lines: lines.length, gaps: [], notes: [] } },
  });
  const { jobs } = { jobs: await running.relay.journal.jobs({ limit: 10 }) };
  expect(jobs).toMatchObject([
    { repository: 'corp/web', runId: '4711', state: 'finished', verdict: 'complete', attributed: lines.length },
  ]);
});

test('what waits for an endpoint is counted without the lines that it never gets', async () => {
  await using running = await RelayHarness.start({
    ...config,
    endpoints: { siem: { type: 'memory' }, raw: { type: 'memory', match: { 'event.dataset': 'github.runner.page' } } },
  });
  for (const name of ['siem', 'raw']) running.memory.at(name).behaviour = 'fail';
  const pages = pagesOf();
  await send(running, tailed(WORKER_PATH, `${workerLog().join('\n')}\n`));
  for (const [path, content] of pages) await send(running, tailed(path, content));
  const jobPage = tailed(pagePath(JOB.record), pages.get(pagePath(JOB.record))!);
  const waiting = async (name: string): Promise<number> =>
    (await running.relay.status()).endpoints.find((endpoint) => endpoint.name === name)?.backlogRecords ?? 0;

  // Its lines, the summary, and nothing that they were made of.
  await expect.poll(() => waiting('siem'), { timeout: 10_000 }).toBe(jobPage.length + 1);
  expect(await waiting('raw')).toBe((await running.relay.journal.stats()).records);
  const { body } = await running.metrics.text();
  expect(body).toContain(`spillway_endpoint_backlog_records{endpoint="siem"} ${jobPage.length + 1}\n`);
});

test('where jobs are not put together, lines of pages go out as they come', async () => {
  await using running = await RelayHarness.start({ ...config, runs: { enabled: false } });
  const [first] = tailed(pagePath(JOB.record), pagesOf().get(pagePath(JOB.record))!);
  await send(running, [first!]);

  await expect.poll(() => running.memory.at('siem').lines.length).toBe(1);
  const [line] = running.memory.at('siem').lines.map((text) => JSON.parse(text) as Line);
  expect(line).toMatchObject({ message: first!.log, log: { file: { path: pagePath(JOB.record) }, offset: 0 } });
  expect(line!.event.dataset).not.toMatch(/^github\.runner/);
  expect((await running.metrics.text()).body).not.toContain('spillway_runs_');
});

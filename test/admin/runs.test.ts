import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AdminHarness } from '../support/admin-harness.ts';
import { post } from '../support/http-exchange.ts';
import { JOB, pagePath, pagesOf, tailed, WORKER_PATH, workerLog, type TailedLine } from '../support/runner-log.ts';

// A relay that has put two jobs together from what a tailer sent: one of a run, and one whose Worker log never came. In a line of the
// second one stands a token. One relay serves all tests: they only ask.

const token = `ghp_${'aB3dE5gH7jK9'.repeat(3)}`;
const other = '99999999-aaaa-bbbb-cccc-dddddddddddd';
const otherPath = `/home/runner/_diag/pages/${other}_${other}_1.log`;
const stamped = (n: number, text: string): string => `2026-11-22T08:00:00.${1_000_000 + n}Z ${text}\n`;
const otherPage = `\ufeff${Array.from({ length: 200 }, (_, n) => stamped(n, n === 7 ? `key ${token}` : `line ${n}`)).join('')}goes on\n`;
const jobPath = `/api/v1/jobs/${JOB.timeline}/${JOB.record}`;
const otherJob = `/api/v1/jobs/${other}/${other.toUpperCase()}`;

let admin: AdminHarness;
let viewer: string;

beforeAll(async () => {
  admin = await AdminHarness.start({
    inputs: { edge: { type: 'http', listen: 'http://127.0.0.1:0' } },
    endpoints: { siem: { type: 'memory' } },
    redact: [{ literals: [{ name: 'door', value: 'open-sesame' }] }],
    runs: { attribution_wait_ms: 200, identity_wait_ms: 200 },
  });
  viewer = admin.tokens.get('viewer')!;
  const send = async (lines: readonly TailedLine[]): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'user-agent': 'Fluent-Bit' };
    const reply = await post(admin.relay.port('edge'), JSON.stringify(lines), { headers });
    expect(reply.status).toBe(200);
  };
  await send(tailed(WORKER_PATH, `${workerLog().join('\n')}\n`));
  for (const [path, content] of pagesOf()) await send(tailed(path, content));
  await send(tailed(otherPath, otherPage));
  const known = async (path: string): Promise<unknown[]> => {
    const { lines, verdict } = await get<{ lines?: number; verdict?: string }>(path);
    return [lines, verdict];
  };
  await vi.waitFor(
    async () =>
      expect([await known(jobPath), await known(otherJob)]).toEqual([
        [13, 'complete'],
        [201, 'open'],
      ]),
    { timeout: 15_000 },
  );
});

afterAll(() => admin[Symbol.asyncDispose]());

async function get<T = unknown>(path: string): Promise<T> {
  return JSON.parse((await admin.ask({ path, token: viewer })).body) as T;
}

interface LinesAnswer {
  readonly lines: readonly { readonly seq: number; readonly text: string; readonly step?: number }[];
  readonly next_seq?: number;
  readonly previous_seq?: number;
}

test('runs are listed with their jobs, filtered, and a page at a time', async () => {
  const { runs } = await get<{ runs: { run_id?: string; verdict: string; jobs: { name: string }[] }[] }>(
    '/api/v1/runs',
  );
  expect(new Map(runs.map(({ run_id: id, verdict }) => [id, verdict]))).toEqual(
    new Map([
      ['4711', 'complete'],
      [undefined, 'open'],
    ]),
  );

  const filtered = await get<typeof runs>(
    '/api/v1/runs?repository=corp/web&verdict=complete&run_id=4711&from=2020-01-01T00:00:00Z',
  );
  expect(filtered).toMatchObject({ runs: [{ repository: 'corp/web', workflow: 'ci', jobs: [{ name: 'build' }] }] });
  expect(await get('/api/v1/runs?verdict=gaps')).toEqual({ runs: [] });
  expect(await get('/api/v1/runs?to=2020-01-01T00:00:00Z')).toEqual({ runs: [] });

  const first = await get<{ runs: unknown[]; next: string }>('/api/v1/runs?limit=1');
  const second = await get<{ runs: unknown[]; next?: string }>(`/api/v1/runs?limit=1&after=${first.next}`);
  expect([...first.runs, ...second.runs]).toHaveLength(2);
  expect(first.runs).not.toEqual(second.runs);
  expect((await get<{ runs: unknown[] }>(`/api/v1/runs?after=${second.next ?? '0.0'}`)).runs).toEqual([]);
});

test('a run and a job are told with their steps', async () => {
  const run = await get<{ jobs: { steps: { number: number; name: string }[] }[] }>('/api/v1/runs/corp/web/4711');
  expect(run).toMatchObject({
    repository: 'corp/web',
    run_id: '4711',
    jobs: [{ name: 'build', attempt: 1, verdict: 'complete' }],
  });
  expect(run.jobs[0]?.steps[0]).toMatchObject({ number: 1, name: 'Set up job' });
  expect(await get(jobPath)).toMatchObject({ name: 'build', state: 'finished', conclusion: 'failure', gaps: [] });
});

test('a log is had back byte for byte, or as text without times, or one step of it', async () => {
  const page = pagesOf().get(pagePath(JOB.record))!;
  const { status, body, headers } = await admin.ask({ path: `${jobPath}/log`, token: viewer });
  expect(status).toBe(200);
  expect(body).toBe(page);
  expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-spillway-verdict': 'complete' });
  expect(headers['content-disposition']).toBe(`inline; filename="${JOB.timeline}_${JOB.record}.log"`);

  const plain = (await admin.ask({ path: `${jobPath}/log?plain=true`, token: viewer })).body;
  expect(plain).toBe(page.replaceAll(/^\ufeff?\d{4}-\S+Z /gm, ''));
  const step = (await admin.ask({ path: `${jobPath}/log?step=1`, token: viewer })).body;
  expect(step.split('\n')).toHaveLength(3);
  expect(page.startsWith(step)).toBe(true);
});

test('what was masked is masked in the log, and no line is thought missing for it', async () => {
  const { body } = await admin.ask({ path: `${otherJob}/log`, token: viewer });
  expect(body).toBe(otherPage.replace(token, '***'));
  expect(await get(otherJob)).toMatchObject({ gaps: [], lines: 201 });
});

test('nothing that a viewer can ask says what is masked', async () => {
  const paths = ['/api/v1/status', '/api/v1/config', '/metrics', '/api/v1/runs'];
  for (const path of paths) {
    const { status, body } = await admin.ask({ path, token: viewer });
    expect(status, path).toBe(200);
    expect(body, path).not.toContain('sesame');
  }
  expect((await admin.ask({ path: '/api/v1/config', token: viewer })).body).toContain('"redact":[');
});

test('a long log is scrolled through from anywhere, both ways', async () => {
  const all = await get<LinesAnswer>(`${otherJob}/lines`);
  expect(all.lines.map(({ text }) => text).slice(0, 3)).toEqual(['line 0', 'line 1', 'line 2']);
  expect(all.lines).toHaveLength(201);
  expect(all).not.toHaveProperty('next_seq');
  expect(all).not.toHaveProperty('previous_seq');

  const texts: string[] = [];
  for (let from: number | undefined = 0; from !== undefined;) {
    const page: LinesAnswer = await get<LinesAnswer>(`${otherJob}/lines?limit=37&from_seq=${from}`);
    texts.push(...page.lines.map(({ text }) => text));
    from = page.next_seq;
  }
  expect(texts).toEqual(all.lines.map(({ text }) => text));

  const back: string[] = [];
  for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined;) {
    const page: LinesAnswer = await get<LinesAnswer>(`${otherJob}/lines?limit=37&before_seq=${before}`);
    back.unshift(...page.lines.map(({ text }) => text));
    before = page.previous_seq;
  }
  expect(back).toEqual(texts);
});

test.each([
  ['/api/v1/runs/corp/web/1', 404],
  [`/api/v1/jobs/${other}/${JOB.record}/log`, 404],
  ['/api/v1/jobs/x/y', 400],
  ['/api/v1/runs?verdict=good', 400],
  ['/api/v1/runs?after=x', 400],
  [`${jobPath}/lines?limit=0`, 400],
])('%s answers %i', async (path, status) => {
  expect((await admin.ask({ path, token: viewer })).status).toBe(status);
});

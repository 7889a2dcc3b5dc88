import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AdminHarness } from '../support/admin-harness.ts';

// One relay serves all tests: they only ask.

let admin: AdminHarness;

beforeAll(async () => {
  admin = await AdminHarness.start({
    inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
    endpoints: { e: { type: 'memory' } },
  });
  const lines = Array.from(
    { length: 50 },
    (_, i) => `<13>1 2026-11-22T05:00:0${i % 10}Z web-${i % 2} app - - - line ${i}`,
  );
  const socket = connect(admin.relay.port('a'), '127.0.0.1');
  socket.end([...lines, '<13>1 2026-11-22T06:00:00Z evil app - - - =cmd|" /C calc"!A0 \u001b[2J', ''].join('\n'));
  socket.resume();
  await vi.waitFor(() => expect(admin.relay.relay.journal.nextSeq).toBeGreaterThan(51));
});

afterAll(() => admin[Symbol.asyncDispose]());

const get = (path: string) => admin.ask({ path, token: admin.tokens.get('viewer') });
const json = async (path: string): Promise<Record<string, unknown>> => {
  const { status, body } = await get(path);
  expect(status, body).toBe(200);
  return JSON.parse(body) as Record<string, unknown>;
};
const encoded = (query: string) => encodeURIComponent(query);

interface Page {
  readonly records: { readonly seq: number; readonly record: { readonly message: string } }[];
  readonly cursor: number | null;
  readonly ending: string;
}

test('pages go from the newest to the oldest, and each says where the next one begins', async () => {
  const seen: string[] = [];
  let cursor: number | null | undefined;
  for (;;) {
    const at = cursor === undefined ? '' : `&cursor=${cursor}`;
    const page = (await json(`/api/v1/search?q=${encoded('host.name:web-1 line')}&limit=10${at}`)) as unknown as Page;
    seen.push(...page.records.map(({ record }) => record.message));
    cursor = page.cursor;
    if (cursor === null) break;
    expect(page.ending).toBe('records');
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `line ${49 - 2 * i}`));
});

test('a stream tells records as they are found, how far it is, and how it ended', async () => {
  const { headers, body } = await get('/api/v1/search?q=line&format=ndjson&order=oldest');
  const lines = body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

  expect(headers['content-type']).toContain('application/x-ndjson');
  expect(lines.filter((line) => 'record' in line)).toHaveLength(50);
  expect(lines.at(-1)).toMatchObject({ end: { ending: 'complete', cursor: null, progress: { found: 50, part: 1 } } });
});

test('a reader that goes away ends its search', async () => {
  const path = '/api/v1/search/export?format=ndjson';
  const headers = { authorization: `Bearer ${admin.tokens.get('viewer')}` };
  for (let i = 0; i < 100; i++)
    await new Promise<void>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: admin.port, path, headers }, (response) => {
        response.once('data', () => response.destroy());
        response.once('close', () => resolve());
      });
      asked.once('error', reject).end();
    });

  expect(await json('/api/v1/search?q=line')).toMatchObject({ ending: 'complete' });
});

test('counts over time, and of the most frequent values', async () => {
  const since = 'since=2026-11-22T05:00:00Z&until=2026-11-22T07:00:00Z';
  const { counts, bucket_ms, first, facets } = await json(
    `/api/v1/search/histogram?q=${encoded('app:app')}&${since}&buckets=8&facets=host.name,event.dataset`,
  );

  expect({ counts, bucket_ms, first }).toEqual({
    counts: [50, 0, 0, 0, 1, 0, 0, 0],
    bucket_ms: 900_000,
    first: '2026-11-22T05:00:00.000Z',
  });
  expect(facets).toEqual({
    'host.name': [
      { value: 'web-0', count: 25 },
      { value: 'web-1', count: 25 },
      { value: 'evil', count: 1 },
    ],
    'event.dataset': [{ value: 'syslog', count: 51 }],
  });
});

test('a file of what is found is safe to open', async () => {
  const csv = await get(`/api/v1/search/export?q=${encoded('host.name:evil')}&format=csv&fields=host.name,message`);
  expect(csv.headers['content-disposition']).toBe('attachment; filename="spillway-search.csv"');
  expect(csv.body.split('\r\n')[1]).toMatch(/^evil,"'=cmd\|"" \/C calc""!A0/);

  const ndjson = await get('/api/v1/search/export?q=line&limit=7');
  const lines = ndjson.body.trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(
    Array.from({ length: 7 }, (_, i) => `line ${i}`),
  );
});

test.each([
  ['q=%22', 'at character 1'],
  ['q=a&since=yesterday', 'since takes'],
  ['q=a&until=x', 'until takes'],
  [`q=${'a'.repeat(4_097)}`, '4096'],
  ['limit=0', 'limit'],
  ['limit=10001', 'limit'],
  ['cursor=-1', 'cursor'],
  ['format=xml', 'format'],
  ['order=random', 'order'],
])('a request that is wrong is told why: %.20s', async (parameters, why) => {
  const { status, body } = await get(`/api/v1/search?${parameters}`);
  expect(status).toBe(400);
  expect((JSON.parse(body) as { message: string }).message).toContain(why);
});

test.each([
  "';ATTACH 'x' AS y;--",
  'NEAR(a b)',
  '"a" AND x MATCH',
  '__proto__:x',
  'constructor.prototype:*',
  '\0',
  '\ud800',
])('nothing in a query is taken for anything else: %j', async (query) => {
  const { status } = await get(`/api/v1/search?q=${encodeURIComponent(query.replaceAll(/[\ud800-\udfff]/g, '%'))}`);
  expect([200, 400]).toContain(status);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test.each([
  ['line', null],
  ['', null],
  ['(line OR', { at: 8, message: expect.stringContaining('in the query at character 9: ') as string }],
  ['字'.repeat(4_097), { at: 4_096, message: expect.stringContaining('4096 characters') as string }],
])('whether a query can be understood is told without a search: %s', async (query, problem) => {
  expect(await json(`/api/v1/search/check?q=${encoded(query)}`)).toEqual({ problem });
});

test('a time that cannot be understood is told in the same way', async () => {
  expect(await json('/api/v1/search/check?q=line&since=yore')).toEqual({
    problem: { at: null, message: expect.stringContaining('since takes ') as string },
  });
});

test('a query as long as it may be is taken in any script', async () => {
  expect(await json(`/api/v1/search?q=${encoded('字'.repeat(4_096))}`)).toMatchObject({ ending: 'complete' });
});

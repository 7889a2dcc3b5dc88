import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { may } from '../../relay/admin/access.ts';
import type { AdminOptions } from '../../relay/admin/server.ts';
import { roles } from '../../relay/admin/tokens.ts';
import { RelayError } from '../../relay/errors.ts';
import { AdminHarness } from '../support/admin-harness.ts';

// One relay serves all tests: they only ask.

let admin: AdminHarness;
let reload: AdminOptions['reload'] = async () => ({ changes: [] });

beforeAll(async () => {
  admin = await AdminHarness.start(
    {
      inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
      endpoints: { e: { type: 'memory' } },
    },
    { reload: () => reload() },
  );
});

afterAll(() => admin[Symbol.asyncDispose]());

const ask = (asking: Parameters<AdminHarness['ask']>[0]) => admin.ask(asking);

test('a route under /api/ tells nobody anything without a token of a role that may', async () => {
  const operations = admin.server.routes.filter(({ path, method }) => path.startsWith('/api/') && method !== 'HEAD');
  expect(operations.length, 'the router knows its routes').toBeGreaterThan(15);
  for (const { method, path, operation } of operations) {
    const at = `${method} ${path}`;
    expect(operation, `${at} says what it is`).toBeDefined();
    const { role } = operation!;
    if (role === 'anybody') {
      expect(at, 'the one place where strangers become known').toMatch(/^(POST|GET) \/api\/v1\/session$/);
      continue;
    }
    const asking = { method, path: path.replaceAll(/:[a-z_]+/gi, 'e') };
    const token = admin.tokens.get('admin')!;
    for (const wrong of [undefined, 'x', token.slice(0, -1), `${token.slice(0, -1)}_`])
      expect((await ask({ ...asking, token: wrong })).status, at).toBe(401);
    for (const having of roles)
      if (!may(having, role))
        expect((await ask({ ...asking, token: admin.tokens.get(having) })).status, `${at} as ${having}`).toBe(403);
    const { status } = await ask({ ...asking, token });
    expect([200, 400, 404, 422], `${at} as admin`).toContain(status);
    if (operation!.method !== 'GET') expect(operation!.action, `${at} has a name in the audit`).toBeDefined();
  }
});

test('only health, metrics and the console’s own files need no token, and they name no endpoint’s address', async () => {
  const open = new Set(admin.server.routes.filter(({ operation }) => operation === undefined).map(({ path }) => path));
  for (const path of open)
    expect(path).toMatch(/^\/(healthz|livez|metrics|readyz|assets\/.*|index\.html|favicon\.svg)?$/);
  expect(await ask({ path: '/livez' })).toMatchObject({ status: 200, body: 'alive\n' });
  expect(await ask({ path: '/readyz' })).toMatchObject({ status: 200, body: 'ready\n' });
  expect(await ask({ path: '/healthz' })).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  expect((await ask({ path: '/nothing' })).status).toBe(404);
});

test('a full journal and a dead endpoint cost readiness or health, never life', async () => {
  const { events } = admin.relay.relay;
  events.journalFull = 'it is full';
  try {
    expect((await ask({ path: '/livez' })).status).toBe(200);
    expect(await ask({ path: '/healthz' })).toMatchObject({ status: 200, body: '{"status":"degraded"}' });
    expect((await ask({ path: '/healthz' })).body, 'strangers learn no more').not.toContain('full');
  } finally {
    events.journalFull = '';
  }
});

test('the control socket is for its owner alone, and needs no token', async () => {
  expect(statSync(join(admin.relay.folder, 'data', 'control.sock')).mode & 0o777).toBe(0o600);

  expect((await ask({ path: '/api/v1/status', bySocket: true })).status).toBe(200);
  expect((await ask({ path: '/api/v1/endpoints/e/pause', method: 'POST', bySocket: true })).status).toBe(200);
  expect(admin.relay.relay.endpoints.get('e')?.dispatcher.paused).toBe(true);
  await ask({ path: '/api/v1/endpoints/e/resume', method: 'POST', bySocket: true });
});

const wrong: unknown[] = [
  null,
  1,
  -1,
  1.5,
  1e300,
  '',
  'x',
  true,
  [],
  {},
  [[]],
  [null],
  ['1'],
  [1, 'x'],
  [0],
  [1.5],
  { ids: [1] },
];

test.each(['discard', 'resend'])('%s takes only what it says it takes', async (action) => {
  const path = `/api/v1/endpoints/e/dead-letters/${action}`;
  const post = (body: string) => ask({ method: 'POST', path, body, token: admin.tokens.get('operator') });
  const bodies = [
    ...wrong.map((value) => JSON.stringify(value)),
    ...wrong.map((value) => JSON.stringify({ ids: value })),
    JSON.stringify({ ids: [1], more: 1 }),
    `{"ids":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    '{"ids":[1],"__proto__":{"ids":[1]}}',
    '{"ids":[1],"constructor":{"prototype":{}}}',
    JSON.stringify({ ids: Array.from({ length: 1_001 }, (_, index) => index + 1) }),
    '{"ids":[1]',
    '',
  ].filter((body) => body !== '{"ids":[1]}');
  for (const body of bodies) {
    const answer = await post(body);
    expect(answer.status, body.slice(0, 60)).toBe(400);
    expect((JSON.parse(answer.body) as { message: string }).message.length, 'says why').toBeGreaterThan(5);
  }
  expect((await post('{"ids":[1]}')).status).toBe(200);
  expect((await post(`{"ids":[1],"x":"${'x'.repeat(1_100_000)}"}`)).status).toBe(413);
});

test('what is in the address may be anything', async () => {
  const token = admin.tokens.get('admin');
  for (const name of ['nobody', '%00', '%ff', '..%2f..', '__proto__', 'constructor', 'x'.repeat(2_000)])
    expect([400, 404, 414], name.slice(0, 20)).toContain(
      (await ask({ path: `/api/v1/endpoints/${name}/dead-letters`, token })).status,
    );
  for (const limit of ['', 'x', '-1', '1e9', '0', '1&limit=2', '%00'])
    expect((await ask({ path: `/api/v1/endpoints/e/dead-letters?limit=${limit}`, token })).status, limit).toBe(400);
  expect((await ask({ path: '/api/v1/endpoints/e/dead-letters?limit=7', token })).status).toBe(200);
});

test.each([
  ['127.0.0.1', 200],
  ['[::1]:8686', 200],
  ['localhost:1', 200],
  ['LOCALHOST', 200],
  ['relay.corp:8686', 200],
  ['evil.example', 421],
  ['localhost.evil.example', 421],
  ['127.0.0.1.evil.example:8686', 421],
])('asked for by the name "%s" it answers %i', async (host, status) => {
  const token = admin.tokens.get('admin');
  for (const method of ['GET', 'POST'])
    for (const path of ['/livez', '/api/v1/status', '/api/v1/reload']) {
      const answer = await ask({ path, method, token, headers: { host } });
      if (status === 421) expect(answer.status, `${method} ${path}`).toBe(421);
      else expect([200, 404], `${method} ${path}`).toContain(answer.status);
    }
});

test('a page of another site changes nothing', async () => {
  const token = admin.tokens.get('admin');
  const post = (headers: Record<string, string>) =>
    ask({ method: 'POST', path: '/api/v1/endpoints/e/resume', token, headers });

  expect((await post({ origin: 'https://evil.example' })).status).toBe(421);
  expect((await post({ origin: 'null' })).status).toBe(421);
  expect((await post({ origin: `http://127.0.0.1:${admin.port}` })).status).toBe(200);
});

test('a reload that fails says why', async () => {
  const post = () => ask({ method: 'POST', path: '/api/v1/reload', token: admin.tokens.get('admin') });
  for (const [error, status] of [
    [new RelayError('CONFIG_INVALID', 'config.yaml:1:1: wrong'), 400],
    [new RelayError('ENDPOINT_HAS_BACKLOG', 'e is owed records'), 409],
    [new RelayError('RELOAD_INCOMPLETE', 'but for a'), 409],
  ] as const) {
    reload = () => Promise.reject(error);
    const answer = await post();
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({ code: error.code, message: error.message });
  }
  reload = () => Promise.reject(new Error('with a secret'));
  expect(await post()).toMatchObject({ status: 500, body: expect.not.stringContaining('secret') as string });
  reload = async () => ({ changes: [] });
  expect(await post()).toMatchObject({ status: 200, body: '{"changes":[]}' });
});

test('tokens that cannot be read let nobody in, and their place is told to nobody', async () => {
  const file = join(admin.relay.folder, 'data', 'tokens.json');
  const before = admin.tokenFile.list();
  writeFileSync(file, '{');
  try {
    const answer = await ask({ path: '/api/v1/status', token: admin.tokens.get('admin') });
    expect(answer.status).toBe(503);
    expect(answer.body).not.toContain(admin.relay.folder);
  } finally {
    writeFileSync(file, JSON.stringify({ tokens: before }));
  }
});

test('metrics are what Prometheus reads, and their labels are of closed sets', async () => {
  await admin.relay.send('a', 'counted', '"}\\nup 0');
  await expect.poll(() => admin.relay.memory.at('e').lines.length).toBeGreaterThanOrEqual(2);

  const { status, body } = await ask({ path: '/metrics' });

  expect(status).toBe(200);
  const sample =
    /^[a-z_:][a-z0-9_:]*(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (?:-?[\d.e+-]+|NaN|[+-]Inf)$/i;
  for (const line of body.trim().split('\n')) if (!line.startsWith('#') && line !== '') expect(line).toMatch(sample);
  const labels = new Set([...body.matchAll(/[{,]([a-z_]+)="/g)].map(([, name]) => name));
  const allowed = ['endpoint', 'input', 'reason', 'flag', 'state', 'kind', 'le'];
  expect([...labels].filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
  expect(body).toContain('spillway_input_records_total{input="a"} ');
  // What the tests before this one did is in the audit, and on its way.
  const metrics = async () => (await ask({ path: '/metrics' })).body;
  await expect.poll(metrics, { timeout: 5_000 }).toContain('spillway_endpoint_backlog_records{endpoint="e"} 0');
  for (const { name } of admin.relay.metrics.documented) expect(body, name).toContain(`# TYPE ${name} `);
});

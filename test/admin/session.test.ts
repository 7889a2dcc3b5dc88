import { afterAll, beforeAll, expect, test } from 'vitest';
import { AdminHarness, type Answer } from '../support/admin-harness.ts';

const CONFIG = {
  inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
  endpoints: { e: { type: 'memory' } },
};

let admin: AdminHarness;
let password: string;

beforeAll(async () => {
  admin = await AdminHarness.start(CONFIG);
  password = admin.tokenFile.add('jane', 'operator', 'password').token;
});

afterAll(() => admin[Symbol.asyncDispose]());

function signIn(credentials: object, headers: Record<string, string> = {}): Promise<Answer> {
  return admin.ask({ method: 'POST', path: '/api/v1/session', body: JSON.stringify(credentials), headers });
}

async function cookieFor(credentials: object): Promise<string> {
  const answer = await signIn(credentials);
  expect(answer.status, answer.body).toBe(200);
  return String(answer.headers['set-cookie']).split(';')[0]!;
}

const audit = (): { action: string; outcome: string; user: string }[] =>
  admin.relay.memory
    .at('e')
    .lines.map(
      (line) =>
        JSON.parse(line) as { event: { dataset: string; action: string; outcome: string }; user: { name: string } },
    )
    .filter(({ event }) => event.dataset === 'spillway.audit')
    .map(({ event, user }) => ({ action: event.action, outcome: event.outcome, user: user.name }));

test('a person signs in with a password, however it is typed, and gets a cookie that no script can read', async () => {
  const answer = await signIn({ name: 'jane', password: ` ${password.toUpperCase().replaceAll('-', ' ')}` });

  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ name: 'jane', role: 'operator' });
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^spillway_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  expect(answer.body).not.toContain(password);
});

test('a session may what its password may, until it is ended', async () => {
  const cookie = await cookieFor({ name: 'jane', password });
  const origin = `http://127.0.0.1:${admin.port}`;
  const post = (path: string) => admin.ask({ method: 'POST', path, headers: { cookie, origin } });

  expect((await admin.ask({ path: '/api/v1/status', headers: { cookie } })).status).toBe(200);
  expect((await post('/api/v1/endpoints/e/pause')).status).toBe(200);
  expect((await post('/api/v1/endpoints/e/resume')).status).toBe(200);
  expect((await post('/api/v1/reload')).status, 'needs an admin').toBe(403);
  expect((await admin.ask({ method: 'DELETE', path: '/api/v1/session', headers: { cookie, origin } })).status).toBe(
    200,
  );
  expect((await admin.ask({ path: '/api/v1/status', headers: { cookie } })).status).toBe(401);
});

test('a cookie alone changes nothing: the browser must say that the console’s own page asks', async () => {
  const cookie = await cookieFor({ name: 'jane', password });
  const post = (headers: Record<string, string>) =>
    admin.ask({ method: 'POST', path: '/api/v1/endpoints/e/resume', headers: { cookie, ...headers } });

  expect((await post({})).status).toBe(403);
  expect((await post({ origin: 'https://evil.example' })).status).toBe(421);
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('a session ends with the token that began it', async () => {
  const { token } = admin.tokenFile.add('leaver', 'viewer');
  const cookie = await cookieFor({ password: token });
  const who = async () => (await admin.ask({ path: '/api/v1/session', headers: { cookie } })).body;
  expect(JSON.parse(await who())).toMatchObject({ session: { name: 'leaver', role: 'viewer' } });
  admin.tokenFile.remove('leaver');
  expect(await who()).toBe('{"session":null}');
  expect((await admin.ask({ path: '/api/v1/status', headers: { cookie } })).status).toBe(401);
});

test('a session ends with the secret that began it, when that is no longer taken after a rotation', async () => {
  const { token } = admin.tokenFile.add('mover', 'viewer');
  const cookie = await cookieFor({ password: token });
  const status = async () => (await admin.ask({ path: '/api/v1/status', headers: { cookie } })).status;
  const rotate = (overlap_s: number) =>
    admin.ask({
      method: 'POST',
      path: '/api/v1/tokens/mover/rotate',
      token: admin.tokens.get('admin'),
      body: JSON.stringify({ overlap_s }),
    });

  const first = await rotate(3_600);
  expect(first.status).toBe(200);
  expect(first.headers['cache-control']).toBe('no-store');
  const { secret, former_until } = JSON.parse(first.body) as { secret: string; former_until: string };
  expect(Date.parse(former_until)).toBeGreaterThan(Date.now() + 3_500_000);
  expect(await status(), 'the one before is still taken').toBe(200);
  const next = await cookieFor({ password: secret });
  expect((await rotate(0)).status).toBe(200);
  expect(await status()).toBe(401);
  expect((await admin.ask({ path: '/api/v1/status', headers: { cookie: next } })).status).toBe(401);
  await expect.poll(() => audit().filter(({ action }) => action === 'rotate-token').length).toBe(2);
  expect(admin.relay.memory.at('e').lines.join('')).not.toContain(secret);
});

test.each([
  ['nobody', {}, 404],
  ['jane', { overlap_s: -1 }, 400],
  ['jane', { overlap_s: 2_592_001 }, 400],
  ['jane', { overlap: 1 }, 400],
])('%s is not rotated with %j', async (name, body, status) => {
  const path = `/api/v1/tokens/${name}/rotate`;
  const answer = await admin.ask({
    method: 'POST',
    path,
    token: admin.tokens.get('admin'),
    body: JSON.stringify(body),
  });
  expect(answer.status, answer.body).toBe(status);
});

test.each([
  [{}],
  [{ name: 'jane' }],
  [{ name: 'jane', password: '' }],
  [{ name: 'jane', password: 1 }],
  [{ name: 'jane', password: 'x', more: 1 }],
  [{ name: 'jane', password: 'x'.repeat(201) }],
])('%j is no sign-in', async (credentials) => {
  expect((await signIn(credentials)).status).toBe(400);
});

test('who guesses has to wait, and the audit knows of it without what was typed', async () => {
  const guesser = await AdminHarness.start(CONFIG);
  try {
    const right = guesser.tokenFile.add('kim', 'viewer', 'password').token;
    const guess = (name: string, secret: string) =>
      guesser.ask({ method: 'POST', path: '/api/v1/session', body: JSON.stringify({ name, password: secret }) });
    for (let i = 0; i < 10; i++) expect((await guess('hunter2', `wrong-${i}`)).status).toBe(401);
    const blocked = await guess('kim', right);
    expect(blocked.status).toBe(429);
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
    await expect.poll(() => guesser.relay.memory.at('e').lines.length).toBe(10);
    expect(guesser.relay.memory.at('e').lines.join('')).not.toMatch(/hunter2|wrong-/);
  } finally {
    await guesser[Symbol.asyncDispose]();
  }
});

test('a password is no token, and a token’s name no way in', async () => {
  expect((await admin.ask({ path: '/api/v1/status', token: password })).status).toBe(401);
  expect((await signIn({ name: 'operator', password: 'x' })).status).toBe(401);
});

test('what somebody does is written to the audit, which goes to the endpoints', async () => {
  await admin.ask({ method: 'POST', path: '/api/v1/endpoints/e/resume', token: admin.tokens.get('operator') });
  await admin.ask({ method: 'POST', path: '/api/v1/reload', token: admin.tokens.get('viewer') });

  await expect.poll(audit).toContainEqual({ action: 'resume-endpoint', outcome: 'success', user: 'operator' });
  expect(audit()).toContainEqual({ action: 'sign-in', outcome: 'success', user: 'jane' });
});

test('an admin makes and removes tokens, and does not lock themselves out', async () => {
  const token = admin.tokens.get('admin');
  const made = await admin.ask({
    method: 'POST',
    path: '/api/v1/tokens',
    token,
    body: '{"name":"grafana","role":"viewer"}',
  });
  const { secret } = JSON.parse(made.body) as { secret: string };
  expect((await admin.ask({ path: '/api/v1/status', token: secret })).status).toBe(200);
  const listed = await admin.ask({ path: '/api/v1/tokens', token });
  expect(listed.body).toContain('"grafana"');
  expect(listed.body).not.toContain('sha256');
  expect((await admin.ask({ method: 'DELETE', path: '/api/v1/tokens/grafana', token })).status).toBe(200);
  expect((await admin.ask({ path: '/api/v1/status', token: secret })).status).toBe(401);
  const cookie = await cookieFor({ password: token });
  const gone = await admin.ask({
    method: 'DELETE',
    path: '/api/v1/tokens/admin',
    headers: { cookie, origin: `http://127.0.0.1:${admin.port}` },
  });
  expect(gone.status).toBe(409);
});

test('the config is shown without secrets, and the support bundle holds no record', async () => {
  const token = admin.tokens.get('operator');
  const config = await admin.ask({ path: '/api/v1/config', token });
  expect(JSON.parse(config.body)).toMatchObject({ config: CONFIG });
  const bundle = await admin.ask({ path: '/api/v1/support-bundle', token });
  expect(bundle.headers['content-disposition']).toMatch(/attachment; filename="spillway-support-.*\.json"/);
  expect(JSON.parse(bundle.body)).toMatchObject({ version: '0.0.0', warnings: [{ message: 'something is odd' }] });
  expect(bundle.body).not.toContain('spillway.audit');
});

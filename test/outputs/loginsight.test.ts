import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeAnswer, failureOf, parseRetryAfter } from '../../relay/outputs/loginsight/answers.ts';
import { logInsight } from '../../relay/outputs/loginsight/index.ts';
import { Certificates } from '../support/certificates.ts';
import { LogInsightStandIn, USER, type StandInOptions } from '../support/log-insight-stand-in.ts';
import { delivery, line, OutputFixture, RELAY_ID } from '../support/output-fixture.ts';

let folder = '';
let passwordFile = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'loginsight-'));
  passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${USER.password}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function outputFor(server: LogInsightStandIn, options: Record<string, unknown> = {}): OutputFixture {
  return OutputFixture.create(logInsight, { url: `http://127.0.0.1:${server.port}`, ...options });
}

const withLogin = (): Record<string, unknown> => ({ username: USER.username, password_file: passwordFile });

test.each([
  { api: 'v1', path: `/api/v1/events/ingest/${RELAY_ID}`, generation: 'classic' },
  { api: 'v2', path: `/api/v2/events/ingest/${RELAY_ID}`, generation: 'classic' },
  { api: 'v2_events', path: '/api/v2/events', generation: 'classic' },
  { api: 'v9', path: '/api/v2/events', generation: '9.1' },
] as const)('$api delivers records to $path', async ({ api, path, generation }) => {
  await using server = await LogInsightStandIn.start({ generation });
  await using relay = outputFor(server, { api });

  await relay.deliver(delivery(line({ message: 'one', host: { name: 'web-1' } }), line({ message: 'two' })));

  expect(server.requests).toMatchObject([{ path, status: 200, headers: { 'content-encoding': 'gzip' } }]);
  expect(server.events.map((e) => e.text)).toEqual(['one', 'two']);
  expect(server.events[0]?.fields).toMatchObject({ hostname: 'web-1', log_time: '2026-11-22T05:20:10.120Z' });
  expect(relay.logged).toEqual([]);
});

test('more than a request may hold goes in several, in order', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server, { records_max: 10 });

  await relay.deliver(delivery(...Array.from({ length: 25 }, (_, i) => line({ message: `m${i}` }))));

  expect(server.requests).toHaveLength(3);
  expect(server.events.map((e) => e.text)).toEqual(Array.from({ length: 25 }, (_, i) => `m${i}`));
});

test('a record of a megabyte arrives whole, in parts', async () => {
  await using server = await LogInsightStandIn.start({ generation: '9.1' });
  await using relay = outputFor(server, { api: 'v9' });
  const message = 'ä"\n'.repeat(262_144);

  await relay.deliver(delivery(line({ message })));

  expect(server.events.map((e) => e.text).join('')).toBe(message);
  expect(server.requests.length).toBeGreaterThan(1);
});

test('newlines and controls in a record make no second event', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  const evil = 'a\n<34>1 forged\r\n\u0000\u2028{"text":"x"}"],"events":[';

  await relay.deliver(delivery(line({ message: evil, host: { name: evil }, labels: { [evil]: evil } })));

  expect(server.events).toHaveLength(1);
  expect(server.events[0]).toMatchObject({ text: evil, fields: { hostname: evil } });
});

test('old records lose their time without a login and keep it with one; the field has it always', async () => {
  await using server = await LogInsightStandIn.start();
  await using anonymous = outputFor(server);
  await using known = outputFor(server, withLogin());
  const old = delivery(line({ '@timestamp': '2026-11-21T00:00:00.000Z' }));

  await anonymous.deliver(old);
  await known.deliver(old);

  expect(server.events.map((e) => e.restamped)).toEqual([true, false]);
  expect(server.events.map((e) => e.fields['log_time'])).toEqual(Array(2).fill('2026-11-21T00:00:00.000Z'));
});

test('one login serves many requests', async () => {
  await using server = await LogInsightStandIn.start({ needsLogin: true });
  await using relay = outputFor(server, withLogin());

  await Promise.all([relay.deliver(delivery(line())), relay.deliver(delivery(line()))]);
  await relay.deliver(delivery(line()));

  expect(server.requests.filter((r) => r.path === '/api/v2/sessions')).toHaveLength(1);
  expect(server.events).toHaveLength(3);
});

test.each(['forgotten', 'timed out'] as const)(
  'a session that was %s is replaced, and nothing is lost',
  async (how) => {
    await using server = await LogInsightStandIn.start({ needsLogin: true });
    await using relay = outputFor(server, withLogin());
    await relay.deliver(delivery(line()));
    server.endSessions(how);

    await relay.deliver(delivery(line()));

    expect(server.requests.map((r) => r.status)).toEqual([200, 200, how === 'forgotten' ? 401 : 440, 200, 200]);
    expect(server.events).toHaveLength(2);
  },
);

test('a session is renewed before it ends', async () => {
  await using server = await LogInsightStandIn.start({ needsLogin: true, sessionSeconds: 100 });
  await using relay = outputFor(server, withLogin());
  await relay.deliver(delivery(line()));
  relay.clock.shiftMs += 91_000;
  server.nowMs += 91_000;

  await relay.deliver(delivery(line()));

  expect(server.requests.map((r) => r.status)).toEqual([200, 200, 200, 200]);
});

test.each([
  ['a wrong password', { status: 401, body: '{"errorMessage":"Invalid username or password."}' }],
  ['an unknown provider', { status: 400, body: '{"errorMessage":"Unknown provider"}' }],
])('%s asks for an operator and is tried again', async (_what, fault) => {
  await using server = await LogInsightStandIn.start({ needsLogin: true });
  await using relay = outputFor(server, withLogin());
  server.failNext(fault);

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_UNAUTHORIZED',
    disposition: 'retry',
  });
  await relay.deliver(delivery(line()));

  expect(server.events).toHaveLength(1);
});

test('a server that takes no session at all is asked twice, not for ever', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server, withLogin());
  const no = { status: 401, body: 'Invalid session ID' };
  server.failNext({}, no, {}, no);

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_UNAUTHORIZED',
    message: 'the server answered 401: Invalid session ID',
  });
  expect(server.requests).toHaveLength(4);
});

test('a server that is not set up yet says so at the login, with a time to wait', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server, withLogin());
  server.failNext({ status: 503, headers: { 'retry-after': '9' } });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_THROTTLED',
    retryAfterMs: 9_000,
  });
});

test('a password file that is not there at start stops the relay; one that is gone later asks for an operator, and works once it is back', async () => {
  await using server = await LogInsightStandIn.start({ needsLogin: true });
  const file = join(folder, 'passing-password');
  const options = { username: USER.username, password_file: file };
  expect(() => outputFor(server, options)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  writeFileSync(file, USER.password);
  await using relay = outputFor(server, options);
  rmSync(file);

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_UNAUTHORIZED',
    disposition: 'retry',
  });
  writeFileSync(file, USER.password);
  await relay.deliver(delivery(line()));

  expect(server.events).toHaveLength(1);
});

test('an agent’s secret is replaced on disk at each exchange', async () => {
  await using server = await LogInsightStandIn.start({ generation: '9.1', needsLogin: true });
  const file = join(folder, 'agent-secret');
  writeFileSync(file, 'first-secret\n');
  await using relay = outputFor(server, { api: 'v9', agent_secret_file: file });
  const secrets: string[] = [];

  for (let i = 0; i < 3; i++) {
    server.endSessions('timed out');
    await relay.deliver(delivery(line()));
    secrets.push(readFileSync(file, 'utf8'));
    expect(readFileSync(file, 'utf8').trim()).toBe(server.secret);
  }

  expect(new Set(secrets).size).toBe(3);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(server.events).toHaveLength(3);
});

test('a secret that could not be replaced is not used up, so that the relay never locks itself out', async () => {
  await using server = await LogInsightStandIn.start({ generation: '9.1', needsLogin: true });
  const file = join(folder, 'blocked-secret');
  writeFileSync(file, 'first-secret');
  // A folder stands where the next secret would be written.
  mkdirSync(`${file}.next`);
  await using relay = outputFor(server, { api: 'v9', agent_secret_file: file });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_UNAUTHORIZED' });
  expect(server.requests).toEqual([]);
  rmSync(`${file}.next`, { recursive: true });
  await relay.deliver(delivery(line()));

  expect(server.events).toHaveLength(1);
});

test('a token file is read again when its token is refused', async () => {
  await using server = await LogInsightStandIn.start({ generation: '9.1' });
  const file = join(folder, 'token');
  writeFileSync(file, 'old');
  await using relay = outputFor(server, { api: 'v9', token_file: file });
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_UNAUTHORIZED' });
  writeFileSync(file, 'new');

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_UNAUTHORIZED' });

  expect(server.requests.map((r) => r.headers['x-jwt-token'])).toEqual(['old', 'old', 'new', 'new']);
});

test('of several records one is refused, so all are, and the reason is told; alone it is named', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  const no = { status: 400, body: '{"errorMessage":"Bad \\u001b[2J\\nfield\\u2028"}' };
  await relay.deliver(delivery(line()));

  server.failNext(no);
  await expect(relay.deliver(delivery(line(), line()))).rejects.toMatchObject({
    code: 'OUTPUT_REFUSED_BATCH',
    message: 'the server answered 400: Bad [2J field',
  });
  server.failNext(no);
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_REFUSED_RECORD',
    recordIndex: 0,
  });
});

test('where a record stands in a request of its own, it is named with its place', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server, { records_max: 1, gzip: false });
  server.failNext({}, {}, { status: 413 });

  await expect(relay.deliver(delivery(line(), line(), line(), line()))).rejects.toMatchObject({
    code: 'OUTPUT_REFUSED_RECORD',
    recordIndex: 2,
  });
  expect(server.events).toHaveLength(2);
});

test('a server that takes no gzip gets none from then on', async () => {
  await using server = await LogInsightStandIn.start({ gzip: false });
  await using relay = outputFor(server);

  await relay.deliver(delivery(line()));
  await relay.deliver(delivery(line()));

  expect(server.requests.map((r) => [r.headers['content-encoding'], r.status])).toEqual([
    ['gzip', 400],
    [undefined, 200],
    [undefined, 200],
  ]);
  expect(relay.logged).toEqual(['warn the server takes no gzip, sending without']);
});

test('a 400 for a bad event does not turn gzip off', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  server.failNext({ status: 400 }, { status: 400 });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_REFUSED_RECORD' });
  await relay.deliver(delivery(line()));

  expect(server.requests.map((r) => r.headers['content-encoding'])).toEqual(['gzip', undefined, 'gzip']);
});

test('a throttled answer whose body never ends is acted on by its status', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  server.failNext({ status: 429, headers: { 'retry-after': '3' }, endless: true });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_THROTTLED',
    retryAfterMs: 3_000,
  });
  await relay.deliver(delivery(line()));

  expect(server.events).toHaveLength(1);
});

test('a redirect is not followed, and no record is blamed for it', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  server.failNext({ status: 307, headers: { location: `http://127.0.0.1:${server.port}/elsewhere` } });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_PROTOCOL',
    disposition: 'retry',
  });

  expect(server.requests).toHaveLength(1);
});

test('a count that differs is told once and is no failure', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  server.miscounts = true;

  await relay.deliver(delivery(line()));
  await relay.deliver(delivery(line()));

  expect(relay.logged).toEqual(['error the server took another number of events than it was sent']);
});

test('a server that hangs, one that resets and one that is not there are tried again later', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server, { timeout_ms: 200 });
  server.failNext({ ending: 'hang' }, { ending: 'reset' });

  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await server[Symbol.asyncDispose]();
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
  await expect(relay.output.probe(new AbortController().signal)).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
});

test('an aborted delivery gives up at once', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  server.failNext({ ending: 'hang' });
  const stop = new AbortController();

  const delivering = relay.deliver(delivery(line()), stop.signal);
  const outcome = expect(delivering).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await expect.poll(() => server.requests.length).toBe(1);
  stop.abort();

  await outcome;
});

test('connections are opened anew when they are old', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  await relay.deliver(delivery(line()));
  await relay.deliver(delivery(line()));
  expect(server.connections).toBe(1);
  relay.clock.shiftMs += 300_000;

  await relay.deliver(delivery(line()));

  expect(server.connections).toBe(2);
});

test('an output that was closed connects again', async () => {
  await using server = await LogInsightStandIn.start();
  await using relay = outputFor(server);
  await relay.deliver(delivery(line()));

  await relay.output.close();
  await relay.output.close();
  await relay.deliver(delivery(line()));

  expect(server.events).toHaveLength(2);
});

test('a probe logs in and sends no record', async () => {
  await using server = await LogInsightStandIn.start({ needsLogin: true });
  await using relay = outputFor(server, withLogin());

  await relay.output.probe(new AbortController().signal);

  expect(server.requests.map((r) => r.path)).toEqual(['/api/v2/sessions', '/api/v2/version']);
  expect(server.events).toEqual([]);
});

test('TLS is checked against the operator’s authority or fingerprint', async () => {
  using certificates = new Certificates();
  const options: StandInOptions = { tls: certificates.server };
  await using server = await LogInsightStandIn.start(options);
  const reach = async (tls: Record<string, unknown>): Promise<string> => {
    await using relay = OutputFixture.create(logInsight, { url: `https://127.0.0.1:${server.port}`, tls });
    return relay.deliver(delivery(line())).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  };
  const wrong = 'AA:'.repeat(31) + 'AA';

  expect(await reach({ ca_file: certificates.ca.cert })).toBe('taken');
  expect(await reach({ fingerprint_sha256: certificates.fingerprint(certificates.server) })).toBe('taken');
  expect(await reach({ fingerprint_sha256: wrong })).toBe('OUTPUT_TLS_FAILED');
  expect(await reach({})).toBe('OUTPUT_TLS_FAILED');
  expect(await reach({ verify: false })).toBe('taken');
});

test.each([
  { status: 200, code: undefined },
  { status: 204, code: undefined },
  { status: 301, code: 'OUTPUT_PROTOCOL', disposition: 'retry' },
  { status: 400, code: 'OUTPUT_REFUSED_BATCH', disposition: 'reject' },
  { status: 401, code: 'OUTPUT_UNAUTHORIZED', disposition: 'retry' },
  { status: 403, code: 'OUTPUT_UNAUTHORIZED', disposition: 'retry' },
  { status: 404, code: 'OUTPUT_PROTOCOL', disposition: 'retry' },
  { status: 408, code: 'OUTPUT_TIMEOUT', disposition: 'retry' },
  { status: 413, code: 'OUTPUT_REFUSED_BATCH', disposition: 'reject' },
  { status: 429, code: 'OUTPUT_THROTTLED', disposition: 'retry' },
  { status: 440, code: 'OUTPUT_UNAUTHORIZED', disposition: 'retry' },
  { status: 500, code: 'OUTPUT_UNREACHABLE', disposition: 'retry' },
  { status: 503, code: 'OUTPUT_THROTTLED', disposition: 'retry' },
])('status $status means $code', ({ status, code, disposition }) => {
  const failure = failureOf({ status, retryAfter: undefined, text: '' }, { records: 2, firstRecord: 0, nowMs: 0 });

  expect(failure?.code).toBe(code);
  expect(failure?.disposition).toBe(disposition);
});

test.each([
  ['7', 7_000],
  [' 0 ', 0],
  ['999999999', 3_600_000],
  ['Sun, 22 Nov 2026 05:20:30 GMT', 20_000],
  ['Sun, 22 Nov 2026 05:20:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %j is a wait of %j ms', (text, waitMs) => {
  expect(parseRetryAfter(text, Date.parse('2026-11-22T05:20:10Z'))).toBe(waitMs);
});

test('a reason is cut and cannot act on a terminal', () => {
  const text = `\u001b]0;owned\u0007${'x'.repeat(1_000)}`;

  expect(describeAnswer({ status: 400, retryAfter: undefined, text })).toBe(`400: ]0;owned ${'x'.repeat(291)}`);
});

test.each([
  [{ url: 'ftp://a' }, 'url'],
  [{ url: 'https://user:pass@a' }, 'url'],
  [{ username: 'a' }, 'password_file'],
  [{ token_file: 'a' }, 'api'],
  [{ api: 'v9', token_file: 'a', agent_secret_file: 'b' }, 'username'],
  [{ api: 'v9', request_bytes_max: 2_000_000 }, 'request_bytes_max'],
  [{ flavour: 'x' }, ''],
])('the options %j are refused at %j', (options, path) => {
  const result = logInsight.options.safeParse({ url: 'https://a', ...options });

  expect(result.error?.issues[0]?.path.join('.')).toBe(path);
});

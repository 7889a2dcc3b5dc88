import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { LogInsightStandIn, USER, type StandInOptions } from './log-insight-stand-in.ts';

const INGEST = '/api/v1/events/ingest/4b1ff7a2-5a9e-4d0f-9f1e-0c8d7a6b5e4f';

async function post(
  server: LogInsightStandIn,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const payload = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: payload as string,
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function login(server: LogInsightStandIn): Promise<string> {
  const answer = await post(server, '/api/v2/sessions', USER);
  return (JSON.parse(answer.text) as { sessionId: string }).sessionId;
}

async function refusal(event: unknown, options: StandInOptions = {}, path = INGEST): Promise<string> {
  await using server = await LogInsightStandIn.start(options);
  const good = { text: 'good' };
  const body = path === INGEST ? { events: [good, event, good] } : [good, event, good];

  const answer = await post(server, path, body);

  expect(server.events).toHaveLength(answer.status === 200 ? 3 : 0);
  expect([200, 400]).toContain(answer.status);
  return answer.status === 200 ? 'taken' : (JSON.parse(answer.text) as { errorMessage: string }).errorMessage;
}

test('events are taken and counted as ingested', async () => {
  await using server = await LogInsightStandIn.start();

  const answer = await post(server, INGEST, { events: [{ text: 'a' }, { fields: [{ name: 'b', content: 'c' }] }] });

  expect(answer).toMatchObject({ status: 200, text: '{"status":"ok","message":"events ingested","ingested":2}' });
  expect(server.events.map((e) => e.fields)).toEqual([{}, { b: 'c' }]);
});

test.each([
  ['a reserved name', { fields: [{ name: 'source', content: 'x' }] }, 'Field name source is reserved'],
  ['an upper-case name', { fields: [{ name: 'Host', content: 'x' }] }, 'Invalid field name Host'],
  [
    'a name twice',
    {
      fields: [
        { name: 'a', content: 'x' },
        { name: 'a', content: 'y' },
      ],
    },
    'Duplicate field a',
  ],
  ['a number as content', { fields: [{ name: 'a', content: 1 }] }, 'The content of a must be a string'],
  [
    'another property in a field',
    { fields: [{ name: 'a', content: '', type: 1 }] },
    'Unexpected property type in a field',
  ],
  ['another property', { severity: 1 }, 'Unexpected property severity'],
  ['a text that is none', { text: 1 }, 'text must be a string'],
  ['a text of more than 16 KB', { text: 'x'.repeat(16_385) }, 'text is too long'],
  ['a time in words', { timestamp: 'now' }, 'timestamp must be an integer'],
])('one event with %s makes it refuse all', async (_what, event, reason) => {
  expect(await refusal(event)).toBe(reason);
});

test('flat events and those of 9.1 have rules of their own', async () => {
  const flat = '/api/v2/events';
  const long = { ['x'.repeat(65)]: 'a' };

  expect(await refusal({ text: 'a', [`x`.repeat(65)]: 'b' }, {}, flat)).toBe('taken');
  expect(await refusal({ text: 'a', event_type: 'b' }, {}, flat)).toBe('Field name event_type is reserved');
  expect(await refusal({ text: 'a', n: 1 }, {}, flat)).toBe('The content of n must be a string');
  expect(await refusal({ fields: { a: 'b' } }, { generation: '9.1' }, flat)).toBe('taken');
  expect(await refusal({ fields: long }, { generation: '9.1' }, flat)).toMatch('is too long');
  expect(await refusal({ a: 'b' }, { generation: '9.1' }, flat)).toBe('Unexpected property a');
});

test('a body without events, and one that is no JSON, are refused', async () => {
  await using server = await LogInsightStandIn.start();

  expect(await post(server, INGEST, {})).toMatchObject({ status: 400, text: '{"errorMessage":"Missing events"}' });
  expect(await post(server, INGEST, '{')).toMatchObject({ status: 400, text: '{"errorMessage":"Invalid JSON"}' });
});

test('gzip is unpacked, or taken for broken JSON', async () => {
  const packed = gzipSync('{"events":[{"text":"a"}]}');
  await using server = await LogInsightStandIn.start();
  await using deaf = await LogInsightStandIn.start({ gzip: false });

  expect(await post(server, INGEST, packed, { 'content-encoding': 'gzip' })).toMatchObject({ status: 200 });
  expect(await post(deaf, INGEST, packed, { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
});

test('a body above the limit is refused with 413: 4 MB, and 1 MB in 9.1', async () => {
  await using server = await LogInsightStandIn.start();
  await using next = await LogInsightStandIn.start({ generation: '9.1' });
  const events = (count: number): object[] => Array.from({ length: count }, () => ({ text: 'x'.repeat(10_000) }));

  expect(await post(server, INGEST, { events: events(150) })).toMatchObject({ status: 200 });
  expect(await post(server, INGEST, { events: events(450) })).toMatchObject({ status: 413 });
  expect(await post(next, '/api/v2/events', events(150))).toMatchObject({ status: 413 });
});

test('events more than ten minutes off are stamped anew, unless they come with a login', async () => {
  await using server = await LogInsightStandIn.start();
  const body = { events: [{ timestamp: server.nowMs - 599_000 }, { timestamp: server.nowMs - 601_000 }] };

  await post(server, INGEST, body);
  await post(server, INGEST, body, { authorization: `Bearer ${await login(server)}` });

  expect(server.events.map((e) => e.restamped)).toEqual([false, true, false, false]);
  expect(server.events[1]?.timestamp).toBe(server.nowMs);
});

test('a wrong login is refused, a session ends with 440, and an unknown one is 401, both in plain text', async () => {
  await using server = await LogInsightStandIn.start({ needsLogin: true, sessionSeconds: 60 });
  const body = { events: [{ text: 'a' }] };
  const bearer = { authorization: `Bearer ${await login(server)}` };

  expect(await post(server, '/api/v2/sessions', { ...USER, password: 'x' })).toMatchObject({ status: 401 });
  expect(await post(server, INGEST, body)).toMatchObject({ status: 401, text: 'Invalid session ID' });
  expect(await post(server, INGEST, body, bearer)).toMatchObject({ status: 200 });
  server.nowMs += 60_000;
  expect(await post(server, INGEST, body, bearer)).toMatchObject({ status: 440, text: 'Login Timeout' });
  server.endSessions('forgotten');
  expect(await post(server, INGEST, body, bearer)).toMatchObject({ status: 401, text: 'Invalid session ID' });
});

test('an agent’s secret is good for one exchange, and 9.1 counts what it received', async () => {
  await using server = await LogInsightStandIn.start({ generation: '9.1', needsLogin: true });
  const path = '/api/v2/agent/secrets/exchange';

  const answer = await post(server, path, { secret: 'first-secret', ttl: 60_000 });
  const grant = JSON.parse(answer.text) as { access_token: string; new_secret: string };
  const taken = await post(server, '/api/v2/events', [{ text: 'a' }], { 'x-jwt-token': grant.access_token });

  expect(taken).toMatchObject({ status: 200, text: expect.stringContaining('"received":1') as string });
  expect(await post(server, path, { secret: 'first-secret', ttl: 60_000 })).toMatchObject({ status: 401 });
  expect(await post(server, path, { secret: grant.new_secret, ttl: 1 })).toMatchObject({ status: 400 });
  expect(await post(server, path, { secret: grant.new_secret, ttl: 60_000 })).toMatchObject({ status: 200 });
});

test('faults are answered one by one, Retry-After included', async () => {
  await using server = await LogInsightStandIn.start();
  server.failNext({ status: 503, headers: { 'retry-after': '7' }, body: 'overloaded' }, { ending: 'reset' });

  const answer = await post(server, INGEST, { events: [] });

  expect(answer).toMatchObject({ status: 503, text: 'overloaded' });
  expect(answer.headers.get('retry-after')).toBe('7');
  await expect(post(server, INGEST, { events: [{ text: 'taken all the same' }] })).rejects.toThrow('fetch failed');
  expect(server.events).toHaveLength(1);
});

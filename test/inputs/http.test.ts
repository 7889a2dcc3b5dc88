import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import { compress } from 'snappyjs';
import { describe, expect, test } from 'vitest';
import { http } from '../../relay/inputs/http/index.ts';
import { RawConnection, post } from '../support/http-exchange.ts';
import { InputHarness } from '../support/input-harness.ts';

const FLUENT_BIT = { 'user-agent': 'Fluent-Bit' };

function start(options: Record<string, unknown> = {}): Promise<InputHarness> {
  return InputHarness.start(http, { listen: 'http://127.0.0.1:0', ...options });
}

function messages(input: InputHarness): unknown[] {
  return input.records.map((record) => record['message'] as unknown);
}

test('a record is answered for only once it is kept', async () => {
  await using input = await start();
  input.hold();
  let answered = false;

  const reply = post(input.port, '{"message":"hello"}').finally(() => (answered = true));
  await expect.poll(() => input.context.counters.records).toBe(1);
  expect(answered).toBe(false);
  input.release();

  expect(await reply).toMatchObject({ status: 200, text: '{"accepted":1}' });
  expect(input.records[0]).toMatchObject({
    message: 'hello',
    source: { ip: '127.0.0.1' },
    spillway: { input: 'test', format: 'json' },
  });
});

describe('formats', () => {
  test.each([
    ['one object', 'application/json', '{"message":"a"}', ['a']],
    ['an array', 'application/json; charset=utf-8', '[{"message":"a"},{"message":"b"}]', ['a', 'b']],
    [
      'objects back to back',
      'application/json',
      '{"message":"a"}{"message":"b"} \r\n {"message":"c"}',
      ['a', 'b', 'c'],
    ],
    ['objects over several lines', 'application/json', '{\n "message":\n "a"\n}\n{"message":"b"}', ['a', 'b']],
    ['an array of strings', 'application/json', '["a","\\u0062"]', ['a', 'b']],
    ['lines', 'application/x-ndjson', '{"message":"a"}\n\n{"message":"b"}\r\n', ['a', 'b']],
    ['lines without a type', '', '{"message":"a"}\n{"message":"b"}', ['a', 'b']],
    ['what curl calls a form', 'application/x-www-form-urlencoded', '{"message":"a"}', ['a']],
    ['text', 'text/plain', 'a\r\n\nb {"message":"no"}\nc', ['a', 'b {"message":"no"}', 'c']],
    ['text without a type', '', 'just text', ['just text']],
    ['a byte order mark before JSON', 'application/json', '\ufeff{"message":"a"}', ['a']],
  ])('%s as %s', async (_, contentType, body, expected) => {
    await using input = await start();

    const reply = await post(input.port, body, { headers: { 'content-type': contentType } });

    expect(reply).toMatchObject({ status: 200, text: `{"accepted":${expected.length}}` });
    expect(messages(input)).toEqual(expected);
    expect(input.flags['unparsed']).toBeUndefined();
  });

  test('MessagePack: entries, plain maps and arrays of them', async () => {
    await using input = await start();
    const values = [
      [1_795_317_047, { log: 'a', n: 2n ** 60n }],
      { message: 'b' },
      [{ message: 'c' }, { message: 'd' }],
    ];

    await post(input.port, Buffer.concat(values.map((value) => encode(value, { useBigInt64: true }))), {
      headers: { 'content-type': 'application/msgpack' },
    });

    expect(messages(input)).toEqual(['a', 'b', 'c', 'd']);
    expect(input.lines[0]).toContain('"n":1152921504606846976');
    expect(input.records[0]).toMatchObject({
      '@timestamp': '2026-11-22T03:10:47.000Z',
      spillway: { format: 'msgpack' },
    });
  });

  test('MessagePack that is broken is kept from the place where it breaks', async () => {
    await using input = await start();
    const body = Buffer.concat([encode({ message: 'a' }), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0x01])]);

    const reply = await post(input.port, body, { headers: { 'content-type': 'application/msgpack' } });

    expect(reply.text).toBe('{"accepted":2}');
    expect(input.records[1]!['spillway']).toMatchObject({
      flags: ['unparsed', 'invalid_utf8'],
      original_base64: body.subarray(-6).toString('base64'),
    });
  });

  test('an array of two strings in MessagePack is no entry: both are kept', async () => {
    await using input = await start();
    const body = encode(['a', 'b']);

    await post(input.port, Buffer.from(body), { headers: { 'content-type': 'application/msgpack' } });

    const kept = input.records.map((record) => record['message']).join('|');
    expect(kept).toMatch(/a/);
    expect(kept).toMatch(/b/);
  });

  test('an empty body is no record', async () => {
    await using input = await start();

    expect(await post(input.port, '')).toMatchObject({ status: 200, text: '{"accepted":0}' });
  });

  test('a broken line harms no other line', async () => {
    await using input = await start();
    const bad = [
      '{"message":"cut',
      '{"a":[1,',
      'no json',
      '{"raw":"a\tb"}',
      '{"a":01}',
      '{"a":1,}',
      '{"nul":"\0"}',
      '12:30',
    ];
    const body = bad.flatMap((line, i) => [line, `{"message":"${i}"}`]).join('\n');

    const reply = await post(input.port, body, { headers: { 'content-type': 'application/x-ndjson' } });

    expect(reply.text).toBe(`{"accepted":${2 * bad.length}}`);
    expect(messages(input)).toEqual(bad.flatMap((line, i) => [line, String(i)]));
    expect(input.flags['unparsed']).toBe(bad.length);
  });
});

describe('encodings', () => {
  const text = '{"message":"packed"}\n'.repeat(100);
  test.each([
    ['gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['snappy', Buffer.from(compress(Buffer.from(text)))],
    ['identity', Buffer.from(text)],
  ])('%s is unpacked', async (encoding, body) => {
    await using input = await start();

    const reply = await post(input.port, body, { headers: { 'content-encoding': encoding } });

    expect(reply).toMatchObject({ status: 200, text: '{"accepted":100}' });
    expect(new Set(messages(input))).toEqual(new Set(['packed']));
  });

  test.each(['br', 'gzip, gzip', 'gzip,identity', 'compress', '__proto__', 'toString'])(
    '%s is refused, and nothing is stored',
    async (encoding) => {
      await using input = await start();

      const reply = await post(input.port, gzipSync(text), { headers: { 'content-encoding': encoding } });

      expect(reply.status).toBe(415);
      expect(input.refusals).toEqual({ unsupported: 1 });
      expect(input.lines).toEqual([]);
    },
  );

  test.each(['gzip', 'deflate', 'zstd', 'snappy'])('%s that is none is kept as it came', async (encoding) => {
    await using input = await start();
    const body = Buffer.from([0xff, 0x01, 0x02, 0xfe, 0x7b]);

    const reply = await post(input.port, body, { headers: { 'content-encoding': encoding } });

    expect(reply).toMatchObject({ status: 200, text: '{"accepted":1}' });
    expect(input.records[0]!['spillway']).toMatchObject({
      flags: ['unparsed', 'invalid_utf8'],
      original_base64: body.toString('base64'),
    });
  });
});

describe('who may send', () => {
  const folder = mkdtempSync(join(tmpdir(), 'http-auth-'));
  const password_file = join(folder, 'password');
  const token_file = join(folder, 'token');
  writeFileSync(password_file, 'p@ss:word\n');
  writeFileSync(token_file, 't0ken\n');
  const auth = { users: [{ name: 'relay', password_file }], tokens: [{ name: 'ci', token_file }] };
  const basic = (text: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  });

  test.each([basic('relay:p@ss:word'), { authorization: 'Bearer t0ken' }, { authorization: 'bearer t0ken' }])(
    '%o may',
    async (headers) => {
      await using input = await start({ auth });

      expect(await post(input.port, '{"message":"a"}', { headers })).toMatchObject({ status: 200 });
    },
  );

  const wrong = [
    {},
    basic('relay:p@ss:wor'),
    basic('relay:p@ss:word2'),
    basic('relay'),
    basic(':'),
    basic('other:p@ss:word'),
    { authorization: 'Bearer t0ke' },
    { authorization: 'Bearer ' },
    { authorization: 'Basic t0ken' },
    { authorization: 'Digest t0ken' },
  ];
  test.each(wrong)('%o may not; Fluent Bit is told to try again, everybody else that they may not', async (headers) => {
    await using input = await start({ auth });

    const stranger = await post(input.port, '{"message":"a"}', { headers });
    const fluentBit = await post(input.port, '{"message":"a"}', { headers: { ...headers, ...FLUENT_BIT } });

    expect(stranger.status).toBe(401);
    expect(stranger.headers.get('www-authenticate')).toContain('Basic');
    expect(fluentBit.status).toBe(503);
    expect(fluentBit.headers.get('retry-after')).toBe('5');
    expect(input.refusals).toEqual({ unauthorized: 2 });
    expect(input.lines).toEqual([]);
  });

  test('a file without a secret stops the input', async () => {
    writeFileSync(join(folder, 'empty'), '\n');
    const users = [{ name: 'relay', password_file: join(folder, 'empty') }];

    await expect(start({ auth: { users } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(http.options.safeParse({ listen: 'http://127.0.0.1:0', auth: {} }).success).toBe(false);
    rmSync(join(folder, 'empty'));
  });
});

describe('tags', () => {
  test.each([
    ['/ingest', {}, undefined],
    ['/', {}, undefined],
    ['/ingest/gha.pages?x=1', {}, 'gha.pages'],
    ['/ingest/a%20b/c', {}, 'a b/c'],
    ['/ingest/%ff', {}, '%ff'],
    ['/ingest/path', { 'X-Tag': 'header' }, 'header'],
  ])('%s with %o', async (path, headers, expected) => {
    await using input = await start();

    expect(await post(input.port, '{"message":"a"}', { path, headers })).toMatchObject({ status: 200 });
    expect(input.records[0]!['spillway'].tag).toBe(expected);
  });
});

test('other paths and methods are refused; GET / says what to do', async () => {
  await using input = await start();

  expect(await post(input.port, 'x', { path: '/other' })).toMatchObject({ status: 404 });
  expect(await post(input.port, 'x', { path: '/ingestion' })).toMatchObject({ status: 404 });
  expect(await post(input.port, 'x', { method: 'DELETE' })).toMatchObject({ status: 405 });
  expect(await post(input.port, '', { path: '/', method: 'GET' })).toMatchObject({
    status: 200,
    text: expect.stringContaining('POST'),
  });
  expect(input.lines).toEqual([]);
});

describe('repeats', () => {
  const body = '{"date":1795317047.107588,"log":"once"}\n';

  test('the same body from Fluent Bit is stored once', async () => {
    await using input = await start();

    expect((await post(input.port, body, { headers: FLUENT_BIT })).text).toBe('{"accepted":1}');
    expect((await post(input.port, body, { headers: FLUENT_BIT })).text).toBe('{"accepted":1,"repeat":true}');
    expect(input.lines).toHaveLength(1);
  });

  test('another path or tag makes it another body', async () => {
    await using input = await start();

    await post(input.port, body, { headers: FLUENT_BIT });
    await post(input.port, body, { headers: FLUENT_BIT, path: '/ingest/a' });
    await post(input.port, body, { headers: { ...FLUENT_BIT, 'X-Tag': 'b' } });

    expect(input.lines).toHaveLength(3);
  });

  test('the same text twice from anybody else may be meant, unless a key says otherwise', async () => {
    await using input = await start();

    await post(input.port, 'alive');
    await post(input.port, 'alive');
    await post(input.port, 'alive', { headers: { 'Idempotency-Key': '1' } });
    await post(input.port, 'alive', { headers: { 'Idempotency-Key': '1' } });
    await post(input.port, 'alive', { headers: { 'Idempotency-Key': '2' } });
    await post(input.port, 'another text', { headers: { 'Idempotency-Key': '2' } });

    expect(messages(input)).toEqual(['alive', 'alive', 'alive', 'alive', 'another text']);
  });

  test.each([
    ['all', {}, 1],
    ['none', FLUENT_BIT, 2],
  ])('`repeats: %s`', async (repeats, headers, expected) => {
    await using input = await start({ repeats });

    await post(input.port, body, { headers });
    await post(input.port, body, { headers });

    expect(input.lines).toHaveLength(expected);
  });
});

describe('while the journal', () => {
  test('is full, senders are told to come again', async () => {
    await using input = await start({ retry_after_s: 7 });
    input.refuse();

    const reply = await post(input.port, '{"message":"a"}');
    input.refuse(false);

    expect(reply.status).toBe(503);
    expect(reply.headers.get('retry-after')).toBe('7');
    expect(await post(input.port, '{"message":"a"}')).toMatchObject({ status: 200 });
    expect(messages(input)).toEqual(['a']);
  });

  test('takes too long, the sender is told to come again, and its repeat is found', async () => {
    await using input = await start({ answer_timeout_ms: 100 });
    input.hold();

    const first = await post(input.port, '{"log":"a"}', { headers: FLUENT_BIT });
    input.release();
    const second = await post(input.port, '{"log":"a"}', { headers: FLUENT_BIT });

    expect(first.status).toBe(503);
    expect(second).toMatchObject({ status: 200, text: '{"accepted":1,"repeat":true}' });
    expect(messages(input)).toEqual(['a']);
  });
});

test('stopping lets a running request finish, and then does not wait for its connection', async () => {
  await using input = await start({ stop_timeout_ms: 600_000 });
  input.hold();
  const reply = post(input.port, '{"message":"last"}');
  await expect.poll(() => input.context.counters.records).toBe(1);

  const stopped = input.input.stop();
  input.release();

  expect(await reply).toMatchObject({ status: 200 });
  await stopped;
  expect(messages(input)).toEqual(['last']);
  await input.input.stop();
});

test('stopping does not wait for ever', async () => {
  await using input = await start({ stop_timeout_ms: 100 });
  await using slow = await RawConnection.open(input.port);
  slow.send('POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
  await expect.poll(() => input.context.counters.connections).toBe(1);

  await input.input.stop();

  await expect.poll(() => slow.closed).toBe(true);
  expect(input.lines).toEqual([]);
});

test('an address already in use stops the input with a code an operator can look up', async () => {
  await using first = await start();

  await expect(start({ listen: `http://127.0.0.1:${first.port}` })).rejects.toMatchObject({
    code: 'INPUT_LISTEN_FAILED',
    disposition: 'stop',
    cause: { code: 'EADDRINUSE' },
  });
});

test('https without a certificate is a fault of the configuration', async () => {
  await expect(start({ listen: 'https://127.0.0.1:0' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

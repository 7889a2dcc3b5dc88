import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forward } from '../../relay/inputs/forward/index.ts';
import { ForwardClient } from '../support/forward-client.ts';
import { InputHarness } from '../support/input-harness.ts';
import { EventTime, pack, rawString } from '../support/msgpack.ts';

const time = new EventTime(1_700_000_000, 123_456_789);
const entry = (log: string): unknown => [time, { log }];

function start(options: Record<string, unknown> = {}): Promise<InputHarness> {
  return InputHarness.start(forward, { listen: 'tcp://127.0.0.1:0', ...options });
}

/** As `start`, with a journal that takes its time without calling itself busy. */
function startUncongested(): Promise<InputHarness> {
  const uncongested: typeof forward = {
    ...forward,
    create: (given, context) => forward.create(given, { ...context, congested: false }),
  };
  return InputHarness.start(uncongested, { listen: 'tcp://127.0.0.1:0' });
}

async function stored(input: InputHarness, count: number): Promise<string[]> {
  await expect.poll(() => input.lines.length).toBe(count);
  return input.records.map((record) => record['message'] as string);
}

test.each([
  ['Message', ['tag', time, { log: 'a' }]],
  ['Forward', ['tag', [entry('a')]]],
  ['PackedForward', ['tag', pack(entry('a'))]],
  ['CompressedPackedForward, gzip', ['tag', gzipSync(pack(entry('a'))), { compressed: 'gzip' }]],
  ['CompressedPackedForward, zstd', ['tag', zstdCompressSync(pack(entry('a'))), { compressed: 'zstd' }]],
])('a %s becomes a record with its tag, time and sender', async (_mode, message) => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);

  client.send(message);

  await stored(input, 1);
  expect(input.records[0]).toMatchObject({
    '@timestamp': '2023-11-14T22:13:20.123456789Z',
    message: 'a',
    event: { dataset: 'fluent' },
    source: { ip: '127.0.0.1' },
    spillway: { input: 'test', format: 'msgpack', tag: 'tag' },
  });
  expect(input.records[0]!['spillway'].flags).toBeUndefined();
});

test('gzip may come in several members, as fluentd appends them to a chunk', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const members = Buffer.concat([gzipSync(pack(entry('a'), entry('b'))), gzipSync(pack(entry('c')))]);

  client.send(['tag', members, { compressed: 'gzip', chunk: 'x' }]);

  expect(await client.answered(1)).toEqual([{ ack: 'x' }]);
  expect(await stored(input, 3)).toEqual(['a', 'b', 'c']);
});

test('an ack is given only once the records are durable', async () => {
  await using input = await startUncongested();
  await using client = await ForwardClient.connect(input.port);
  input.hold();

  client.send(['tag', [entry('a')], { chunk: 'one' }]);
  client.send(['tag', [entry('b')], { chunk: 'two' }]);
  await expect.poll(() => input.context.counters.records).toBe(2);
  expect(client.answers).toEqual([]);
  input.release();

  expect(await client.answered(2)).toEqual([{ ack: 'one' }, { ack: 'two' }]);
});

test('while the journal takes nothing there is no ack, and the connection ends so that the sender tries again', async () => {
  await using input = await start();
  const message = ['tag', [entry('a')], { chunk: 'one' }];
  input.refuse();
  await using client = await ForwardClient.connect(input.port);
  client.send(message);
  await client.untilClosed();
  expect(client.answers).toEqual([]);
  expect(input.refusals).toEqual({ busy: 1 });

  input.refuse(false);
  await using again = await ForwardClient.connect(input.port);
  again.send(message);

  expect(await again.answered(1)).toEqual([{ ack: 'one' }]);
  expect(await stored(input, 1)).toEqual(['a']);
});

test('a message that meets a busy journal waits for it, and its sender with it', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  input.hold();

  client.send(['tag', [entry('a')], { chunk: 'one' }]);
  await expect.poll(() => input.context.counters.bytes).toBeGreaterThan(0);
  expect(client.answers).toEqual([]);
  input.release();

  expect(await client.answered(1)).toEqual([{ ack: 'one' }]);
  expect(input.refusals).toEqual({});
});

test('what comes without a chunk id waits for the journal and is not lost', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  input.hold();

  for (const log of ['a', 'b', 'c']) client.send(['tag', [entry(log)]]);
  client.socket.end();
  await expect.poll(() => input.context.counters.bytes).toBeGreaterThan(0);
  expect(input.lines).toEqual([]);
  input.release();

  expect(await stored(input, 3)).toEqual(['a', 'b', 'c']);
  expect(client.answers).toEqual([]);
});

test('a sender is not read from while much of it waits to be durable', async () => {
  await using input = await startUncongested();
  await using client = await ForwardClient.connect(input.port);
  const message = pack(['tag', [entry('x'.repeat(1_000_000))], { chunk: 'c' }]);
  const numbered = (n: number): Buffer => {
    const bytes = Buffer.from(message);
    bytes[bytes.length - 1] = 0x61 + n;
    return bytes;
  };
  input.hold();

  for (let n = 0; n < 24; n++) client.sendBytes(numbered(n));
  await expect.poll(() => input.context.counters.records).toBeGreaterThanOrEqual(4);
  await expect.poll(() => client.socket.writableLength).toBeGreaterThan(1_000_000);
  expect(input.context.counters.records).toBeLessThan(8);
  input.release();

  expect(await client.answered(24)).toHaveLength(24);
});

test('the same chunk is stored once, a guessed chunk id with other records hides nothing', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const messages = [
    ['tag', [entry('a')], { chunk: 'id' }],
    ['tag', [entry('a')], { chunk: 'id' }],
    ['tag', [entry('b')], { chunk: 'id' }],
    ['other', [entry('a')], { chunk: 'id' }],
    ['tag', [entry('a')], { chunk: 'other' }],
  ];

  client.send(...messages);

  expect(await client.answered(5)).toHaveLength(5);
  expect(await stored(input, 4)).toEqual(['a', 'b', 'a', 'a']);
  expect(input.context.counters.repeats).toBe(1);
});

// Goal: how TCP cuts the stream changes nothing. Method: the same messages, cut at random places.
test('messages are found wherever the stream is cut', async () => {
  await using input = await start();
  const bytes = pack(
    ['tag', [entry('a'), entry('b')], { chunk: 'one' }],
    null,
    ['tag', pack(entry('c')), { chunk: 'two' }],
    ['tag', time, { log: 'd' }, { chunk: 'three' }],
  );
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length - 1), { maxLength: 8 }), async (cuts) => {
      await using client = await ForwardClient.connect(input.port);
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
        client.sendBytes(bytes.subarray(from, cut));
        await new Promise((resolve) => setImmediate(resolve));
        from = cut;
      }
      expect(await client.answered(3)).toEqual([{ ack: 'one' }, { ack: 'two' }, { ack: 'three' }]);
    }),
    { numRuns: 30 },
  );
  expect(await stored(input, 4)).toEqual(['a', 'b', 'c', 'd']);
});

test('every kind of value arrives as JSON says it', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const big = 2n ** 64n - 1n;
  const map = Buffer.concat([
    Buffer.from([0x87]),
    pack(
      'log',
      'text',
      'id',
      big,
      'ok',
      true,
      'none',
      null,
      'list',
      [1, { a: 1.5 }],
      '__proto__',
      { polluted: 1 },
      7,
      'x',
    ),
  ]);

  client.sendBytes(Buffer.concat([Buffer.from([0x93]), pack('tag', time), map]));

  await stored(input, 1);
  expect(input.lines[0]).toContain('"id":18446744073709551615');
  expect(input.lines[0]).toContain('"__proto__":{"polluted":1}');
  expect(input.records[0]).toMatchObject({ message: 'text', ok: true, none: null, list: [1, { a: 1.5 }], '7': 'x' });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('bytes that are not UTF-8 can be had back, from the text and from any other member', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const latin1 = Buffer.from('caf\u00e9', 'latin1');
  const record = (key: Buffer, value: Buffer): Buffer => Buffer.concat([pack(time), Buffer.from([0x81]), key, value]);
  const records = [
    record(pack('log'), rawString(latin1)),
    record(pack('other'), rawString(latin1)),
    record(rawString(latin1), pack('x')),
  ];

  for (const bytes of records) client.sendBytes(Buffer.concat([Buffer.from([0x93]), pack('tag'), bytes]));

  await expect.poll(() => input.lines.length).toBe(3);
  const [text, other, key] = input.records;
  expect(text).toMatchObject({ message: 'caf\ufffd', spillway: { flags: ['invalid_utf8'] } });
  expect(Buffer.from(text!['spillway'].original_base64 as string, 'base64')).toEqual(latin1);
  for (const [index, kept] of [other, key].entries())
    expect(Buffer.from(kept!['spillway'].source_base64 as string, 'base64')).toEqual(records[index + 1]);
});

test('what is no entry is kept whole and flagged, and its neighbours are not harmed', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const odd = pack(['not', 'an', 'entry']);
  const cut = pack(entry('cut')).subarray(0, -1);

  client.send(['tag', Buffer.concat([pack(entry('a')), odd, pack(entry('b')), cut]), { chunk: 'x' }]);

  expect(await client.answered(1)).toEqual([{ ack: 'x' }]);
  await expect.poll(() => input.lines.length).toBe(4);
  const [first, second, third, fourth] = input.records;
  expect([first!['message'], third!['message']]).toEqual(['a', 'b']);
  for (const [record, bytes] of [[second, odd] as const, [fourth, cut] as const]) {
    expect(record!['spillway'].flags).toContain('unparsed');
    expect(Buffer.from(record!['spillway'].original_base64 as string, 'base64')).toEqual(bytes);
  }
});

test('records that are no maps, times that are none, metadata and hundreds of members are all kept', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]));

  client.send([
    'tag',
    [
      [time, 'just text'],
      [time, [1, 2]],
      [-1, { log: 'x' }],
      [[time, { m: 1 }], { log: 'y' }],
      [time, many],
    ],
  ]);

  const messages = await stored(input, 5);
  expect(messages.slice(0, 4)).toEqual(['just text', '[1,2]', 'x', 'y']);
  expect(input.records[2]!['spillway'].flags).toEqual(['time_invalid']);
  expect(input.records[3]).toMatchObject({ fluent_metadata: { m: 1 } });
  expect((JSON.parse(messages[4]!) as unknown[])[1]).toEqual(many);
  expect(input.records[4]!['spillway'].flags).toContain('unparsed');
});

test('a sender cannot write what is the relay’s to say', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);

  client.send(['tag', time, { log: 'x', event: { id: 'mine', action: 'login' }, spillway: { input: 'mine' } }]);

  await stored(input, 1);
  expect(input.records[0]).toMatchObject({ event: { action: 'login' }, spillway: { input: 'test' } });
  expect(input.records[0]!['event'].id).toMatch(/^testnd-/);
});

test('a payload that does not unpack is kept as it came', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  const damaged = gzipSync(pack(entry('a'))).subarray(0, -9);

  client.send(['tag', damaged, { compressed: 'gzip', chunk: 'x' }]);

  expect(await client.answered(1)).toEqual([{ ack: 'x' }]);
  await expect.poll(() => input.lines.length).toBe(1);
  expect(input.records[0]!['spillway'].flags).toContain('unparsed');
  expect(Buffer.from(input.records[0]!['spillway'].original_base64 as string, 'base64')).toEqual(damaged);
});

test.each([
  ['gzip', gzipSync(Buffer.alloc(80 << 20))],
  ['zstd', zstdCompressSync(Buffer.alloc(80 << 20))],
])('a bomb of %s is refused before it is unpacked', async (compressed, bomb) => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);

  client.send(['tag', bomb, { compressed, chunk: 'x' }]);
  await client.untilClosed();

  expect(client.answers).toEqual([]);
  expect(input.lines).toEqual([]);
  expect(input.refusals).toEqual({ too_large: 1 });
});

test('metrics are refused: with a chunk id by the end of the connection, without by the count alone', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);

  client.send(['tag', Buffer.from('metrics'), { fluent_signal: 1 }], ['tag', [entry('a')]]);
  expect(await stored(input, 1)).toEqual(['a']);
  client.send(['tag', Buffer.from('traces'), { fluent_signal: 2, chunk: 'x' }]);
  await client.untilClosed();

  expect(client.answers).toEqual([]);
  expect(input.refusals).toEqual({ unsupported: 2 });
});

test.each([
  ['an HTTP request', Buffer.from('POST / HTTP/1.1\r\nhost: x\r\n\r\n'), 'malformed'],
  ['a syslog line', Buffer.from('<34>1 2026-11-22T05:00:00Z h a - - - x\n'), 'malformed'],
  ['TLS', Buffer.from('16030100c8010000c4', 'hex'), 'malformed'],
  ['the byte that is never used', Buffer.from('c1', 'hex'), 'frame_invalid'],
  ['an array of 4 294 967 295', Buffer.from('ddffffffff', 'hex'), 'too_large'],
  ['a map of 4 294 967 295', Buffer.from('dfffffffff', 'hex'), 'too_large'],
  ['a string of 4 GiB', Buffer.from('dbffffffff', 'hex'), 'too_large'],
  ['a binary of 4 GiB in a message', Buffer.from('92a174c6ffffffff', 'hex'), 'too_large'],
  ['an extension of 4 GiB', Buffer.from('c9ffffffff00', 'hex'), 'too_large'],
  ['100 000 nested arrays', Buffer.concat([Buffer.alloc(100_000, 0x91), Buffer.from([0xc0])]), 'malformed'],
  ['a message without entries', pack(['tag', { a: 1 }]), 'malformed'],
])('%s ends the connection, is counted, and stores nothing', async (_name, bytes, reason) => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);
  await using other = await ForwardClient.connect(input.port);

  client.sendBytes(bytes);
  await client.untilClosed();

  expect(input.refusals).toEqual({ [reason]: 1 });
  expect(input.lines).toEqual([]);
  other.send(['tag', [entry('a')], { chunk: 'x' }]);
  expect(await other.answered(1)).toEqual([{ ack: 'x' }]);
});

test('a message that is never finished, and a connection that ends within one, are counted', async () => {
  await using input = await start({ message_timeout_ms: 100 });
  await using slow = await ForwardClient.connect(input.port);
  slow.sendBytes(Buffer.from([0x92, 0xa3]));
  await slow.untilClosed();
  expect(input.refusals).toEqual({ timeout: 1 });

  await using cut = await ForwardClient.connect(input.port);
  cut.sendBytes(Buffer.from([0x92, 0xa3]));
  cut.socket.end();

  await expect.poll(() => input.refusals).toEqual({ timeout: 1, frame_invalid: 1 });
});

test('a sender that wants acks and reads none is cut off', async () => {
  await using input = await start({ message_timeout_ms: 200 });
  await using client = await ForwardClient.connect(input.port);
  client.socket.pause();
  const message = pack(['tag', [], { chunk: 'x'.repeat(256) }]);

  for (let n = 0; n < 64; n++) client.sendBytes(Buffer.concat(Array.from({ length: 512 }, () => message)));

  await expect.poll(() => input.refusals, { timeout: 10_000 }).toEqual({ timeout: 1 });
  await expect.poll(() => input.context.counters.connections).toBe(0);
});

test('nil keeps a connection alive and is no record', async () => {
  await using input = await start();
  await using client = await ForwardClient.connect(input.port);

  client.send(null, null, ['tag', [entry('a')], { chunk: 'x' }], null);

  expect(await client.answered(1)).toEqual([{ ack: 'x' }]);
  expect(await stored(input, 1)).toEqual(['a']);
});

test('stopping waits for what had arrived, and its acks leave', async () => {
  const input = await startUncongested();
  await using client = await ForwardClient.connect(input.port);
  input.hold();
  client.send(['tag', [entry('a')], { chunk: 'x' }]);
  await expect.poll(() => input.context.counters.records).toBe(1);

  await input[Symbol.asyncDispose]();

  expect(await client.answered(1)).toEqual([{ ack: 'x' }]);
  expect(input.lines).toHaveLength(1);
  expect(input.context.counters.connections).toBe(0);
  await input.input.stop();
});

// Goal: no bytes on a socket do harm. Method: random pieces of valid messages and noise on one input; then a good sender must be served
// and each connection must be accounted for.
test('noise on many connections neither stops the input nor keeps a good sender out', async () => {
  await using input = await start({ message_bytes_max: 4_096 });
  const valid = pack(
    ['tag', [entry('a')], { chunk: 'x' }],
    ['tag', gzipSync(pack(entry('b'))), { compressed: 'gzip' }],
  );
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(valid.length), fc.nat(255)).map(([at, byte]) => {
      const bytes = Uint8Array.from(valid);
      bytes[at] = byte;
      return bytes;
    }),
  );
  await fc.assert(
    fc.asyncProperty(noise, async (bytes) => {
      await using client = await ForwardClient.connect(input.port);
      client.sendBytes(bytes);
      client.socket.end();
      await client.untilClosed();
    }),
    { numRuns: 200 },
  );

  await using good = await ForwardClient.connect(input.port);
  good.send(['tag', [entry('good')], { chunk: 'good' }]);

  expect(await good.answered(1)).toEqual([{ ack: 'good' }]);
  await expect.poll(() => input.context.counters.connections).toBe(1);
  expect(() => input.records).not.toThrow();
});

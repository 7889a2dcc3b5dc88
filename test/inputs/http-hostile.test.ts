import { once } from 'node:events';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { http } from '../../relay/inputs/http/index.ts';
import { RawConnection, post } from '../support/http-exchange.ts';
import { InputHarness } from '../support/input-harness.ts';

const MIB = 1_048_576;

function start(options: Record<string, unknown> = {}): Promise<InputHarness> {
  return InputHarness.start(http, { listen: 'http://127.0.0.1:0', ...options });
}

/** What every test ends with: somebody else is still served. */
async function expectStillServing(input: InputHarness): Promise<void> {
  const before = input.lines.length;
  expect(await post(input.port, '{"message":"good"}')).toMatchObject({ status: 200, text: '{"accepted":1}' });
  expect(input.records[before]!['message']).toBe('good');
}

describe('bombs', () => {
  const megabyte = Buffer.alloc(MIB);
  const repeated = (packed: Buffer): Buffer => Buffer.concat(Array.from({ length: 512 }, () => packed));

  test.each([
    ['gzip', repeated(gzipSync(megabyte))],
    ['zstd', repeated(zstdCompressSync(megabyte))],
    ['deflate', deflateSync(Buffer.alloc(512 * MIB))],
    ['snappy', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00])],
  ])('%s: refused, memory stays flat', async (encoding, bomb) => {
    await using input = await start({ decompressed_bytes_max: 8 * MIB });
    const before = process.memoryUsage().rss;

    for (let i = 0; i < 4; i++) {
      const reply = await post(input.port, bomb, { headers: { 'content-encoding': encoding } });
      expect(reply.status).toBe(413);
    }

    // Unpacked, each of them has 512 MiB; what is left to be collected of four times 8 MiB is no concern.
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * MIB);
    expect(input.refusals).toEqual({ too_large: 4 });
    await expectStillServing(input);
  });

  test('a Snappy block whose literal has a negative length ends', async () => {
    await using input = await start();
    const block = Buffer.from([10, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);

    const reply = await post(input.port, block, { headers: { 'content-encoding': 'snappy' } });

    expect(reply).toMatchObject({ status: 200, text: '{"accepted":1}' });
    expect(input.records[0]!['spillway'].original_base64).toBe(block.toString('base64'));
  });

  test('a window that zstd would need 2 GiB for is not made', async () => {
    await using input = await start();
    // A frame header with a window descriptor of 2^31 bytes (RFC 8878 §3.1.1.1.2), then one empty last block.
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
    const before = process.memoryUsage().rss;

    await post(input.port, frame, { headers: { 'content-encoding': 'zstd' } });

    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
    await expectStillServing(input);
  });
});

describe('JSON', () => {
  test.each([
    ['100 000 arrays deep', `{"a":${'['.repeat(100_000)}`],
    ['100 000 objects deep, closed', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['100 000 members', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`],
    ['a name of 64 KiB', `{"${'k'.repeat(65_536)}":1}`],
  ])('%s is kept as text', async (_, body) => {
    await using input = await start({ record_bytes_max: 16 * MIB });

    const reply = await post(input.port, body, { headers: { 'content-type': 'application/json' } });

    expect(reply.text).toBe('{"accepted":1}');
    expect(input.records[0]).toMatchObject({ message: body, spillway: { flags: ['unparsed'] } });
    await expectStillServing(input);
  });

  test('huge numbers, repeated names and names that mean something to JavaScript do no harm', async () => {
    await using input = await start();
    const body =
      '{"n":1e400,"id":12345678901234567890123,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"a":1,"a":2}';

    await post(input.port, body, { headers: { 'content-type': 'application/json' } });

    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(input.lines[0]).toContain('"n":1e400,"id":12345678901234567890123,"__proto__":{"polluted":true}');
    expect(input.records[0]).toMatchObject({ a: 2, event: { original: body } });
  });

  test('no text can end its line, or begin another', async () => {
    await using input = await start();
    const message = 'a\n{"event":{"id":"forged"}}\r\n<34>1 \u2028\u2029\u0085\0b';

    await post(input.port, JSON.stringify({ message, [`k\n${message}`]: message, nested: { [message]: message } }));

    expect(input.lines).toHaveLength(1);
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(input.lines[0]).not.toMatch(/[\0-\x1f\u0085\u2028\u2029]/);
    expect(input.records[0]).toMatchObject({ message, nested: { [message]: message } });
  });

  test('a body of one broken array is gone through once, not once for each line', async () => {
    await using input = await start();
    const body = '{"a":[1,\n'.repeat(100_000);

    const reply = await post(input.port, body, { headers: { 'content-type': 'application/json' } });

    expect(reply.text).toBe('{"accepted":100000}');
  });
});

describe('slow clients', () => {
  const limits = { header_timeout_ms: 300, request_timeout_ms: 600 };

  test.each([
    ['says nothing', ''],
    ['never ends its header', 'POST /ingest HTTP/1.1\r\nHost: x\r\n'],
    ['never ends its body', 'POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc'],
    ['never ends its chunks', 'POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
  ])('one that %s is sent away', async (_, head) => {
    await using input = await start(limits);
    await using slow = await RawConnection.open(input.port);
    slow.send(head);

    await expectStillServing(input);
    await expect.poll(() => slow.closed, { timeout: 5_000 }).toBe(true);

    expect(input.refusals['timeout']).toBe(1);
    expect(input.lines).toHaveLength(1);
  });

  test('three hundred of them do not keep a good client waiting', async () => {
    await using input = await start();
    const slow = await Promise.all(Array.from({ length: 300 }, () => RawConnection.open(input.port)));
    for (const connection of slow)
      connection.send('POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc');
    const startedAt = performance.now();

    for (let i = 0; i < 20; i++) await expectStillServing(input);

    expect(performance.now() - startedAt).toBeLessThan(5_000);
    for (const connection of slow) connection.socket.destroy();
  });

  test('at the limit the connection that has been idle longest makes room', async () => {
    await using input = await start({ connections_max: 3 });
    const idle: RawConnection[] = [];
    for (let i = 0; i < 3; i++) {
      idle.push(await RawConnection.open(input.port));
      await expect.poll(() => input.context.counters.connectionsTotal).toBe(i + 1);
    }

    await expectStillServing(input);

    await expect.poll(() => idle.map((connection) => connection.closed)).toEqual([true, false, false]);
    expect(input.refusals).toEqual({ too_many_connections: 1 });
    for (const connection of idle) connection.socket.destroy();
  });
});

describe('limits', () => {
  const fluentBit = { 'user-agent': 'Fluent-Bit' };

  test('a body that says it is too large is refused before it is read, to everybody', async () => {
    await using input = await start({ body_bytes_max: 2_000 });

    expect(await post(input.port, 'x'.repeat(2_001))).toMatchObject({ status: 413 });
    expect(await post(input.port, 'x'.repeat(2_001), { headers: fluentBit })).toMatchObject({ status: 413 });
    expect(await post(input.port, 'x'.repeat(2_000))).toMatchObject({ status: 200 });
    expect(input.refusals).toEqual({ too_large: 2 });
  });

  test('a chunked body that turns out too large is refused too', async () => {
    await using input = await start({ body_bytes_max: 2_000 });
    await using client = await RawConnection.open(input.port);
    client.send('POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < 3; i++) client.send(`3e8\r\n${'x'.repeat(1_000)}\r\n`);
    client.send('0\r\n\r\n');

    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(input.lines).toEqual([]);
    await expectStillServing(input);
  });

  test('a refused body that never ends is not read for ever', async () => {
    await using input = await start({ body_bytes_max: 100_000 });
    await using client = await RawConnection.open(input.port);
    client.send('POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n');

    for (let i = 0; i < 40 && !client.closed; i++) {
      client.socket.write(Buffer.alloc(65_536));
      await new Promise(setImmediate);
    }

    await expect.poll(() => client.closed).toBe(true);
  });

  test('bodies that are too many bytes together are told to come again', async () => {
    await using input = await start({ buffered_bytes_max: 10_000 });
    await using slow = await RawConnection.open(input.port);
    slow.send(`POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n${'x'.repeat(8_000)}`);

    await expect.poll(async () => (await post(input.port, 'y'.repeat(3_000))).status).toBe(503);
    slow.send('x'.repeat(1_000));
    await expect.poll(() => slow.received).toMatch(/^HTTP\/1\.1 200 /);

    expect(await post(input.port, 'y'.repeat(3_000))).toMatchObject({ status: 200 });
  });

  test('requests that are too many at once are told to come again', async () => {
    await using input = await start({ requests_in_flight_max: 2 });
    input.hold();
    const waiting = [post(input.port, 'a'), post(input.port, 'b')];
    await expect.poll(() => input.context.counters.records).toBe(2);

    expect(await post(input.port, 'c')).toMatchObject({ status: 503 });
    input.release();

    expect((await Promise.all(waiting)).map((reply) => reply.status)).toEqual([200, 200]);
    expect(input.refusals).toEqual({ busy: 1 });
    await expectStillServing(input);
  });

  test('a sender that goes away in the middle leaves nothing behind', async () => {
    await using input = await start({ buffered_bytes_max: 10_000 });
    for (let i = 0; i < 5; i++) {
      await using client = await RawConnection.open(input.port);
      client.send(`POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n${'x'.repeat(8_000)}`);
      await expect.poll(() => input.context.counters.connections).toBe(1);
      client.socket.destroy();
      await expect.poll(() => input.context.counters.connections).toBe(0);
    }

    await expectStillServing(input);
    expect(input.lines).toHaveLength(1);
  });
});

describe('what is no proper HTTP', () => {
  test.each([
    ['two lengths', 'POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    [
      'a length and chunks',
      'POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an odd transfer coding', 'POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\nabc'],
    ['a negative length', 'POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['a header that is too large', `POST /ingest HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a bad chunk size', 'POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n'],
    ['syslog', '<34>1 2026-11-22T03:11:14Z host app - - - hello\n'],
    ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
  ])('%s is refused and counted, and no record comes of it', async (_, bytes) => {
    await using input = await start();
    await using client = await RawConnection.open(input.port);
    client.send(bytes);

    await expect.poll(() => client.closed).toBe(true);
    expect(client.received).toMatch(/^HTTP\/1\.1 4(00|31) /);
    expect(input.refusals).toEqual({ malformed: 1 });
    await expectStillServing(input);
    expect(input.lines).toHaveLength(1);
  });
});

test('a sender that expects 100-continue gets it, or its refusal at once', async () => {
  await using input = await start({ body_bytes_max: 2_000 });
  await using client = await RawConnection.open(input.port);
  client.send('POST /ingest HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 100 Continue\r\n/);
  client.send('hello');
  await expect.poll(() => client.received).toContain('{"accepted":1}');

  await using large = await RawConnection.open(input.port);
  large.send('POST /ingest HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n');
  await expect.poll(() => large.received).toMatch(/^HTTP\/1\.1 413 /);
});

test('a chunked body is read', async () => {
  await using input = await start();
  await using client = await RawConnection.open(input.port);
  client.send('POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const piece of ['{"mess', 'age":"in ', 'pieces"}']) client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  client.send('0\r\n\r\n');

  await expect.poll(() => client.received).toContain('{"accepted":1}');
  expect(input.records[0]!['message']).toBe('in pieces');
  client.socket.end();
  await once(client.socket, 'close');
});

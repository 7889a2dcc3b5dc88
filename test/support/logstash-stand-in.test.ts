import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { deflateSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { Certificates } from './certificates.ts';
import { LogstashStandIn, type LogstashStandInOptions } from './logstash-stand-in.ts';

/** Bytes over a bare socket, so that what is tested here is not our own client against itself. */
class RawSender implements Disposable {
  readonly acks: number[] = [];
  ending: string | undefined;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= 6; rest = rest.subarray(6)) this.acks.push(rest.readUInt32BE(2));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.ending = error.code));
    socket.on('close', () => (this.ending ??= 'closed'));
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const number = (value: number): Buffer => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
const W = (count: number): Buffer => Buffer.concat([Buffer.from('2W'), number(count)]);
const J = (seq: number, json: string | Buffer = `{"n":${seq}}`): Buffer => {
  const bytes = Buffer.from(json);
  return Buffer.concat([Buffer.from('2J'), number(seq), number(bytes.length), bytes]);
};
const C = (...frames: Buffer[]): Buffer => {
  const packed = deflateSync(Buffer.concat(frames));
  return Buffer.concat([Buffer.from('2C'), number(packed.length), packed]);
};
const events = (from: number, to: number): Buffer[] => Array.from({ length: to - from + 1 }, (_, i) => J(from + i));

async function start(options: LogstashStandInOptions = {}) {
  const logstash = await LogstashStandIn.start(options);
  const sender = new RawSender(connect(logstash.port, '127.0.0.1'));
  await once(sender.socket, 'connect');
  return {
    logstash,
    sender,
    async [Symbol.asyncDispose]() {
      sender[Symbol.dispose]();
      await logstash[Symbol.asyncDispose]();
    },
  };
}

describe('acknowledgements are those of the real input', () => {
  test.each([
    ['five events', [W(5), ...events(1, 5)], [5]],
    ['five events, compressed', [W(5), C(...events(1, 5))], [5]],
    ['five events in two compressed frames', [W(5), C(...events(1, 2)), C(...events(3, 5))], [5]],
    ['three windows in one write', [W(2), ...events(1, 2), W(3), ...events(1, 3), W(1), J(1)], [2, 3, 1]],
    ['sequence numbers 101 to 103', [W(3), ...events(101, 103)], [103]],
    ['sequence numbers 0 to 2', [W(3), ...events(0, 2)], [2]],
    ['an empty window', [W(0)], [0]],
    ['a lone null', [W(1), J(1, 'null')], [1]],
    ['odd but good JSON', [W(3), J(1, '{"a":"\\ud800"}'), J(2, '{"a":1,"a":2}'), J(3, '{"a":1e400}')], [3]],
  ])('%s', async (_name, frames, acks) => {
    await using peers = await start();

    peers.sender.send(...frames);

    await vi.waitFor(() => expect(peers.sender.acks).toEqual(acks));
  });
});

describe('window counts that do not match', () => {
  test('a window that is never filled is never acknowledged', async () => {
    await using peers = await start({ inactivityMs: 150 });

    peers.sender.send(W(10), ...events(1, 5));

    await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
    expect(peers.sender.acks).toEqual([]);
  });

  test('a new window ends the one before, and is then forgotten itself: the third is never acknowledged', async () => {
    await using peers = await start({ inactivityMs: 150 });

    peers.sender.send(W(10), ...events(1, 5), W(2), ...events(1, 2), W(1), J(1));

    await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
    expect(peers.sender.acks).toEqual([5, 2]);
  });

  test('what exceeds a window hangs', async () => {
    await using peers = await start({ inactivityMs: 150 });

    peers.sender.send(W(2), ...events(1, 5));

    await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
    expect(peers.sender.acks).toEqual([2]);
    expect(peers.logstash.accepted).toHaveLength(2);
  });
});

test.each([
  ['bad JSON', '{"a":'],
  ['an array', '[1]'],
  ['a scalar', '1'],
  ['NaN', '{"a":NaN}'],
  ['a raw control character', '{"a":"\u0001"}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])],
  ['nesting of 5,000', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
])('%s resets the connection without an ack, after what was before it has been taken', async (_name, bad) => {
  await using peers = await start();

  peers.sender.send(W(3), J(1), J(2, bad), J(3));

  await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
  expect(peers.sender.acks).toEqual([]);
  expect(peers.logstash.accepted).toEqual(['{"n":1}']);
});

test.each([
  ['no bytes of JSON', [W(1), J(1, '')]],
  ['another protocol', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
])('%s resets the connection', async (_name, frames) => {
  await using peers = await start();

  peers.sender.send(...frames);

  await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
});

describe('a stalled pipeline', () => {
  test('sends A 0 at each interval, and the ack once it goes on', async () => {
    await using peers = await start({ keepaliveMs: 20 });
    peers.logstash.stall();
    peers.sender.send(W(3), ...events(1, 3));
    await vi.waitFor(() => expect(peers.sender.acks.length).toBeGreaterThan(2));
    expect(new Set(peers.sender.acks)).toEqual(new Set([0]));
    expect(peers.logstash.accepted).toEqual([]);

    peers.logstash.resume();

    await vi.waitFor(() => expect(peers.sender.acks.at(-1)).toBe(3));
  });

  test('pushes nobody back: it goes on reading', async () => {
    await using peers = await start();
    peers.logstash.stall();
    const large = Buffer.concat([W(1), J(1, `{"a":"${'x'.repeat(1 << 20)}"}`)]);

    for (let i = 0; i < 30; i++) peers.sender.send(large);

    await vi.waitFor(() => expect(peers.logstash.bytesRead).toBe(30 * large.length));
  });
});

test('a connection on which nothing happens is reset', async () => {
  await using peers = await start({ inactivityMs: 30 });

  await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
});

test('acks can be lost after the events were taken', async () => {
  await using peers = await start();
  peers.logstash.losesAcks = true;

  peers.sender.send(W(2), ...events(1, 2));

  await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
  expect(peers.logstash.accepted).toHaveLength(2);
  expect(peers.sender.acks).toEqual([]);
});

test('a black hole reads and says nothing, not even that it is busy', async () => {
  await using peers = await start({ keepaliveMs: 10, inactivityMs: 100 });
  peers.logstash.isBlackHole = true;

  peers.sender.send(W(1), J(1));

  await vi.waitFor(() => expect(peers.sender.ending).toBe('ECONNRESET'));
  expect(peers.logstash.bytesRead).toBeGreaterThan(0);
  expect(peers.sender.acks).toEqual([]);
});

test('over TLS a client without a certificate is turned away after the handshake seemed done', async () => {
  using certificates = new Certificates();
  const tls = {
    cert: readFileSync(certificates.server.cert),
    key: readFileSync(certificates.server.key),
    ca: readFileSync(certificates.ca.cert),
    requestCert: true,
    rejectUnauthorized: true,
  };
  await using logstash = await LogstashStandIn.start({ tls });
  const options = { port: logstash.port, host: '127.0.0.1', ca: tls.ca };
  using stranger = new RawSender(connectTls(options));
  await once(stranger.socket, 'secureConnect');

  await vi.waitFor(() => expect(stranger.ending).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'));

  const pair = { cert: readFileSync(certificates.client.cert), key: readFileSync(certificates.client.key) };
  using known = new RawSender(connectTls({ ...options, ...pair }));
  known.send(W(1), J(1));
  await vi.waitFor(() => expect(known.acks).toEqual([1]));
});

test('plain bytes to the TLS port end in a closed connection', async () => {
  using certificates = new Certificates();
  const { cert, key } = certificates.server;
  await using peers = await start({ tls: { cert: readFileSync(cert), key: readFileSync(key) } });

  peers.sender.send(W(1), J(1));

  await vi.waitFor(() => expect(peers.sender.ending).toBeDefined());
  expect(peers.logstash.accepted).toEqual([]);
});

import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Certificates, type KeyPair } from '../../support/certificates.ts';
import { LogstashOutputHarness, recordAt, recordsFrom, recordsOf } from '../../support/logstash-output.ts';
import { LogstashStandIn, type LogstashStandInOptions } from '../../support/logstash-stand-in.ts';
import { StandInServer } from '../../support/stand-in-server.ts';

async function start(options: Record<string, unknown> = {}, server: LogstashStandInOptions = {}) {
  const logstash = await LogstashStandIn.start(server);
  const harness = new LogstashOutputHarness({ url: `lumberjack://127.0.0.1:${logstash.port}`, ...options });
  return {
    logstash,
    harness,
    deliver: (firstSeq: number, records: number, signal?: AbortSignal) =>
      harness.deliver(recordsFrom(firstSeq, records), signal),
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await logstash[Symbol.asyncDispose]();
    },
  };
}

describe('delivery', () => {
  test.each([0, 1, 9])('with compression level %i the stored bytes arrive, one window a delivery', async (level) => {
    await using peers = await start({ compression_level: level });
    const lines = ['{"message":"é \\u0000 \\n"}', '{"a":{"b":[1,2]}}'];

    await peers.harness.deliver({ firstSeq: 1, records: 2, lines: Buffer.from(`${lines.join('\n')}\n`) });
    await peers.deliver(3, 500);

    expect(peers.logstash.accepted).toEqual([...lines, ...recordsOf(3, 502)]);
    expect(peers.logstash.batches).toEqual([2, 500]);
    expect(peers.logstash.server.connectionsTotal).toBe(1);
  });

  test('overlapping calls arrive in the order of the calls, whatever their sizes', async () => {
    await using peers = await start({ windows_in_flight: 4 });

    await Promise.all([
      peers.deliver(1, 2_000),
      peers.deliver(2_001, 1),
      peers.deliver(2_002, 1_500),
      peers.deliver(3_502, 3),
    ]);

    expect(peers.logstash.accepted).toEqual(recordsOf(1, 3_504));
    expect(peers.logstash.batches).toEqual([2_000, 1, 1_500, 3]);
  });

  test('not before its ack is a delivery done; acks of part of a window are none', async () => {
    await using peers = await start();
    peers.logstash.ackEvery = 2;
    peers.logstash.stall();
    let done = false;

    const delivered = peers.deliver(1, 5).then(() => (done = true));
    await vi.waitFor(() => expect(peers.logstash.bytesRead).toBeGreaterThan(0));
    expect(done).toBe(false);
    peers.logstash.resume();

    await delivered;
    expect(peers.logstash.accepted).toEqual(recordsOf(1, 5));
  });

  test('no more windows are in flight than configured', async () => {
    await using peers = await start({ windows_in_flight: 2, compression_level: 0 });
    peers.logstash.stall();
    const window = recordsFrom(1, 10);
    const onWire = 6 + 10 * 10 + window.lines.length - 10;

    const delivered = Promise.all([1, 2, 3, 4].map(() => peers.harness.deliver(window)));
    await vi.waitFor(() => expect(peers.logstash.bytesRead).toBe(2 * onWire));
    peers.logstash.resume();
    await delivered;

    expect(peers.logstash.bytesRead).toBe(4 * onWire);
  });

  test('an aborted signal gives up at once, and drops the connection', async () => {
    await using peers = await start();
    peers.logstash.stall();
    const gone = new AbortController();
    const delivered = peers.deliver(1, 1, gone.signal);
    await vi.waitFor(() => expect(peers.logstash.bytesRead).toBeGreaterThan(0));

    gone.abort();

    await expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
    await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(0));
    await expect(peers.deliver(1, 1, AbortSignal.abort())).rejects.toMatchObject({ disposition: 'retry' });
  });

  test('close rejects what is under way, may be called twice, and a delivery after it connects again', async () => {
    await using peers = await start();
    peers.logstash.stall();
    const delivered = peers.deliver(1, 1);
    await vi.waitFor(() => expect(peers.logstash.bytesRead).toBeGreaterThan(0));
    const rejected = expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });

    await peers.harness.output.close();
    await peers.harness.output.close();

    await rejected;
    peers.logstash.resume();
    await peers.deliver(1, 1);
    expect(peers.logstash.server.connectionsTotal).toBe(2);
  });
});

describe('a busy Logstash', () => {
  test('keepalives hold the connection however long they come, and hold back what was not sent', async () => {
    await using peers = await start(
      { ack_timeout_ms: 300, windows_in_flight: 4, compression_level: 0 },
      { keepaliveMs: 50 },
    );
    peers.logstash.stall();
    const window = recordsFrom(1, 10);
    const onWire = 6 + 10 * 10 + window.lines.length - 10;
    let acksSeen = 0;
    const startedAtMs = Date.now();

    const first = peers.harness.deliver(window);
    const socket = await vi.waitFor(() => {
      const [connection] = peers.logstash.server.sockets;
      expect(connection?.bytesWritten ?? 0).toBeGreaterThan(0);
      return connection!;
    });
    // The server has said that it is busy, so this stays here.
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThanOrEqual(2 * 6));
    const second = peers.harness.deliver(recordsFrom(11, 10));
    await vi.waitFor(() => expect(Date.now() - startedAtMs).toBeGreaterThan(600), { timeout: 2_000 });
    acksSeen = socket.bytesWritten / 6;
    expect(acksSeen).toBeGreaterThan(6);
    expect(peers.logstash.bytesRead).toBe(onWire);
    peers.logstash.resume();

    await Promise.all([first, second]);
    expect(peers.logstash.accepted).toEqual(recordsOf(1, 20));
    expect(peers.logstash.server.connectionsTotal).toBe(1);
  });

  test('a server that takes everything and says nothing is given up', async () => {
    await using peers = await start({ ack_timeout_ms: 100 });
    peers.logstash.isBlackHole = true;

    const outcomes = await Promise.allSettled([peers.deliver(1, 5), peers.deliver(6, 5)]);

    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'OUTPUT_TIMEOUT', disposition: 'retry' } });
    }
    peers.logstash.isBlackHole = false;
    await peers.deliver(1, 10);
    expect(peers.logstash.accepted).toEqual(recordsOf(1, 10));
  });
});

describe('lost connections', () => {
  test('lost acks reject every delivery that was under way; sent again, nothing is missing', async () => {
    await using peers = await start();
    peers.logstash.losesAcks = true;

    const outcomes = await Promise.allSettled([peers.deliver(1, 5), peers.deliver(6, 5), peers.deliver(11, 5)]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'OUTPUT_CONNECTION_LOST' } });
    }
    peers.logstash.losesAcks = false;
    await Promise.all([peers.deliver(1, 5), peers.deliver(6, 5), peers.deliver(11, 5)]);

    expect(peers.logstash.accepted.slice(-15)).toEqual(recordsOf(1, 15));
    expect(peers.logstash.accepted.slice(0, 5)).toEqual(recordsOf(1, 5));
  });

  test('a server that restarts is reached again, without a restart of ours', async () => {
    await using peers = await start();
    await peers.deliver(1, 1);
    await peers.logstash.server.refuseConnections();

    await expect(peers.deliver(2, 1)).rejects.toMatchObject({ disposition: 'retry' });
    await expect(peers.deliver(2, 1)).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
    await peers.logstash.server.listen();

    await peers.deliver(2, 1);
    expect(peers.logstash.accepted).toEqual(recordsOf(1, 2));
  });

  test('the reset of an idle connection is no failure: the next delivery opens another', async () => {
    await using peers = await start({}, { inactivityMs: 30 });
    await peers.deliver(1, 1);
    await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(0));
    await new Promise((resolve) => setImmediate(resolve));

    await peers.deliver(2, 1);

    expect(peers.logstash.accepted).toEqual(recordsOf(1, 2));
    expect(peers.logstash.server.connectionsTotal).toBe(2);
  });

  test.each([
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['acknowledges more than it was sent', '2A\0\0\0\x06'],
  ])('a server that %s is a protocol error', async (_name, answer) => {
    await using server = await StandInServer.start((socket) => socket.on('data', () => socket.write(answer, 'latin1')));
    await using harness = new LogstashOutputHarness({ url: `lumberjack://127.0.0.1:${server.port}` });

    await expect(harness.deliver(recordsFrom(1, 5))).rejects.toMatchObject({
      code: 'OUTPUT_PROTOCOL',
      disposition: 'retry',
    });
  });
});

describe('a record that Logstash cannot take', () => {
  /** As delivery does: the same again until it succeeds, or is refused. */
  async function insist(peers: Awaited<ReturnType<typeof start>>, firstSeq: number, records: number): Promise<unknown> {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        return await peers.deliver(firstSeq, records);
      } catch (error) {
        if (!(error instanceof Error && 'disposition' in error && error.disposition === 'retry')) return error;
      }
    }
    throw new Error('never came to an end');
  }

  test.each([1, 2, 700, 1_000])('is found at place %i of 1000, and only it is refused', async (place) => {
    await using peers = await start();
    peers.logstash.isPoison = (json) => json === recordAt(place);

    const error = await insist(peers, 1, 1_000);

    expect(error).toMatchObject({ code: 'OUTPUT_REFUSED_RECORD', disposition: 'reject', recordIndex: place - 1 });
    if (place < 1_000) await peers.deliver(place + 1, 1_000 - place);
    const taken = new Set(peers.logstash.accepted);
    expect(taken).toEqual(new Set(recordsOf(1, 1_000).filter((record) => record !== recordAt(place))));
  });

  test('fails three times before it is searched for, and deliveries behind it fail to be tried again', async () => {
    await using peers = await start();
    peers.logstash.isPoison = (json) => json === recordAt(3);

    for (let i = 0; i < 3; i++) {
      const outcomes = await Promise.allSettled([peers.deliver(1, 5), peers.deliver(6, 5)]);
      expect(outcomes.map((o) => o.status === 'rejected' && o.reason.code)).toEqual([
        'OUTPUT_CONNECTION_LOST',
        'OUTPUT_CONNECTION_LOST',
      ]);
    }
    const outcomes = await Promise.allSettled([peers.deliver(1, 5), peers.deliver(6, 5)]);

    expect(outcomes).toMatchObject([
      { reason: { code: 'OUTPUT_REFUSED_RECORD', recordIndex: 2 } },
      { reason: { code: 'OUTPUT_CONNECTION_LOST' } },
    ]);
    await Promise.all([peers.deliver(4, 2), peers.deliver(6, 5)]);
    expect(peers.logstash.accepted.slice(-7)).toEqual(recordsOf(4, 10));
  });

  test('is not blamed where the server hangs up on everybody', async () => {
    await using server = await StandInServer.start((socket) => socket.on('data', () => socket.resetAndDestroy()));
    await using harness = new LogstashOutputHarness({ url: `lumberjack://127.0.0.1:${server.port}` });

    for (let attempt = 0; attempt < 6; attempt++) {
      await expect(harness.deliver(recordsFrom(1, 4))).rejects.toMatchObject({ disposition: 'retry' });
    }
  });

  test('is delivered after all where the trouble has gone', async () => {
    await using peers = await start();
    peers.logstash.isPoison = () => true;
    for (let i = 0; i < 3; i++) await expect(peers.deliver(1, 9)).rejects.toMatchObject({ disposition: 'retry' });
    peers.logstash.isPoison = () => false;

    await peers.deliver(1, 9);

    expect(peers.logstash.accepted).toEqual(recordsOf(1, 9));
  });
});

describe('a probe', () => {
  test('sends no record, and leaves the connection of deliveries alone', async () => {
    await using peers = await start();
    await peers.deliver(1, 1);

    await peers.harness.probe();
    await peers.deliver(2, 1);

    expect(peers.logstash.accepted).toEqual(recordsOf(1, 2));
    expect(peers.logstash.server.connectionsTotal).toBe(2);
  });

  test('fails where nobody listens, and where another protocol answers', async () => {
    await using peers = await start();
    await peers.logstash.server.refuseConnections();
    await expect(peers.harness.probe()).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
    await using server = await StandInServer.start((socket) => socket.write('220 mail.example ESMTP\r\n'));
    await using harness = new LogstashOutputHarness({ url: `lumberjack://127.0.0.1:${server.port}` });

    await expect(harness.probe()).rejects.toMatchObject({ code: 'OUTPUT_PROTOCOL' });
  });
});

describe('TLS', () => {
  let certificates: Certificates;
  beforeAll(() => {
    certificates = new Certificates();
  });
  afterAll(() => certificates[Symbol.dispose]());

  const read = ({ cert, key }: KeyPair): TlsOptions => ({ cert: readFileSync(cert), key: readFileSync(key) });

  test('delivers to a server whose certificate is in order', async () => {
    await using logstash = await LogstashStandIn.start({ tls: read(certificates.server) });
    const url = `lumberjacks://localhost:${logstash.port}`;
    await using harness = new LogstashOutputHarness({ url, tls: { ca_file: certificates.ca.cert } });

    await harness.probe();
    await harness.deliver(recordsFrom(1, 3_000));

    expect(logstash.accepted).toEqual(recordsOf(1, 3_000));
  });

  test.each([
    ['of an unknown authority', {}, () => certificates.server, {}],
    [
      'for another name',
      {},
      () => certificates.make({ name: 'other', names: 'DNS:x.example', by: certificates.ca }),
      {},
    ],
    [
      'that has expired',
      {},
      () => certificates.make({ name: 'old', names: 'IP:127.0.0.1', by: certificates.ca, days: -1 }),
      {},
    ],
    ['that signed itself', {}, () => certificates.make({ name: 'self', names: 'IP:127.0.0.1' }), {}],
    ['that is not the pinned one', { fingerprint_sha256: 'AB'.repeat(32) }, () => certificates.server, {}],
    [
      'over TLS 1.1',
      {},
      () => certificates.server,
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' },
    ],
  ] as const)('sends nothing to a server with a certificate %s', async (name, tls, pair, server) => {
    await using logstash = await LogstashStandIn.start({ tls: { ...read(pair()), ...server } });
    const trusted = name === 'of an unknown authority' ? certificates.strangerCa : certificates.ca;
    const url = `lumberjacks://127.0.0.1:${logstash.port}`;
    await using harness = new LogstashOutputHarness({ url, tls: { ca_file: trusted.cert, ...tls } });

    await expect(harness.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });

    expect(logstash.bytesRead).toBe(0);
  });

  test('a certificate that is pinned is taken, whoever signed it', async () => {
    const pair = certificates.make({ name: 'pinned' });
    await using logstash = await LogstashStandIn.start({ tls: read(pair) });
    const tls = { fingerprint_sha256: certificates.fingerprint(pair) };
    await using harness = new LogstashOutputHarness({ url: `lumberjacks://127.0.0.1:${logstash.port}`, tls });

    await harness.deliver(recordsFrom(1, 3));

    expect(logstash.accepted).toEqual(recordsOf(1, 3));
  });

  test('shows the client certificate where one is required, and says so where there is none', async () => {
    const { client, ca } = certificates;
    const required = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ca.cert) };
    await using logstash = await LogstashStandIn.start({ tls: { ...read(certificates.server), ...required } });
    const url = `lumberjacks://127.0.0.1:${logstash.port}`;
    const pair = { cert_file: client.cert, key_file: client.key };
    await using known = new LogstashOutputHarness({ url, tls: { ca_file: ca.cert, ...pair } });
    await using unknown = new LogstashOutputHarness({ url, tls: { ca_file: ca.cert } });

    await known.deliver(recordsFrom(1, 3));
    await expect(unknown.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
    await expect(unknown.probe()).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });

    expect(logstash.accepted).toEqual(recordsOf(1, 3));
  });

  test('a plain connection to the TLS port fails, and so does TLS to the plain port', async () => {
    await using secure = await LogstashStandIn.start({ tls: read(certificates.server) });
    await using plain = await LogstashStandIn.start();
    await using wrong = new LogstashOutputHarness({ url: `lumberjack://127.0.0.1:${secure.port}` });
    await using alsoWrong = new LogstashOutputHarness({ url: `lumberjacks://127.0.0.1:${plain.port}` });

    await expect(wrong.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ disposition: 'retry' });
    await expect(alsoWrong.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });

    expect(plain.accepted).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../relay/io/clock.ts';
import { TcpOutput } from '../../../relay/outputs/logstash/tcp.ts';
import { Certificates } from '../../support/certificates.ts';
import { LogstashOutputHarness, recordsFrom, recordsOf } from '../../support/logstash-output.ts';
import { LogstashTcpStandIn } from '../../support/logstash-tcp-stand-in.ts';
import { reset } from '../../support/stand-in-server.ts';

async function start(options: Record<string, unknown> = {}, server: { reading?: boolean } = {}) {
  const logstash = await LogstashTcpStandIn.start(server);
  const harness = new LogstashOutputHarness({ url: `tcp://127.0.0.1:${logstash.port}`, ...options });
  return {
    logstash,
    harness,
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await logstash[Symbol.asyncDispose]();
    },
  };
}

/** More than the buffers of both kernels hold. */
const TOO_MUCH = { firstSeq: 1, records: 1, lines: Buffer.from(`{"a":"${'x'.repeat(24 << 20)}"}\n`) };

describe('delivery', () => {
  test('the stored lines arrive as they are, in the order of the calls', async () => {
    await using peers = await start();

    await Promise.all([
      peers.harness.deliver(recordsFrom(1, 3_000)),
      peers.harness.deliver(recordsFrom(3_001, 1)),
      peers.harness.deliver(recordsFrom(3_002, 500)),
    ]);
    await peers.harness.deliver(recordsFrom(3_502, 1));

    await vi.waitFor(() => expect(peers.logstash.lines).toEqual(recordsOf(1, 3_502)));
    expect(peers.logstash.server.connectionsTotal).toBe(1);
    expect(peers.harness.connectionsLost).toBe(0);
  });

  test('goes over TLS', async () => {
    using certificates = new Certificates();
    const { server, ca } = certificates;
    const tls = { cert: readFileSync(server.cert), key: readFileSync(server.key) };
    await using logstash = await LogstashTcpStandIn.start({ tls });
    const url = `tls://127.0.0.1:${logstash.port}`;
    await using harness = new LogstashOutputHarness({ url, tls: { ca_file: ca.cert } });

    await harness.probe();
    await harness.deliver(recordsFrom(1, 1_000));

    await vi.waitFor(() => expect(logstash.lines).toEqual(recordsOf(1, 1_000)));
  });

  test('close lets what was delivered arrive, and is no lost connection', async () => {
    await using peers = await start();
    await peers.harness.deliver(recordsFrom(1, 50_000));

    await peers.harness.output.close();
    await peers.harness.output.close();

    await vi.waitFor(() => expect(peers.logstash.lines).toHaveLength(50_000));
    expect(peers.harness.connectionsLost).toBe(0);
    await peers.harness.deliver(recordsFrom(50_001, 1));
    expect(peers.logstash.server.connectionsTotal).toBe(2);
  });
});

describe('a lost connection', () => {
  test.each(['ended', 'reset'])(
    'that is %s while idle is told at once, and the next delivery opens another',
    async (how) => {
      await using peers = await start();
      await peers.harness.deliver(recordsFrom(1, 1));
      await vi.waitFor(() => expect(peers.logstash.lines).toHaveLength(1));

      for (const socket of peers.logstash.server.sockets) {
        if (how === 'reset') reset(socket);
        else socket.end();
      }

      await vi.waitFor(() => expect(peers.harness.connectionsLost).toBe(1));
      await peers.harness.deliver(recordsFrom(2, 1));
      await vi.waitFor(() => expect(peers.logstash.lines).toEqual(recordsOf(1, 2)));
      expect(peers.harness.connectionsLost).toBe(1);
    },
  );

  test('in the middle of a delivery rejects it and those behind it, and is told once', async () => {
    await using peers = await start({}, { reading: false });
    const outcomes = Promise.allSettled([peers.harness.deliver(TOO_MUCH), peers.harness.deliver(recordsFrom(2, 1))]);
    await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(1));

    for (const socket of peers.logstash.server.sockets) reset(socket);

    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'OUTPUT_CONNECTION_LOST' } });
    }
    expect(peers.harness.connectionsLost).toBe(1);
  });

  test('that was never made is none', async () => {
    await using peers = await start();
    await peers.logstash.server.refuseConnections();

    const outcomes = await Promise.allSettled([1, 2].map((seq) => peers.harness.deliver(recordsFrom(seq, 1))));

    expect(outcomes).toMatchObject([
      { reason: { code: 'OUTPUT_UNREACHABLE' } },
      { reason: { code: 'OUTPUT_UNREACHABLE' } },
    ]);
    expect(peers.harness.connectionsLost).toBe(0);
    await peers.logstash.server.listen();
    await peers.harness.deliver(recordsFrom(1, 1));
  });
});

test('a peer that accepts and does not read holds the delivery up, and is given up after a while', async () => {
  await using peers = await start({ write_stall_timeout_ms: 300 }, { reading: false });
  await peers.harness.deliver(recordsFrom(1, 10));

  const delivered = peers.harness.deliver(TOO_MUCH);

  await expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT', disposition: 'retry' });
  expect(peers.harness.connectionsLost).toBe(1);
});

test('a peer that has vanished without a word is noticed, and told of', async () => {
  await using logstash = await LogstashTcpStandIn.start();
  let connectionsLost = 0;
  let retransmissions = 0;
  const output = new TcpOutput({
    target: {
      url: 'tcp://here',
      host: '127.0.0.1',
      port: logstash.port,
      tls: undefined,
      connectTimeoutMs: 1_000,
      clock: systemClock,
    },
    limits: { recordsMax: 10, bytesMax: 1_000, inFlightMax: 1 },
    writeStallTimeoutMs: 1_000,
    connectionLost: () => connectionsLost++,
    progress: async () => ({ unconfirmedBytes: 9, retransmissions: retransmissions++ }),
  });
  const signal = new AbortController().signal;
  await output.deliver(recordsFrom(1, 1), signal);

  await vi.waitFor(() => expect(connectionsLost).toBe(1), { timeout: 10_000 });

  expect(retransmissions).toBe(6);
  await output.deliver(recordsFrom(1, 1), signal);
  await output.close();
  expect(logstash.server.connectionsTotal).toBe(2);
});

test('close gives up what the peer does not read', async () => {
  await using peers = await start({}, { reading: false });
  const delivered = peers.harness.deliver(TOO_MUCH);
  const rejected = expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(1));

  await peers.harness.output.close();

  await rejected;
});

test('a peer that reads late is waited for', async () => {
  await using peers = await start({}, { reading: false });
  let done = false;
  const delivered = peers.harness.deliver(TOO_MUCH).then(() => (done = true));
  await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(1));
  expect(done).toBe(false);

  peers.logstash.startReading();

  await delivered;
  await vi.waitFor(() => expect(peers.logstash.bytesRead).toBe(TOO_MUCH.lines.length));
});

test('an aborted signal gives up at once, and tells of the connection, whose last records may be missing', async () => {
  await using peers = await start({}, { reading: false });
  const gone = new AbortController();
  const delivered = peers.harness.deliver(TOO_MUCH, gone.signal);
  await vi.waitFor(() => expect(peers.logstash.server.sockets.size).toBe(1));

  gone.abort();

  await expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await expect(peers.harness.deliver(recordsFrom(1, 1), AbortSignal.abort())).rejects.toMatchObject({
    code: 'OUTPUT_CONNECTION_LOST',
  });
  expect(peers.harness.connectionsLost).toBeLessThanOrEqual(1);
});

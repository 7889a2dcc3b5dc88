import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { failureOf, jsonArrayOf } from '../../../relay/outputs/logstash/http.ts';
import { Certificates } from '../../support/certificates.ts';
import { LogstashHttpStandIn, type LogstashHttpStandInOptions } from '../../support/logstash-http-stand-in.ts';
import { LogstashOutputHarness, recordsFrom, recordsOf } from '../../support/logstash-output.ts';
import { StandInServer } from '../../support/stand-in-server.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = new Certificates();
});
afterAll(() => certificates[Symbol.dispose]());

async function start(options: Record<string, unknown> = {}, server: LogstashHttpStandInOptions = {}) {
  const logstash = await LogstashHttpStandIn.start(server);
  const harness = new LogstashOutputHarness({ url: `http://127.0.0.1:${logstash.port}/logs`, ...options });
  return {
    logstash,
    harness,
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await logstash[Symbol.asyncDispose]();
    },
  };
}

const parsed = (records: readonly string[]): unknown[] => records.map((record) => JSON.parse(record) as unknown);

describe('delivery', () => {
  test.each([0, 1, 9])('with compression level %i each record becomes one event', async (level) => {
    await using peers = await start({ compression_level: level });

    await peers.harness.deliver(recordsFrom(1, 500));
    await peers.harness.deliver(recordsFrom(501, 1));

    expect(peers.logstash.events).toEqual(parsed(recordsOf(1, 501)));
    expect(peers.logstash.requests).toMatchObject([{ path: '/logs' }, { path: '/logs' }]);
    expect(peers.logstash.requests[0]?.headers['content-encoding']).toBe(level === 0 ? undefined : 'gzip');
    expect(peers.logstash.connectionsTotal).toBe(1);
  });

  test('a user name and the password of a file are shown to the server', async () => {
    const file = `${certificates.folder}/password`;
    writeFileSync(file, 'ü: right\n');
    await using peers = await start(
      { username: 'relay', password_file: file },
      { username: 'relay', password: 'ü: right' },
    );

    await peers.harness.deliver(recordsFrom(1, 1));

    expect(peers.logstash.events).toHaveLength(1);
  });

  test('goes over TLS to a server whose certificate is in order, and to no other', async () => {
    const { server, ca, strangerCa } = certificates;
    const tls = { cert: readFileSync(server.cert), key: readFileSync(server.key) };
    await using logstash = await LogstashHttpStandIn.start({ tls });
    const url = `https://127.0.0.1:${logstash.port}`;
    await using good = new LogstashOutputHarness({ url, tls: { ca_file: ca.cert } });
    await using bad = new LogstashOutputHarness({ url, tls: { ca_file: strangerCa.cert } });

    await good.deliver(recordsFrom(1, 2));
    await expect(bad.deliver(recordsFrom(3, 2))).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });

    expect(logstash.events).toEqual(parsed(recordsOf(1, 2)));
  });
});

describe('failures', () => {
  test('a 429 without length or end is acted on at its first line', async () => {
    await using peers = await start({ ack_timeout_ms: 5_000 });
    // The socket stays open behind it, as it does for a sender that asked to be told first.
    await using server = await StandInServer.start((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\n\r\n'));
    });
    await using open = new LogstashOutputHarness({ url: `http://127.0.0.1:${server.port}`, ack_timeout_ms: 5_000 });
    peers.logstash.mood = 'busy';

    await expect(peers.harness.deliver(recordsFrom(1, 5))).rejects.toMatchObject({ code: 'OUTPUT_THROTTLED' });
    await expect(open.deliver(recordsFrom(1, 5))).rejects.toMatchObject({
      code: 'OUTPUT_THROTTLED',
      retryAfterMs: 7_000,
    });
    await vi.waitFor(() => expect(server.sockets.size).toBe(0));

    peers.logstash.mood = 'ok';
    await peers.harness.deliver(recordsFrom(1, 5));
    expect(peers.logstash.events).toEqual(parsed(recordsOf(1, 5)));
  });

  test('wrong credentials are to be put right, and nothing is lost until then', async () => {
    await using peers = await start({}, { username: 'relay', password: 'right' });

    await expect(peers.harness.deliver(recordsFrom(1, 1))).rejects.toMatchObject({
      code: 'OUTPUT_UNAUTHORIZED',
      disposition: 'retry',
    });
    await expect(peers.harness.probe()).rejects.toMatchObject({ code: 'OUTPUT_UNAUTHORIZED' });
  });

  test('no answer in time is a timeout; the server may have taken the records all the same', async () => {
    await using peers = await start({ ack_timeout_ms: 100 });
    peers.logstash.mood = 'stalled';

    await expect(peers.harness.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });
    peers.logstash.resume();
    await peers.harness.deliver(recordsFrom(1, 3));

    await vi.waitFor(() => expect(peers.logstash.events).toEqual(parsed([...recordsOf(1, 3), ...recordsOf(1, 3)])));
  });

  test('a server that never reads is a timeout, one that is not there is unreachable, one that resets is lost', async () => {
    const timeouts = { ack_timeout_ms: 200 };
    await using deaf = await StandInServer.start(() => {}, undefined, true);
    await using resetting = await StandInServer.start((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const to = (port: number) => new LogstashOutputHarness({ url: `http://127.0.0.1:${port}`, ...timeouts });
    await using toDeaf = to(deaf.port);
    await using toResetting = to(resetting.port);
    await using toNobody = to(await freePort());

    await expect(toDeaf.deliver(recordsFrom(1, 2_000))).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });
    await expect(toResetting.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
    await expect(toNobody.deliver(recordsFrom(1, 3))).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
  });

  test('an aborted signal gives up at once', async () => {
    await using peers = await start();
    peers.logstash.mood = 'stalled';
    const gone = new AbortController();
    const delivered = peers.harness.deliver(recordsFrom(1, 1), gone.signal);
    await vi.waitFor(() => expect(peers.logstash.requests).toHaveLength(1));

    gone.abort();

    await expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
    await expect(peers.harness.deliver(recordsFrom(1, 1), AbortSignal.abort())).rejects.toMatchObject({
      code: 'OUTPUT_CONNECTION_LOST',
    });
  });

  test('close ends what is under way; a delivery after it connects again', async () => {
    await using peers = await start();
    peers.logstash.mood = 'stalled';
    const delivered = peers.harness.deliver(recordsFrom(1, 1));
    const rejected = expect(delivered).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
    await vi.waitFor(() => expect(peers.logstash.requests).toHaveLength(1));

    await peers.harness.output.close();
    await peers.harness.output.close();
    await rejected;
    peers.logstash.mood = 'ok';

    await peers.harness.deliver(recordsFrom(2, 1));
    expect(peers.logstash.events).toEqual(parsed(recordsOf(2, 2)));
  });
});

test('a probe makes no event', async () => {
  await using peers = await start();

  await peers.harness.probe();

  expect(peers.logstash.requests).toHaveLength(1);
  expect(peers.logstash.events).toEqual([]);
});

test.each([
  [200, undefined, undefined],
  [204, undefined, undefined],
  [302, 'OUTPUT_PROTOCOL', 'retry'],
  [400, 'OUTPUT_REFUSED_BATCH', 'reject'],
  [401, 'OUTPUT_UNAUTHORIZED', 'retry'],
  [403, 'OUTPUT_UNAUTHORIZED', 'retry'],
  [404, 'OUTPUT_PROTOCOL', 'retry'],
  [408, 'OUTPUT_UNREACHABLE', 'retry'],
  [413, 'OUTPUT_REFUSED_BATCH', 'reject'],
  [429, 'OUTPUT_THROTTLED', 'retry'],
  [500, 'OUTPUT_UNREACHABLE', 'retry'],
  [503, 'OUTPUT_THROTTLED', 'retry'],
])('an answer of %i means %s', (status, code, disposition) => {
  const failure = failureOf(status, undefined, 0);

  expect(failure?.code).toBe(code);
  expect(failure?.disposition).toBe(disposition);
  expect(failure?.retryAfterMs).toBeUndefined();
});

test.each([
  ['120', 120_000],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 59_000],
  ['Wed, 31 Dec 1969 00:00:00 GMT', 0],
  ['99999999999999999999', 3_600_000],
  ['soon', undefined],
])('a retry-after of %j is %s ms', (text, expected) => {
  expect(failureOf(503, text, 1_000)?.retryAfterMs).toBe(expected);
});

test('lines become an array without a look at what is in them', () => {
  expect(String(jsonArrayOf(Buffer.from('{"a":1}\n{"b":"\\n"}\n')))).toBe('[{"a":1},{"b":"\\n"}]');
  expect(String(jsonArrayOf(Buffer.alloc(0)))).toBe('[]');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { connect } from '../../relay/io/connect.ts';
import { networkError } from '../../relay/io/network-error.ts';
import type { TlsClientFiles } from '../../relay/io/tls-files.ts';
import { Certificates, type KeyPair } from '../support/certificates.ts';

let certificates: Certificates;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(() => {
  certificates = new Certificates();
});
afterAll(() => certificates[Symbol.dispose]());
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function tlsServer(pair: KeyPair, options: TlsOptions = {}): Promise<number> {
  const server = createTlsServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key), ...options });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => socket.on('error', () => {}));
  return listen(server);
}

function open(port: number, tls?: Partial<TlsClientFiles>, more: { host?: string; timeoutMs?: number } = {}) {
  return connect({
    host: more.host ?? '127.0.0.1',
    port,
    clock: systemClock,
    timeoutMs: more.timeoutMs ?? 5_000,
    tls:
      tls === undefined ? undefined : { verify: true, min_version: 'TLSv1.2', ca_file: certificates.ca.cert, ...tls },
  }).then((socket) => {
    sockets.add(socket);
    return socket;
  });
}

describe('TCP', () => {
  test('connects', async () => {
    const port = await listen(createServer());

    const socket = await open(port);

    expect(socket.remotePort).toBe(port);
  });

  test('a port nobody listens on is unreachable, by number or by a name with two addresses', async () => {
    const port = await listen(createServer());
    const server = servers.pop()!;
    server.close();
    await once(server, 'close');

    await expect(open(port)).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE', cause: { code: 'ECONNREFUSED' } });
    await expect(open(port, undefined, { host: 'localhost' })).rejects.toMatchObject({
      code: 'OUTPUT_UNREACHABLE',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('an aborted signal gives up at once', async () => {
    const port = await listen(createServer());
    const options = { host: '127.0.0.1', port, clock: systemClock, timeoutMs: 5_000 };

    await expect(connect({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'OUTPUT_CONNECTION_LOST',
      disposition: 'retry',
    });
  });
});

describe('TLS', () => {
  test('a certificate of the configured authority for the host is accepted', async () => {
    const port = await tlsServer(certificates.server);

    const socket = await open(port, {});

    expect(socket).toMatchObject({ authorized: true });
    expect((await open(port, {}, { host: 'localhost' })).remotePort).toBe(port);
  });

  test('what is written at once arrives', async () => {
    const { cert, key } = certificates.server;
    const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) });
    const received = once(server, 'secureConnection').then(([peer]) => once(peer as Socket, 'data'));
    const port = await listen(server);

    (await open(port, {})).write('hello');

    expect(String((await received)[0])).toBe('hello');
  });

  test('an authority that is not configured is refused', async () => {
    const port = await tlsServer(certificates.server);

    await expect(open(port, { ca_file: undefined })).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
  });

  test('a certificate for another name is refused, unless that name is the one to expect', async () => {
    const other = certificates.make({ name: 'other', names: 'DNS:logs.example', by: certificates.ca });
    const port = await tlsServer(other);

    await expect(open(port, {})).rejects.toMatchObject({
      code: 'OUTPUT_TLS_FAILED',
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    await expect(open(port, { server_name: 'logs.example' })).resolves.toBeDefined();
  });

  test('an expired certificate is refused', async () => {
    const expired = certificates.make({ name: 'expired', names: 'IP:127.0.0.1', by: certificates.ca, days: -1 });
    const port = await tlsServer(expired);

    await expect(open(port, {})).rejects.toMatchObject({
      code: 'OUTPUT_TLS_FAILED',
      cause: { code: 'CERT_HAS_EXPIRED' },
    });
  });

  test('a self-signed certificate is refused, and taken when verification is off', async () => {
    const port = await tlsServer(certificates.make({ name: 'alone', names: 'IP:127.0.0.1' }));

    await expect(open(port, {})).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
    await expect(open(port, { verify: false })).resolves.toBeDefined();
  });

  test('a pinned fingerprint takes that certificate, whoever signed it, and no other', async () => {
    const alone = certificates.make({ name: 'pinned' });
    const port = await tlsServer(alone);

    await expect(open(port, { fingerprint_sha256: certificates.fingerprint(alone) })).resolves.toBeDefined();
    await expect(
      open(port, { fingerprint_sha256: certificates.fingerprint(certificates.server) }),
    ).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'over %s a missing or foreign client certificate is a TLS failure',
    async (version) => {
      const port = await tlsServer(certificates.server, {
        requestCert: true,
        rejectUnauthorized: true,
        ca: readFileSync(certificates.ca.cert),
        minVersion: version,
        maxVersion: version,
      });
      const { client, strangerClient } = certificates;

      await expect(open(port, {})).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
      await expect(open(port, { cert_file: strangerClient.cert, key_file: strangerClient.key })).rejects.toMatchObject({
        code: 'OUTPUT_TLS_FAILED',
      });
      await expect(open(port, { cert_file: client.cert, key_file: client.key })).resolves.toBeDefined();
    },
  );

  test('a server that speaks nothing newer than TLS 1.1 is refused', async () => {
    const port = await tlsServer(certificates.server, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });

    await expect(open(port, {})).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
  });

  test('a handshake that is never answered times out', async () => {
    const port = await listen(createServer());

    await expect(open(port, {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });
  });

  test('an aborted signal ends a handshake that is under way', async () => {
    const port = await listen(createServer());
    const gone = new AbortController();
    const files = { verify: true, min_version: 'TLSv1.2' } as const;
    const options = { host: '127.0.0.1', port, tls: files, clock: systemClock, timeoutMs: 20_000 };
    const connecting = connect({ ...options, signal: gone.signal });
    await once(servers[0]!, 'connection');

    gone.abort();

    await expect(connecting).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  });

  test('a server that hangs up during the handshake is a TLS failure', async () => {
    const port = await listen(createServer((socket) => socket.once('data', () => socket.destroy())));

    await expect(open(port, {})).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });
  });

  test('a certificate file that is missing or broken is a failure to try again after, not a crash', async () => {
    const port = await tlsServer(certificates.server);
    const broken = `${certificates.folder}/broken.pem`;
    writeFileSync(broken, 'not a certificate');

    for (const file of [broken, `${certificates.folder}/absent.pem`]) {
      await expect(open(port, { cert_file: file, key_file: certificates.client.key })).rejects.toMatchObject({
        code: 'OUTPUT_TLS_FAILED',
        disposition: 'retry',
      });
    }
  });
});

test.each([
  ['use', 'ECONNRESET', 'OUTPUT_CONNECTION_LOST'],
  ['use', 'EPIPE', 'OUTPUT_CONNECTION_LOST'],
  ['use', 'ETIMEDOUT', 'OUTPUT_TIMEOUT'],
  ['use', 'UND_ERR_HEADERS_TIMEOUT', 'OUTPUT_TIMEOUT'],
  ['use', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'OUTPUT_TLS_FAILED'],
  ['connect', 'ECONNRESET', 'OUTPUT_UNREACHABLE'],
  ['connect', 'ENOTFOUND', 'OUTPUT_UNREACHABLE'],
  ['connect', 'EHOSTUNREACH', 'OUTPUT_UNREACHABLE'],
  ['connect', 'UND_ERR_CONNECT_TIMEOUT', 'OUTPUT_TIMEOUT'],
  ['connect', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'OUTPUT_TLS_FAILED'],
  ['connect', 'CERT_HAS_EXPIRED', 'OUTPUT_TLS_FAILED'],
] as const)('while in %s, %s means %s', (phase, code, expected) => {
  const cause = Object.assign(new Error('from below'), { code });

  expect(networkError(cause, 'host:1', phase)).toMatchObject({ code: expected, cause });
});

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { afterAll, expect, test } from 'vitest';
import { http } from '../../relay/inputs/http/index.ts';
import { Certificates, type KeyPair } from '../support/certificates.ts';
import { InputHarness } from '../support/input-harness.ts';
import { RawConnection } from '../support/http-exchange.ts';

const certificates = new Certificates();
afterAll(() => certificates[Symbol.dispose]());
const { ca, server, client } = certificates;

function start(tls: Record<string, unknown> = {}, options: Record<string, unknown> = {}): Promise<InputHarness> {
  const files = { cert_file: server.cert, key_file: server.key };
  return InputHarness.start(http, { listen: 'https://127.0.0.1:0', tls: { ...files, ...tls }, ...options });
}

/** The status of the answer; rejects where the handshake fails. */
function postOverTls(port: number, pair?: KeyPair): Promise<number> {
  return new Promise((resolve, reject) => {
    const identity = pair === undefined ? {} : { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: '/ingest',
        method: 'POST',
        agent: false,
        ca: readFileSync(ca.cert),
        ...identity,
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.once('error', reject);
    sent.end('{"message":"over TLS"}');
  });
}

test('records come over TLS, and connections are counted once', async () => {
  await using input = await start();

  expect(await postOverTls(input.port)).toBe(200);

  expect(input.records[0]).toMatchObject({ message: 'over TLS', source: { ip: '127.0.0.1' } });
  expect(input.context.counters.connectionsTotal).toBe(1);
});

test('where clients must show a certificate, one of the right authority is let in and no other', async () => {
  await using input = await start({ client_ca_file: ca.cert, client_auth: 'required' });

  expect(await postOverTls(input.port, client)).toBe(200);
  await expect(postOverTls(input.port)).rejects.toThrow();
  await expect(postOverTls(input.port, certificates.strangerClient)).rejects.toThrow();

  expect(input.lines).toHaveLength(1);
  await expect.poll(() => input.refusals['tls']).toBe(2);
});

test('TLS 1.1 is refused', async () => {
  await using input = await start();
  const socket = connect({
    port: input.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });

  await expect(once(socket, 'secureConnect')).rejects.toThrow();
  await expect.poll(() => input.refusals['tls']).toBe(1);
});

test('a handshake that never ends is given up, and so is plain HTTP', async () => {
  await using input = await start({}, { header_timeout_ms: 300 });
  await using silent = await RawConnection.open(input.port);
  await using plain = await RawConnection.open(input.port);
  silent.send(Buffer.from('1603010200010001fc0303', 'hex'));
  plain.send('POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx');

  await expect.poll(() => silent.closed, { timeout: 5_000 }).toBe(true);
  await expect.poll(() => plain.closed, { timeout: 5_000 }).toBe(true);

  expect(input.refusals).toEqual({ timeout: 1, tls: 1 });
  expect(await postOverTls(input.port)).toBe(200);
  expect(input.lines).toHaveLength(1);
});

test('stopping does not wait for a handshake', async () => {
  await using input = await start({}, { stop_timeout_ms: 600_000 });
  await using silent = await RawConnection.open(input.port);
  silent.send(Buffer.from('1603010200010001fc0303', 'hex'));
  await expect.poll(() => input.context.counters.connections).toBe(1);

  await input.input.stop();

  await expect.poll(() => silent.closed).toBe(true);
});

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forward } from '../../relay/inputs/forward/index.ts';
import { Certificates } from '../support/certificates.ts';
import { ForwardClient, sha512 } from '../support/forward-client.ts';
import { InputHarness } from '../support/input-harness.ts';
import { EventTime, pack } from '../support/msgpack.ts';

const entry = (log: string): unknown => [new EventTime(1_700_000_000), { log }];

function start(options: Record<string, unknown> = {}): Promise<InputHarness> {
  return InputHarness.start(forward, { listen: 'tcp://127.0.0.1:0', ...options });
}

const secure = { shared_key: 'the-key', users: [{ name: 'ann', password: 'pass' }] };

test('a sender that knows the key and its password is let in, and the relay proves that it knows the key too', async () => {
  await using input = await start({ ...secure, server_name: 'relay' });
  await using client = await ForwardClient.connect(input.port);

  const pong = await client.logIn({ key: 'the-key', user: 'ann', password: 'pass', salt: 'salt' });
  const [helo] = client.answers as [['HELO', { nonce: string }]];
  expect(pong).toEqual(['PONG', true, '', 'relay', sha512('salt', 'relay', helo[1].nonce, 'the-key')]);
  client.send(['tag', [entry('a')], { chunk: 'x' }]);

  expect((await client.answered(3))[2]).toEqual({ ack: 'x' });
});

test.each([
  ['another key', { key: 'wrong', user: 'ann', password: 'pass' }],
  ['the start of the key', { key: 'the-ke', user: 'ann', password: 'pass' }],
  ['no key', { key: '', user: 'ann', password: 'pass' }],
  ['an empty salt', { key: 'the-key', user: 'ann', password: 'pass', salt: '' }],
  ['another password', { key: 'the-key', user: 'ann', password: 'wrong' }],
  ['no password', { key: 'the-key', user: 'ann' }],
  ['an unknown user', { key: 'the-key', user: 'bob', password: 'pass' }],
  ['a user named like a property of objects', { key: 'the-key', user: '__proto__', password: 'pass' }],
  ['no user', { key: 'the-key' }],
])('a sender with %s is refused and cut off', async (_name, secrets) => {
  await using input = await start(secure);
  await using client = await ForwardClient.connect(input.port);

  expect((await client.logIn(secrets)).slice(0, 3)).toEqual(['PONG', false, 'authentication failed']);
  await client.untilClosed();

  expect(input.refusals).toEqual({ unauthorized: 1 });
});

test('records sent before, or right behind, a failed PING are never stored', async () => {
  await using input = await start(secure);
  const records = pack(['tag', [entry('a')], { chunk: 'x' }]);
  const ping = pack(['PING', 'h', 's', '', 'ann', '']);

  for (const bytes of [records, Buffer.concat([ping, records]), Buffer.alloc(5_000, 0x93), Buffer.from([0xc1])]) {
    await using client = await ForwardClient.connect(input.port);
    client.sendBytes(bytes);
    await client.untilClosed();
    expect(client.answers).not.toContainEqual({ ack: 'x' });
  }

  expect(input.lines).toEqual([]);
  expect(input.refusals).toEqual({ unauthorized: 4 });
});

test('a PING that was overheard lets nobody in again', async () => {
  await using input = await start({ shared_key: 'the-key' });
  await using first = await ForwardClient.connect(input.port);
  const [helo] = (await first.answered(1)) as [['HELO', { nonce: string }]];
  const ping = pack(['PING', 'h', 's', sha512('s', 'h', helo[1].nonce, 'the-key'), '', '']);
  first.sendBytes(ping);
  expect((await first.answered(2))[1]).toMatchObject(['PONG', true, '', 'spillway', expect.any(String)]);

  await using second = await ForwardClient.connect(input.port);
  second.sendBytes(ping);
  await second.untilClosed();

  expect(input.refusals).toEqual({ unauthorized: 1 });
});

test('a sender that says nothing is not waited for', async () => {
  await using input = await start({ shared_key: 'the-key', handshake_timeout_ms: 100 });
  await using client = await ForwardClient.connect(input.port);

  await client.untilClosed();

  expect(input.refusals).toEqual({ timeout: 1 });
});

const tls = { cert_file: 'c', key_file: 'k' };

test.each([
  ['users without a shared key', { users: [{ name: 'a', password: 'b' }] }],
  ['an empty shared key', { shared_key: '' }],
  ['two shared keys', { shared_key: 'a', shared_key_file: 'b' }],
  ['a user without a password', { shared_key: 'k', users: [{ name: 'a' }] }],
  ['a user with an empty password', { shared_key: 'k', users: [{ name: 'a', password: '' }] }],
  ['a user with two passwords', { shared_key: 'k', users: [{ name: 'a', password: 'b', password_file: 'c' }] }],
  [
    'a user twice',
    {
      shared_key: 'k',
      users: [
        { name: 'a', password: 'b' },
        { name: 'a', password: 'c' },
      ],
    },
  ],
  ['TLS without a certificate', { listen: 'tls://127.0.0.1:0' }],
  ['a certificate without TLS', { tls }],
  ['an option that does not exist', { sharedkey: 'x' }],
])('%s is a mistake in the configuration', (_name, options) => {
  expect(forward.options.safeParse({ listen: 'tcp://127.0.0.1:0', ...options }).success).toBe(false);
});

test('secrets come from files too, and an empty file does not pass for one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forward-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const users = [{ name: 'ann', password_file: file('password', 'pass\n') }];
  await using input = await start({ shared_key_file: file('key', 'the-key\n'), users });
  await using client = await ForwardClient.connect(input.port);

  expect((await client.logIn({ key: 'the-key', user: 'ann', password: 'pass' }))[1]).toBe(true);
  await expect(start({ shared_key_file: file('empty', '\n') })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(start({ shared_key_file: join(folder, 'missing') })).rejects.toMatchObject({
    code: 'CONFIG_UNREADABLE',
  });
});

test('over TLS a client certificate can be asked for, and only those who have one get through', async () => {
  using certificates = new Certificates();
  const { ca, server, client: own } = certificates;
  const tls = { cert_file: server.cert, key_file: server.key, client_ca_file: ca.cert, client_auth: 'required' };
  await using input = await start({ listen: 'tls://127.0.0.1:0', tls });
  const trusted = readFileSync(ca.cert, 'utf8');
  await using stranger = await ForwardClient.connect(input.port, { ca: trusted });
  stranger.send(['tag', [entry('a')], { chunk: 'x' }]);
  await stranger.untilClosed();
  await using client = await ForwardClient.connect(input.port, {
    ca: trusted,
    cert: readFileSync(own.cert, 'utf8'),
    key: readFileSync(own.key, 'utf8'),
  });

  client.send(['tag', [entry('b')], { chunk: 'y' }]);

  expect(await client.answered(1)).toEqual([{ ack: 'y' }]);
  expect(input.records.map((record) => record['message'] as string)).toEqual(['b']);
  expect(input.refusals).toEqual({ tls: 1 });
});

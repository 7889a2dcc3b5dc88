import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { recordsOf } from '../../relay/cli/catch/http.ts';
import { catchCommand } from '../../relay/cli/catch.ts';
import { encodeWindow } from '../../relay/wire/lumberjack.ts';
import { Certificates } from '../support/certificates.ts';
import { CliHarness } from '../support/cli-harness.ts';

/** A running `spillway catch`, stopped after the test. */
class Catching implements AsyncDisposable {
  readonly cli = new CliHarness('/');
  readonly ended: Promise<number>;

  constructor(...words: string[]) {
    this.ended = this.cli.run([catchCommand], 'catch', ...words);
  }

  static async start(...words: string[]): Promise<Catching> {
    const catching = new Catching(...words);
    const urls = words.filter((word) => word.includes('://'));
    await vi.waitFor(() => expect(catching.cli.stderr.match(/listening on/g)).toHaveLength(urls.length));
    return catching;
  }

  get lines(): string[] {
    return this.cli.stdout.split('\n').slice(0, -1);
  }

  port(index = 0): number {
    return Number([...this.cli.stderr.matchAll(/listening on \S+:(\d+)\n/g)][index]?.[1]);
  }

  async connect(index = 0): Promise<Socket> {
    const socket = connect(this.port(index), '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  }

  post(body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port()}/any/path`, { method: 'POST', body, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cli.stop();
    await this.ended;
  }
}

/** Also where it was reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('close', () => resolve()));
}

test('datagrams are printed with who sent them', async () => {
  await using catching = await Catching.start('udp://127.0.0.1:0');
  const socket = createSocket('udp4');

  socket.send('<13>1 - - - - - - hello', catching.port(), '127.0.0.1');

  await vi.waitFor(() => expect(catching.lines).toEqual(['udp 127.0.0.1 <13>1 - - - - - - hello']));
  socket.close();
});

test('messages over TCP are printed, whatever their framing', async () => {
  await using catching = await Catching.start('tcp://127.0.0.1:0');
  const socket = await catching.connect();

  socket.write('<13>one\n7 <13>two{"message":"three"}\n');

  await vi.waitFor(() =>
    expect(catching.lines).toEqual([
      'tcp 127.0.0.1 <13>one',
      'tcp 127.0.0.1 <13>two',
      'tcp 127.0.0.1 {"message":"three"}',
    ]),
  );
  socket.destroy();
});

test('what a record would do to the terminal is shown instead; --raw and --json leave it whole', async () => {
  await using text = await Catching.start('tcp://127.0.0.1:0');
  await using raw = await Catching.start('tcp://127.0.0.1:0', '--raw');
  await using json = await Catching.start('tcp://127.0.0.1:0', '--json');

  for (const catching of [text, raw, json]) (await catching.connect()).end('a\u001b[2J\u009bm\u202e\n');

  await vi.waitFor(() => expect(text.lines).toEqual(['tcp 127.0.0.1 a\\x1b[2J\\x9bm\\u{202e}']));
  await vi.waitFor(() => expect(raw.lines).toEqual(['a\u001b[2J\u009bm\u202e']));
  await vi.waitFor(() => expect(json.lines).toHaveLength(1));
  expect(JSON.parse(json.lines[0]!)).toMatchObject({ via: 'tcp', from: '127.0.0.1', text: 'a\u001b[2J\u009bm\u202e' });
});

test('a lumberjack window is printed and acknowledged', async () => {
  await using catching = await Catching.start('lumberjack://127.0.0.1:0');
  const socket = await catching.connect();

  socket.write(encodeWindow(Buffer.from('{"n":1}\n{"n":2}\n'), 2));
  const [ack] = (await once(socket, 'data')) as [Buffer];

  expect(ack).toEqual(Buffer.from('2A\0\0\0\u0002'));
  expect(catching.lines).toEqual(['lumberjack 127.0.0.1 {"n":1}', 'lumberjack 127.0.0.1 {"n":2}']);
  socket.destroy();
});

test('every second window is not acknowledged when told so: the connection ends', async () => {
  await using catching = await Catching.start('lumberjack://127.0.0.1:0', '--fail-every', '2');
  const socket = await catching.connect();

  socket.write(encodeWindow(Buffer.from('{"n":1}\n'), 1));
  await once(socket, 'data');
  socket.write(encodeWindow(Buffer.from('{"n":2}\n'), 1));
  await closed(socket);

  expect(catching.lines).toEqual(['lumberjack 127.0.0.1 {"n":1}']);
});

test('garbage ends its own connection alone', async () => {
  await using catching = await Catching.start('lumberjack://127.0.0.1:0');
  const bad = await catching.connect();
  const good = await catching.connect();

  bad.write('GET / HTTP/1.1\r\n\r\n');
  await closed(bad);
  good.write(encodeWindow(Buffer.from('{"n":1}\n'), 1));
  await once(good, 'data');

  expect(catching.lines).toHaveLength(1);
  good.destroy();
});

test('requests are printed record by record, and every Nth is answered 503', async () => {
  await using catching = await Catching.start('http://127.0.0.1:0', '--fail-every', '2');

  const first = await catching.post('{"a":1}\n{"a":2}\n');
  const second = await catching.post('lost');
  const third = await catching.post(gzipSync('[{"b":1}]'), { 'content-encoding': 'gzip' });
  const broken = await catching.post('no gzip', { 'content-encoding': 'gzip' });
  const unknown = await catching.post('x', { 'content-encoding': 'constructor' });

  expect([first, second, third, broken, unknown].map(({ status }) => status)).toEqual([200, 503, 200, 400, 400]);
  expect(await first.json()).toMatchObject({ status: 'ok', ingested: 2 });
  expect(catching.lines).toEqual(['http 127.0.0.1 {"a":1}', 'http 127.0.0.1 {"a":2}', 'http 127.0.0.1 {"b":1}']);
});

test.each([
  { body: '', records: [] },
  { body: 'a\n\nb\n', records: ['a', 'b'] },
  { body: '{"a":1}', records: ['{"a":1}'] },
  { body: '[1,{"a":2}]', records: ['1', '{"a":2}'] },
  { body: '{"events":[{"text":"x"}]}', records: ['{"text":"x"}'] },
])('the body $body holds $records', ({ body, records }) => {
  expect(recordsOf(body)).toEqual(records);
});

test('--pause-ms holds back the answer', async () => {
  await using catching = await Catching.start('http://127.0.0.1:0', '--pause-ms', '80');
  const startedMs = performance.now();

  const { status } = await catching.post('x');

  expect(status).toBe(200);
  expect(performance.now() - startedMs).toBeGreaterThan(75);
});

test('--count prints rates, not records', async () => {
  await using catching = await Catching.start('tcp://127.0.0.1:0', '--count');
  (await catching.connect()).end('one\ntwo\n');

  await vi.waitFor(
    () => expect(catching.cli.stdout).toMatch(/^\d+ records\/s, \d+\.\d\d MB\/s, 2 records in all$/m),
    5_000,
  );
  expect(catching.cli.stdout).not.toContain('one');
});

test('TLS is spoken with the certificate that is given', async () => {
  using certificates = new Certificates();
  const { cert, key } = certificates.server;
  await using catching = await Catching.start('tls://127.0.0.1:0', '--cert-file', cert, '--key-file', key);

  const socket = connectTls({ port: catching.port(), host: '127.0.0.1', rejectUnauthorized: false });
  socket.write('<13>secret\n');

  await vi.waitFor(() => expect(catching.lines).toEqual(['tls 127.0.0.1 <13>secret']));
  socket.destroy();
});

test('it ends when it is asked to, and says how much it caught', async () => {
  const catching = await Catching.start('tcp://127.0.0.1:0', 'http://127.0.0.1:0');
  (await catching.connect()).write('one\n');
  await vi.waitFor(() => expect(catching.lines).toHaveLength(1));

  catching.cli.stop();

  expect(await catching.ended).toBe(0);
  expect(catching.cli.stderr).toMatch(/^1 record$/m);
});

test.each([
  { words: [], says: 'needs at least one URL' },
  { words: ['127.0.0.1:1'], says: 'is not a listen address' },
  { words: ['gopher://127.0.0.1:1'], says: 'cannot be listened on here' },
  { words: ['tls://127.0.0.1:0'], says: 'needs --cert-file and --key-file' },
  { words: ['udp://127.0.0.1:0', 'udp://127.0.0.1:0'], says: 'one udp:// URL at most' },
  { words: ['udp://[::1]:0'], says: 'takes an IPv4 address here' },
  { words: ['tcp://127.0.0.1:0', '--fail-every', '0'], says: 'takes a whole number from 1' },
])('catch $words is a wrong command line', async ({ words, says }) => {
  const catching = new Catching(...words);

  expect(await catching.ended).toBe(2);
  expect(catching.cli.stderr).toContain(says);
});

test.each(['udp', 'tcp', 'http', 'lumberjack'])('a %s port that is taken ends it at once', async (scheme) => {
  await using first = await Catching.start(`${scheme}://127.0.0.1:0`);

  const second = new Catching(`${scheme}://127.0.0.1:${first.port()}`);

  expect(await second.ended).toBe(1);
  expect(second.cli.stderr).toMatch(/cannot listen on .*EADDRINUSE/);
});

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { syslog } from '../../relay/inputs/syslog/index.ts';
import { Certificates } from '../support/certificates.ts';
import { InputHarness } from '../support/input-harness.ts';
import { rawLineOf } from '../support/raw-line.ts';

function start(options: Record<string, unknown> = {}): Promise<InputHarness> {
  return InputHarness.start(syslog, { listen: 'tcp://127.0.0.1:0', ...options });
}

async function open(input: InputHarness): Promise<Socket> {
  const socket = connect(input.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function sendAll(input: InputHarness, bytes: string | Buffer): Promise<void> {
  const socket = await open(input);
  socket.end(bytes);
  await once(socket.resume(), 'close');
}

async function sendDatagrams(input: InputHarness, datagrams: ReadonlyArray<string | Buffer>): Promise<void> {
  const socket = createSocket('udp4');
  for (const datagram of datagrams)
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, input.port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
    );
  socket.close();
}

/** Bytes of datagrams that nobody has read yet: the second number of the fifth column (proc(5)). */
function kernelHolds(port: number): number {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/udp', 'latin1').split('\n');
  const columns = rows.map((row) => row.trim().split(/\s+/)).find(([, local]) => local?.endsWith(ending));
  return Number.parseInt(columns?.[4]?.split(':')[1] ?? '', 16);
}

const messages = (input: InputHarness): unknown[] => input.records.map((record) => record['message']);

describe('over TCP', () => {
  test('a line becomes a record with its sender', async () => {
    await using input = await start();

    await sendAll(input, '<34>Nov 22 05:00:00 web-1 su[7]: failed\n');

    await expect.poll(() => input.lines.length).toBe(1);
    expect(input.records[0]).toMatchObject({
      event: { dataset: 'syslog' },
      host: { name: 'web-1' },
      log: { level: 'crit', syslog: { priority: 34, appname: 'su', procid: '7' } },
      message: 'failed',
      source: { ip: '127.0.0.1' },
      spillway: { input: 'test', format: 'rfc3164' },
    });
    expect(input.context.counters).toMatchObject({ records: 1, connectionsTotal: 1 });
  });

  test('framings and formats may change from message to message', async () => {
    await using input = await start();

    await sendAll(
      input,
      '<34>a: 1\n10 <34>1 - - \x008 <34>b: 2\n\0<13>1 - - - - - - 3\n<34>c: 4\0<34>d: 5\0not syslog\n',
    );

    await expect.poll(() => input.lines.length).toBe(7);
    expect(messages(input)).toEqual(['1', '<34>1 - - ', '2', '3', '4', '5', 'not syslog']);
  });

  test('a message that arrives byte by byte is one record', async () => {
    await using input = await start();
    const socket = await open(input);
    socket.setNoDelay(true);

    for (const byte of Buffer.from('<34>a: b c\n<34>a: d\n'))
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));

    await expect.poll(() => messages(input)).toEqual(['b c', 'd']);
    socket.destroy();
  });

  test('what the end of a connection cuts off is kept and flagged', async () => {
    await using input = await start();

    await sendAll(input, '<34>a: whole\n<34>a: ha');

    await expect.poll(() => input.lines.length).toBe(2);
    expect(input.records[1]).toMatchObject({ message: 'ha', spillway: { flags: ['time_missing', 'cut'] } });
    expect(input.flags.cut).toBe(1);
  });

  test('a message that never ends is kept after its time, and its connection closed', async () => {
    await using input = await start({ frame_timeout_ms: 100 });
    const idle = await open(input);
    idle.write('<34>a: whole\n');
    const slow = await open(input);
    slow.write('100 <34>a: ha');

    await once(slow.resume(), 'close');

    await expect.poll(() => messages(input)).toEqual(['whole', 'ha']);
    expect(input.refusals).toEqual({ timeout: 1 });
    expect(idle.destroyed).toBe(false);
    idle.write('<34>a: still here\n');
    await expect.poll(() => messages(input)).toContain('still here');
    idle.destroy();
  });

  test('a line longer than allowed is kept in parts', async () => {
    await using input = await start({ message_bytes_max: 480 });
    const text = 'x'.repeat(1_000);

    await sendAll(input, `<34>a: ${text}\n`);

    await expect.poll(() => input.lines.length).toBe(3);
    expect(input.records.map((record) => rawLineOf(record).toString()).join('')).toBe(`<34>a: ${text}`);
    expect(input.records.map((record) => record['spillway'].part)).toEqual([
      { number: 1 },
      { number: 2 },
      { number: 3, total_bytes: 1_007 },
    ]);
    expect(input.flags.split).toBe(3);
  });

  test.each([
    ['an octet count that cannot be meant', '99999999999 <34>a: b', 'frame_invalid'],
    ['a TLS handshake', Buffer.from('16030100f8010000f40303', 'hex'), 'tls'],
  ])('%s closes the connection and is counted; others go on', async (_name, bytes, reason) => {
    await using input = await start();
    const other = await open(input);
    const socket = await open(input);

    socket.write(bytes);
    await once(socket.resume(), 'close');
    other.write('<34>a: b\n');

    await expect.poll(() => messages(input)).toEqual(['b']);
    expect(input.refusals).toEqual({ [reason]: 1 });
    other.destroy();
  });

  test('an HTTP request is kept as text', async () => {
    await using input = await start();

    await sendAll(input, 'POST / HTTP/1.1\r\nHost: x\r\n\r\n');

    await expect.poll(() => messages(input)).toEqual(['POST / HTTP/1.1', 'Host: x']);
    expect(input.flags.unparsed).toBe(2);
  });

  test('ten thousand empty lines are no records', async () => {
    await using input = await start();

    await sendAll(input, `${'\r\n'.repeat(10_000)}<34>a: b\n`);

    await expect.poll(() => messages(input)).toEqual(['b']);
  });

  test('a thousand idle connections that said one thing each are all kept open', async () => {
    await using input = await start();
    const sockets: Socket[] = [];
    for (let i = 0; i < 1_000; i++) {
      const socket = await open(input);
      socket.write(`<6>2026-11-22T02:41:36Z 814da02eb5a8 audit[1]: n=${i}\n`);
      sockets.push(socket);
    }

    await expect.poll(() => input.lines.length).toBe(1_000);
    expect(input.context.counters.connections).toBe(1_000);
    for (const socket of sockets) socket.destroy();
  });

  test('at the limit the connection idle longest makes room, and keeps what it had sent', async () => {
    await using input = await start({ connections_max: 2 });
    const sockets = [await open(input), await open(input)];
    for (const socket of sockets) socket.write('<34>a: whole\n<34>a: unfinished');
    await expect.poll(() => input.lines.length).toBe(2);

    sockets.push(await open(input));

    await expect.poll(() => messages(input)).toEqual(['whole', 'whole', 'unfinished']);
    expect(input.refusals).toEqual({ too_many_connections: 1 });
    expect(input.flags.cut).toBe(1);
    for (const socket of sockets) socket.destroy();
  });

  test('while the journal is busy nothing more is read, and nothing is lost', async () => {
    await using input = await start();
    input.hold();
    const socket = await open(input);
    const count = 40_000;
    const line = (n: number): string => `<34>a: ${n} ${'x'.repeat(500)}\n`;
    let refusedToTake = false;
    for (let n = 0; n < count; n++) refusedToTake = !socket.write(line(n)) || refusedToTake;
    socket.end();
    await vi.waitFor(() => expect(input.context.counters.records).toBeGreaterThan(0));
    const readWhileHeld = input.context.counters.records;

    input.release();

    await expect.poll(() => input.lines.length, { timeout: 15_000 }).toBe(count);
    expect(readWhileHeld).toBeLessThan(1_000);
    expect(refusedToTake).toBe(true);
    expect(input.records.at(-1)!['message']).toMatch(/^39999 /);
  });

  test('a stop records what has been received, unfinished messages too', async () => {
    const input = await start();
    const socket = await open(input);
    socket.write('<34>a: 1\n<34>a: 2');
    await expect.poll(() => input.context.counters.bytes).toBeGreaterThan(0);

    const stopped = input[Symbol.asyncDispose]();
    await stopped;
    await input.input.stop();

    expect(messages(input)).toEqual(['1', '2']);
    expect(input.flags.cut).toBe(1);
  });

  test('an address in use stops the input with a code to look up', async () => {
    await using first = await start();

    await expect(start({ listen: `tcp://127.0.0.1:${first.port}` })).rejects.toMatchObject({
      code: 'INPUT_LISTEN_FAILED',
    });
  });
});

describe('over TLS', () => {
  test('records arrive, and clients without a certificate are refused where one is required', async () => {
    using certificates = new Certificates();
    const { ca, server, client } = certificates;
    await using input = await start({
      listen: 'tls://127.0.0.1:0',
      tls: { cert_file: server.cert, key_file: server.key, client_ca_file: ca.cert, client_auth: 'required' },
    });
    const trust = { ca: readFileSync(ca.cert), port: input.port, host: '127.0.0.1' };

    const good = connectTls({ ...trust, cert: readFileSync(client.cert), key: readFileSync(client.key) });
    good.end('9 <34>a: ok9 <34>a: no');
    await once(good.resume(), 'close');
    const bad = connectTls({ ...trust });
    bad.on('error', () => {});
    bad.end('<34>a: never\n');
    await new Promise((resolve) => bad.resume().once('close', resolve));

    await expect.poll(() => messages(input)).toEqual(['ok', 'no']);
    await expect.poll(() => input.refusals).toEqual({ tls: 1 });
  });
});

describe('over UDP', () => {
  const udp = { listen: 'udp://127.0.0.1:0' };

  test.each([0, 1])('a datagram is a message, its line end dropped (receive_threads: %i)', async (threads) => {
    await using input = await start({ ...udp, receive_threads: threads });

    await sendDatagrams(input, ['<34>a: 1', '<34>a: 2\n', '<34>a: 3\0', '<34>a: 4\nstill 4\r\n', '\n', '']);

    await expect.poll(() => messages(input)).toEqual(['1', '2', '3', '4\nstill 4']);
    expect(input.records[0]).toMatchObject({ source: { ip: '127.0.0.1' }, spillway: { format: 'rfc3164' } });
  });

  test.each([0, 1])('the largest datagram is kept, whole or in parts (receive_threads: %i)', async (threads) => {
    await using whole = await start({ ...udp, receive_threads: threads });
    await using parts = await start({ ...udp, receive_threads: threads, message_bytes_max: 30_000 });
    const text = `<34>a: ${'x'.repeat(65_000)}`;

    await sendDatagrams(whole, [text]);
    await sendDatagrams(parts, [text]);

    await expect.poll(() => whole.lines.length).toBe(1);
    await expect.poll(() => parts.lines.length).toBe(3);
    expect(rawLineOf(whole.records[0]!).toString()).toBe(text);
    expect(parts.records.map((record) => rawLineOf(record).toString()).join('')).toBe(text);
  });

  test('datagrams wait while the journal is busy; what does not fit is counted', async () => {
    await using input = await start({ ...udp, backlog_bytes_max: 65_536 });
    input.hold();
    const text = 'x'.repeat(1_017);

    await sendDatagrams(
      input,
      Array.from({ length: 100 }, (_, n) => `<34>a: ${String(n).padStart(3, '0')}${text.slice(3)}`),
    );
    await expect.poll(() => input.droppedByReason.backlog_full).toBe(36);
    input.release();

    await expect.poll(() => input.lines.length).toBe(64);
    expect(input.droppedByReason).toEqual({ backlog_full: 36 });
    expect(messages(input).map((message) => Number(String(message).slice(0, 3)))).toEqual(
      Array.from({ length: 64 }, (_, n) => n),
    );
  });

  test('a thread goes on receiving while nobody takes it; what does not fit is counted', async () => {
    await using input = await start({ ...udp, backlog_bytes_max: 131_072, receive_threads: 1 });
    input.hold();

    await sendDatagrams(
      input,
      Array.from({ length: 300 }, (_, n) => `<34>a: ${String(n).padStart(3, '0')}${'x'.repeat(1_014)}`),
    );
    await expect.poll(() => kernelHolds(input.port)).toBe(0);
    expect(input.lines).toEqual([]);
    input.release();

    await expect.poll(() => input.lines.length + (input.droppedByReason.backlog_full ?? 0)).toBe(300);
    expect(input.lines.length).toBeGreaterThan(60);
    expect(input.lines.length).toBeLessThan(200);
    const numbers = messages(input).map((message) => Number(String(message).slice(0, 3)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  test('several threads take all that several senders send, each in its order', async () => {
    await using input = await start({ ...udp, receive_threads: 2 });
    const senders = Array.from({ length: 8 }, (_, sender) =>
      Array.from({ length: 50 }, (_, n) => `<34>s${sender}: ${n}`),
    );

    await Promise.all(senders.map((datagrams) => sendDatagrams(input, datagrams)));

    await expect.poll(() => input.lines.length).toBe(400);
    for (const sender of senders.keys()) {
      const own = input.records.filter(({ log }) => log.syslog.appname === `s${sender}`);
      expect(own.map(({ message }) => Number(message))).toEqual(Array.from({ length: 50 }, (_, n) => n));
    }
  });

  test('what the kernel had to drop is counted, so that received and lost add up to sent', async () => {
    const input = await start({ ...udp, receive_buffer_bytes: 65_536 });
    const sent = 2_000;
    const sender = `const s = require('node:dgram').createSocket('udp4');
      let left = ${sent};
      for (let n = 0; n < ${sent}; n++)
        s.send('<34>a: ' + 'x'.repeat(1000), ${input.port}, '127.0.0.1', () => --left || s.close());`;

    // Nothing is read while this waits, so the kernel's buffer runs over.
    execFileSync('node', ['-e', sender]);
    await input[Symbol.asyncDispose]();

    expect(input.droppedByReason.kernel_buffer_full).toBeGreaterThan(0);
    expect(input.lines.length + input.droppedByReason.kernel_buffer_full!).toBe(sent);
  });

  test.each([0, 1])('a stop records the datagrams that wait (receive_threads: %i)', async (threads) => {
    const input = await start({ ...udp, receive_threads: threads });
    await sendDatagrams(
      input,
      Array.from({ length: 200 }, (_, n) => `<34>a: ${n}`),
    );

    await input[Symbol.asyncDispose]();
    await input.input.stop();

    expect(input.lines).toHaveLength(200);
  });

  test.each([0, 1])('an address in use stops the input with a code (receive_threads: %i)', async (threads) => {
    await using first = await start(udp);

    await expect(start({ listen: `udp://127.0.0.1:${first.port}`, receive_threads: threads })).rejects.toMatchObject({
      code: 'INPUT_LISTEN_FAILED',
    });
  });
});

describe('options', () => {
  test.each([
    [{ listen: 'tls://0.0.0.0:6514' }, 'tls:// needs a certificate'],
    [{ listen: 'udp://0.0.0.0:514', tls: { cert_file: 'a', key_file: 'b' } }, 'with tls set, listen on tls://'],
    [{ listen: 'http://0.0.0.0:514' }, 'cannot be listened on here'],
    [{ listen: 'udp://0.0.0.0:514', time_zone: 'Mars/Olympus' }, 'an offset such as'],
    [{ listen: 'udp://0.0.0.0:514', port: 1 }, 'Unrecognized key'],
  ])('%j is refused', (given, message) => {
    const outcome = syslog.options.safeParse(given);

    expect(outcome.success).toBe(false);
    expect(outcome.error?.message).toContain(message);
  });
});

describe('what real senders send', () => {
  const folder = 'test/vectors/fluent-bit';
  const captures = readdirSync(folder).filter((name) => /syslog-tcp/.test(name));

  test.each(captures)('Fluent Bit’s %s comes through byte for byte', async (capture) => {
    await using input = await start();
    const bytes = readFileSync(`${folder}/${capture}/conn-0.c2s.bin`);

    await sendAll(input, bytes);

    const lines = bytes
      .toString('latin1')
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line !== '');
    await expect.poll(() => input.lines.length).toBeGreaterThanOrEqual(lines.length);
    expect(input.records.map((record) => rawLineOf(record).toString('latin1'))).toEqual(lines);
  });

  test.each(['rfc3164', 'rfc5424'])('Fluent Bit’s datagrams in %s come through byte for byte', async (format) => {
    await using input = await start({ listen: 'udp://127.0.0.1:0' });
    const datagrams = Array.from({ length: 7 }, (_, n) =>
      readFileSync(`${folder}/syslog-udp-${format}/dgram-${n}.bin`),
    );

    await sendDatagrams(input, datagrams);

    await expect.poll(() => input.lines.length).toBe(7);
    expect(input.records.map(rawLineOf)).toEqual(datagrams);
    expect(input.records.every((record) => record['spillway'].format === format)).toBe(true);
  });

  test('Harbor’s audit lines, one connection each, and the junk that comes between them', async () => {
    await using input = await start();
    const samples = readFileSync('test/vectors/syslog/harbor.jsonl', 'utf8').trim().split('\n');
    const sockets: Socket[] = [];

    for (const sample of samples) {
      const { bytes, harbor } = JSON.parse(sample) as { bytes: string; harbor: object };
      const before = input.lines.length;
      const socket = await open(input);
      sockets.push(socket);
      socket.write(bytes);
      await expect.poll(() => input.lines.length).toBe(before + 1);
      expect(input.records.slice(before).map((record) => `${rawLineOf(record).toString()}\n`)).toEqual([bytes]);
      expect(input.records[before]).toMatchObject({
        event: { dataset: 'harbor.audit' },
        harbor,
        log: { level: 'info', syslog: { appname: 'audit' } },
        spillway: { format: 'rfc3339' },
      });
    }
    await sendAll(input, 'Udp data');

    await expect.poll(() => input.records.at(-1)).toMatchObject({ event: { dataset: 'syslog' }, message: 'Udp data' });
    expect(input.context.counters.harbor).toMatchObject({ records: samples.length, silent: false });
    for (const socket of sockets) socket.destroy();
  });

  test('a line of Harbor’s that its rest does not follow is kept after a moment, and its connection left open', async () => {
    await using input = await start();
    const socket = await open(input);
    const half =
      '<6>2026-11-22T02:41:36Z h audit[1]: 2026-11-22T02:41:36Z [INFO] [/pkg/audit/manager.go:82][operator="a';

    socket.write(`${half}\n`);

    await expect.poll(() => input.lines.length, { timeout: 5_000 }).toBe(1);
    expect(rawLineOf(input.records[0]!).toString()).toBe(half);
    expect(input.flags.incomplete).toBe(1);
    socket.write('<34>a: b\n');
    await expect.poll(() => messages(input)).toContain('b');
    socket.destroy();
  });
});

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import SyslogServer from 'syslog-server';
import { expect, test } from 'vitest';
import { syslog } from '../../relay/outputs/syslog/index.ts';
import { Certificates } from '../support/certificates.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { delivery, line, OutputFixture } from '../support/output-fixture.ts';
import { read5424, readLines, readOctetCounted, unescapeControls } from '../support/syslog-reader.ts';

/** A receiver on a stream that keeps what arrives on each connection. */
class Receiver implements AsyncDisposable {
  readonly streams: Buffer[] = [];
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(tls?: { cert: string; key: string }) {
    const accept = (socket: Socket): void => {
      const at = this.sockets.push(socket) - 1;
      this.streams.push(Buffer.alloc(0));
      socket.on('error', () => {});
      socket.on('data', (piece) => (this.streams[at] = Buffer.concat([this.streams[at]!, piece])));
    };
    this.#server =
      tls === undefined
        ? createServer(accept)
        : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, accept);
  }

  static async start(tls?: { cert: string; key: string }, port = 0): Promise<Receiver> {
    const receiver = new Receiver(tls);
    receiver.#server.listen(port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get stream(): Buffer {
    return Buffer.concat(this.streams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function datagrams(): Promise<{ socket: DatagramSocket; port: number; received: Buffer[] } & AsyncDisposable> {
  const socket = createSocket('udp4');
  const received: Buffer[] = [];
  socket.on('message', (message) => received.push(message));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    socket,
    port: socket.address().port,
    received,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

const outputTo = (url: string, options: Record<string, unknown> = {}): OutputFixture =>
  OutputFixture.create(syslog, { url, ...options });

const forged = 'a\n<34>1 - evil su - - - forged\r\n\0b';
const tricky = (): string => line({ message: forged, host: { name: forged }, log: { syslog: { msgid: forged } } });

test.each(['octet_counting', 'lf'] as const)(
  'records arrive over TCP with %s, in order, one message each',
  async (framing) => {
    await using receiver = await Receiver.start();
    await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`, { framing });
    const split = framing === 'lf' ? readLines : readOctetCounted;

    await relay.deliver(delivery(line({ message: 'one' }), tricky()));
    await relay.deliver(delivery(line({ message: 'three' })));
    await expect.poll(() => receiver.stream.includes('three')).toBe(true);

    const texts = split(receiver.stream).map((frame) => read5424(frame).text);
    expect(texts.map((text) => (framing === 'lf' ? unescapeControls(text) : text))).toEqual(['one', forged, 'three']);
    expect(receiver.sockets).toHaveLength(1);
    expect(relay.connectionsLost).toBe(0);
  },
);

test('overlapping deliveries share a connection and keep their order', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);
  const texts = Array.from({ length: 20 }, (_, i) => `m${i}`);

  await Promise.all(texts.map((message) => relay.deliver(delivery(line({ message })))));

  await expect.poll(() => readOctetCounted(receiver.stream).map((frame) => read5424(frame).text)).toEqual(texts);
  expect(receiver.sockets).toHaveLength(1);
});

test('closing while it connects leaves no connection behind', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);

  const delivering = expect(relay.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await relay.output.close();
  await delivering;

  await relay.deliver(delivery(line({ message: 'later' })));
  await expect.poll(() => receiver.stream.toString()).toContain('later');
});

test('records arrive over TLS, checked against the operator’s authority', async () => {
  using certificates = new Certificates();
  await using receiver = await Receiver.start(certificates.server);
  const url = `tls://127.0.0.1:${receiver.port}`;
  await using relay = outputTo(url, { tls: { ca_file: certificates.ca.cert } });
  await using distrustful = outputTo(url);

  await relay.deliver(delivery(line({ message: 'secret' })));
  await expect(distrustful.deliver(delivery(line()))).rejects.toMatchObject({ code: 'OUTPUT_TLS_FAILED' });

  await expect.poll(() => receiver.stream.toString()).toContain('secret');
});

test('each record is a datagram over UDP, with line ends escaped', async () => {
  await using receiver = await datagrams();
  await using relay = outputTo(`udp://127.0.0.1:${receiver.port}`);

  await relay.deliver(delivery(line({ message: 'one' }), tricky()));

  await expect.poll(() => receiver.received.length).toBe(2);
  const texts = receiver.received.map((datagram) => read5424(datagram).text);
  expect(texts.map(unescapeControls)).toEqual(['one', forged]);
  expect(texts.join('')).not.toContain('\n');
});

test('a message that is too long for a datagram is cut, marked, and told of once', async () => {
  await using receiver = await datagrams();
  await using relay = outputTo(`udp://127.0.0.1:${receiver.port}`, { datagram_bytes_max: 1_024 });
  const long = line({ message: 'x'.repeat(5_000) });

  await relay.deliver(delivery(long, long));
  await relay.deliver(delivery(long));

  await expect.poll(() => receiver.received.length).toBe(3);
  for (const datagram of receiver.received) {
    expect(datagram.length).toBe(1_024);
    expect(read5424(datagram).text).toMatch(/x \[cut, 51\d\d bytes\]$/);
  }
  expect(relay.logged).toEqual(['warn messages were cut, since they were longer than the receiver is said to take']);
});

test('the largest datagram there is can be sent', async () => {
  await using receiver = await datagrams();
  await using relay = outputTo(`udp://127.0.0.1:${receiver.port}`, { datagram_bytes_max: 65_507 });

  await relay.deliver(delivery(line({ message: 'x'.repeat(100_000) })));

  await expect.poll(() => receiver.received[0]?.length).toBe(65_507);
});

test('nobody at the other end of UDP is noticed, and the last records count as lost', async () => {
  const receiver = await datagrams();
  await receiver[Symbol.asyncDispose]();
  await using relay = outputTo(`udp://127.0.0.1:${receiver.port}`);

  await expect
    .poll(() =>
      relay.deliver(delivery(line())).then(
        () => 'sent',
        (error: { code: string }) => error.code,
      ),
    )
    .toBe('OUTPUT_UNREACHABLE');

  expect(relay.connectionsLost).toBe(1);
});

test('a connection that the receiver closes while nothing is sent is noticed', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);
  await relay.deliver(delivery(line({ message: 'before' })));

  await expect.poll(() => receiver.stream.toString()).toContain('before');
  receiver.sockets[0]?.end();
  await expect.poll(() => relay.connectionsLost).toBe(1);
  await relay.deliver(delivery(line({ message: 'after' })));

  await expect.poll(() => receiver.streams[1]?.toString()).toContain('after');
});

test('a receiver that was restarted gets the first record after that', async () => {
  const first = await Receiver.start();
  const { port } = first;
  await using relay = outputTo(`tcp://127.0.0.1:${port}`);
  await relay.deliver(delivery(line()));
  await expect.poll(() => first.stream.length).toBeGreaterThan(0);
  await first[Symbol.asyncDispose]();
  await expect.poll(() => relay.connectionsLost).toBe(1);
  await expect(relay.deliver(delivery(line()))).rejects.toMatchObject({
    code: 'OUTPUT_UNREACHABLE',
    disposition: 'retry',
  });
  await using second = await Receiver.start(undefined, port);

  await relay.deliver(delivery(line({ message: 'again' })));

  await expect.poll(() => second.stream.toString()).toContain('again');
});

test('a receiver that reads nothing is given up after a while', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`, { write_stall_timeout_ms: 200 });
  await relay.deliver(delivery(line()));
  await expect.poll(() => receiver.sockets.length).toBe(1);
  receiver.sockets[0]?.pause();
  const much = delivery(...Array.from({ length: 20 }, () => line({ message: 'x'.repeat(1_000_000) })));

  await expect(relay.deliver(much)).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });

  expect(relay.connectionsLost).toBe(1);
});

test('an aborted delivery drops the connection at once', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);
  await relay.deliver(delivery(line()));
  await expect.poll(() => receiver.sockets.length).toBe(1);
  receiver.sockets[0]?.pause();
  const stop = new AbortController();

  const delivering = relay.deliver(
    delivery(...Array.from({ length: 20 }, () => line({ message: 'x'.repeat(1_000_000) }))),
    stop.signal,
  );
  stop.abort();

  await expect(delivering).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
});

test('closing sends what is under way and is no loss; an output that was closed connects again', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);
  await relay.deliver(delivery(line({ message: 'first' })));

  await relay.output.close();
  await relay.output.close();
  await relay.deliver(delivery(line({ message: 'second' })));

  await expect
    .poll(() => receiver.streams.map((stream) => read5424(readOctetCounted(stream)[0]!).text))
    .toEqual(['first', 'second']);
  expect(relay.connectionsLost).toBe(0);
});

test('a record that cannot be a message is refused at its place, after those before it were sent', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);

  await expect(relay.deliver(delivery(line(), line(), '{"broken\n', line()))).rejects.toMatchObject({
    code: 'OUTPUT_REFUSED_RECORD',
    recordIndex: 2,
  });

  await expect.poll(() => readOctetCounted(receiver.stream).length).toBe(2);
});

test('a probe connects and sends nothing', async () => {
  await using receiver = await Receiver.start();
  await using relay = outputTo(`tcp://127.0.0.1:${receiver.port}`);

  await relay.output.probe(new AbortController().signal);

  await expect.poll(() => receiver.sockets[0]?.closed).toBe(true);
  expect(receiver.stream.length).toBe(0);
  expect(relay.connectionsLost).toBe(0);
});

test('the package syslog-server reads what is sent', async () => {
  const server = new SyslogServer();
  const messages: string[] = [];
  server.on('message', ({ message }: { message: string }) => messages.push(message));
  // It does not say which port it took, and its promise does not settle where it could take none.
  const port = await freeUdpPort();
  await server.start({ port, address: '127.0.0.1', exclusive: true });
  await using relay = outputTo(`udp://127.0.0.1:${port}`);

  await relay.deliver(delivery(line({ message: 'grüße' }), tricky()));
  await expect.poll(() => messages.length).toBe(2);
  await server.stop();

  expect(messages.map((message) => unescapeControls(read5424(Buffer.from(message)).text))).toEqual(['grüße', forged]);
});

test.each([
  [{ url: 'http://a' }, 'url'],
  [{ url: ['tcp://a', 'udp://a'] }, 'url'],
  [{ url: [] }, 'url'],
  [{ framing: 'lf', escape_controls: false }, 'escape_controls'],
  [{ datagram_bytes_max: 65_508 }, 'datagram_bytes_max'],
  [{ enterprise_id: '1] x="' }, 'enterprise_id'],
])('the options %j are refused at %s', (options, path) => {
  const result = syslog.options.safeParse({ url: 'tcp://a', ...options });

  expect(result.error?.issues[0]?.path.join('.')).toBe(path);
});

test('nothing acknowledges syslog', () => {
  const options = syslog.options.parse({ url: ['tls://a', 'tls://b:1'] });

  expect(syslog.acknowledgement(options)).toBe('none');
  expect(syslog.addresses(options)).toEqual(['tls://a', 'tls://b:1']);
});

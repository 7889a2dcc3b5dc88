import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { StreamServer } from '../../relay/io/stream-server.ts';
import { loadTlsServer } from '../../relay/io/tls-files.ts';
import { Certificates } from '../support/certificates.ts';

let certificates: Certificates;
let server: StreamServer;
let port: number;

beforeAll(async () => {
  certificates = new Certificates();
  const { cert, key } = certificates.server;
  const limits = { connectionsMax: 10, connectionsPerAddressMax: 10, handshakeTimeoutMs: 5_000, idleTimeoutMs: 0 };
  server = new StreamServer({
    listen: { scheme: 'tls', host: '127.0.0.1', port: 0 },
    tls: loadTlsServer({ cert_file: cert, key_file: key, client_auth: 'none', min_version: 'TLSv1.2' }),
    clock: systemClock,
    ...limits,
    onConnection: () => {},
    onData: (socket, chunk) => socket.write(chunk),
    onRefused: () => {},
  });
  port = Number((await server.start()).split(':')[1]);
});

afterAll(async () => {
  await server.stop();
  certificates[Symbol.dispose]();
});

async function echoed(socket: TLSSocket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a sender by %s is given nothing that it would have to read',
  async (version) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    let tickets = 0;
    let bytes = 0;
    socket.on('session', () => tickets++);
    await once(socket, 'secureConnect');
    bytes = socket.bytesRead;
    expect(await echoed(socket, 'one')).toBe('one');
    expect(await echoed(socket, 'two')).toBe('two');
    expect(socket.getProtocol()).toBe(version);
    expect(tickets).toBe(0);
    // Two records of three bytes and what TLS adds to each; a ticket has more than 200.
    expect(socket.bytesRead - bytes).toBeLessThan(100);
    socket.destroy();
  },
);

test('a sender that offers an older session is served all the same', async () => {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  await once(socket, 'secureConnect');
  const session = socket.getSession();
  socket.destroy();

  const again = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2', session });
  await once(again, 'secureConnect');
  expect(await echoed(again, 'again')).toBe('again');
  again.destroy();
});

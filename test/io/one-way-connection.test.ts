import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { OneWayConnection, type OneWayConnectionOptions } from '../../relay/io/one-way-connection.ts';

const never = new AbortController().signal;
const MUCH = Buffer.alloc(20 << 20);

interface Pair extends AsyncDisposable {
  readonly connection: OneWayConnection;
  readonly peer: Socket;
  readonly received: () => string;
  readonly told: string[];
}

async function pair(options: Partial<OneWayConnectionOptions> = {}): Promise<Pair> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const [peer] = (await accepted) as [Socket];
  peer.on('error', () => {});
  let text = '';
  peer.on('data', (piece: Buffer) => (text += piece.toString()));
  peer.pause();
  const told: string[] = [];
  const connection = new OneWayConnection(socket, {
    name: 'peer:1',
    clock: systemClock,
    writeStallTimeoutMs: 60_000,
    forget: () => told.push('forget'),
    lost: () => told.push('lost'),
    ...options,
  });
  return {
    connection,
    peer,
    received: () => text,
    told,
    [Symbol.asyncDispose]: async () => {
      peer.destroy();
      socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('what is written arrives in order, and closing is no loss', async () => {
  await using both = await pair();
  both.peer.resume();

  await Promise.all(['a', 'b', 'c'].map((text) => both.connection.write(Buffer.from(text), never)));
  await both.connection.close();
  await both.connection.close();

  expect(both.received()).toBe('abc');
  expect(both.told).toEqual(['forget']);
});

test.each(['end', 'resetAndDestroy', 'destroy'] as const)(
  'a peer that leaves (%s) is noticed while nothing is written',
  async (how) => {
    await using both = await pair();
    both.peer.resume();

    both.peer[how]();

    await expect.poll(() => both.told).toEqual(['forget', 'lost']);
    await expect(both.connection.write(Buffer.from('late'), never)).rejects.toMatchObject({
      code: 'OUTPUT_CONNECTION_LOST',
    });
  },
);

test('a peer that says something unasked and leaves is noticed too', async () => {
  await using both = await pair();

  both.peer.end('a banner that nobody reads');

  await expect.poll(() => both.told).toEqual(['forget', 'lost']);
});

test('a peer that reads nothing is given up after a while', async () => {
  await using both = await pair({ writeStallTimeoutMs: 100 });

  await expect(both.connection.write(MUCH, never)).rejects.toMatchObject({ code: 'OUTPUT_TIMEOUT' });

  expect(both.told).toEqual(['forget', 'lost']);
});

test('a peer that confirms nothing any more is given up, though the kernel took all', async () => {
  let asked = 0;
  const progress: OneWayConnectionOptions['progress'] = () =>
    Promise.resolve({ unconfirmedBytes: 1, retransmissions: ++asked });
  await using both = await pair({
    progress,
    clock: { ...systemClock, every: (_ms, callback) => systemClock.every(5, callback) },
  });

  await both.connection.write(Buffer.from('a'), never);

  await expect.poll(() => both.told).toEqual(['forget', 'lost']);
  expect(asked).toBe(5);
});

test('while much goes through, the kernel is not asked', async () => {
  let asked = 0;
  const ticks: (() => void)[] = [];
  const progress: OneWayConnectionOptions['progress'] = () =>
    Promise.resolve({ unconfirmedBytes: ++asked, retransmissions: 0 });
  await using both = await pair({
    progress,
    clock: {
      ...systemClock,
      every: (_ms, callback) => {
        ticks.push(callback);
        return { cancel: () => {} };
      },
    },
  });
  both.peer.resume();

  await both.connection.write(Buffer.alloc(64 * 1_048_576), never);
  for (const tick of ticks) tick();
  expect(asked).toBe(0);
  for (const tick of ticks) tick();

  expect(asked).toBe(1);
});

test('once all has arrived, the kernel is asked no more', async () => {
  let asked = 0;
  const progress: OneWayConnectionOptions['progress'] = () =>
    Promise.resolve({ unconfirmedBytes: asked++ === 2 ? 0 : 1, retransmissions: 0 });
  await using both = await pair({
    progress,
    clock: { ...systemClock, every: (_ms, callback) => systemClock.every(5, callback) },
  });
  both.peer.resume();

  await both.connection.write(Buffer.from('a'), never);
  await expect.poll(() => asked).toBe(3);
  await both.connection.write(Buffer.from('b'), never);

  await expect.poll(() => asked).toBeGreaterThan(3);
  expect(both.told).toEqual([]);
});

test('a write that is aborted, or still under way at the close, is given up with the connection', async () => {
  await using aborted = await pair();
  const stop = new AbortController();
  const first = expect(aborted.connection.write(MUCH, stop.signal)).rejects.toMatchObject({
    code: 'OUTPUT_CONNECTION_LOST',
  });
  stop.abort();
  await first;

  await using closed = await pair();
  const second = expect(closed.connection.write(MUCH, never)).rejects.toMatchObject({ code: 'OUTPUT_CONNECTION_LOST' });
  await closed.connection.close();
  await second;

  expect(closed.told).toEqual(['forget', 'lost']);
});

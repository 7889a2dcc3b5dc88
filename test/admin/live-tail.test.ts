import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { AdminHarness } from '../support/admin-harness.ts';

// One relay serves all tests.

let admin: AdminHarness;
const opened: WebSocket[] = [];

beforeAll(async () => {
  admin = await AdminHarness.start({
    inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
    endpoints: { e: { type: 'memory' } },
  });
});

afterAll(async () => {
  for (const socket of opened) socket.terminate();
  await admin[Symbol.asyncDispose]();
});

/** Waits as long as a busy machine may need. */
const soon = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, 15_000);

interface Frame {
  readonly type: string;
  readonly missed?: number;
  readonly skipped?: number;
  readonly records?: {
    readonly seq: number;
    readonly record?: { readonly message: string };
    readonly bytes?: number;
  }[];
  readonly message?: string;
}

/** One who watches, and what was shown. */
class Watcher {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];

  constructor(query: string, headers: Record<string, string> = {}) {
    const authorization = `Bearer ${admin.tokens.get('viewer')}`;
    const url = `ws://127.0.0.1:${admin.port}/api/v1/tail?q=${encodeURIComponent(query)}`;
    this.socket = new WebSocket(url, { headers: { authorization, ...headers } });
    this.socket.on('message', (data) => this.frames.push(JSON.parse((data as Buffer).toString('utf8')) as Frame));
    opened.push(this.socket);
  }

  static async open(query: string): Promise<Watcher> {
    const watcher = new Watcher(query);
    await soon(() => expect(watcher.frames[0]).toMatchObject({ type: 'following' }));
    return watcher;
  }

  get messages(): (string | undefined)[] {
    return this.frames.flatMap(({ records = [] }) => records.map(({ record }) => record?.message));
  }

  get missed(): number {
    return this.frames.reduce((sum, { missed = 0, skipped = 0 }) => sum + missed + skipped, 0);
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }
}

async function refusal(path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${admin.port}${path}`, { headers });
  opened.push(socket);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  return response.statusCode;
}

const bearer = (role: 'viewer' | 'admin' = 'viewer') => ({ authorization: `Bearer ${admin.tokens.get(role)}` });
const send = (...messages: string[]) => admin.relay.send('a', ...messages);

test('each watcher is shown what its query means, as it is committed, once', async () => {
  const [all, some, none] = await Promise.all([
    Watcher.open(''),
    Watcher.open('message:two OR "three"'),
    Watcher.open('absent'),
  ]);
  await send('one', 'two');
  await soon(() => expect(all.messages).toEqual(['one', 'two']));
  await send('three');
  await soon(() => expect(all.messages).toEqual(['one', 'two', 'three']));

  expect(some.messages).toEqual(['two', 'three']);
  expect(none.messages).toEqual([]);
  expect(all.missed).toBe(0);
});

test('who pauses is told how much passed meanwhile, and another query may be asked on the way', async () => {
  const watcher = await Watcher.open('');
  const control = await Watcher.open('');
  watcher.say({ type: 'pause' });
  await send('a1', 'a2');
  await soon(() => expect(control.messages).toEqual(['a1', 'a2']));
  expect(watcher.messages).toEqual([]);
  watcher.say({ type: 'resume' });
  watcher.say({ type: 'query', q: 'b' });
  await soon(() => expect(watcher.frames.filter(({ type }) => type === 'following')).toHaveLength(2));
  await send('a3', 'b1');
  await soon(() => expect(watcher.messages).toEqual(['b1']));
  expect(watcher.missed).toBe(2);
});

test('a query that cannot be understood is told, and the next one is followed', async () => {
  const watcher = new Watcher('"');
  await soon(() =>
    expect(watcher.frames).toEqual([
      { type: 'error', code: 'QUERY_INVALID', message: expect.stringContaining('at character 1') as string },
    ]),
  );
  watcher.say({ type: 'query', q: 'c1' });
  await soon(() => expect(watcher.frames).toHaveLength(2));
  await send('c1');
  await soon(() => expect(watcher.messages).toEqual(['c1']));
});

test('a flood is shown in part, and the rest is counted', async () => {
  const watcher = await Watcher.open('flood');
  const long = 'x'.repeat(40_000);
  await send(...Array.from({ length: 3_000 }, (_, i) => `flood ${i}`), `flood ${long}`);
  await soon(() => expect(watcher.messages.length + watcher.missed).toBe(3_001));
  expect(watcher.messages.length).toBeGreaterThan(100);
  expect(watcher.missed, 'not all can be shown at once').toBeGreaterThan(0);
});

test('a record too long to be shown as it passes says where it is', async () => {
  const watcher = await Watcher.open('long');
  await send(`long ${'x'.repeat(40_000)}`);
  await soon(() => expect(watcher.frames.flatMap(({ records = [] }) => records)).toHaveLength(1));
  const [shown] = watcher.frames.flatMap(({ records = [] }) => records);
  expect(shown).toEqual({ seq: expect.any(Number) as number, bytes: expect.any(Number) as number });
});

test('strangers, pages of other sites and other names are refused', async () => {
  expect(await refusal('/api/v1/tail', {})).toBe(401);
  expect(await refusal('/api/v1/tail', { authorization: 'Bearer x' })).toBe(401);
  expect(await refusal('/api/v1/tail', { ...bearer(), origin: 'https://evil.example' })).toBe(421);
  expect(await refusal('/api/v1/tail', { ...bearer(), origin: 'null' })).toBe(421);
  expect(await refusal('/api/v1/tail', { ...bearer(), host: 'evil.example' })).toBe(421);
  expect(await refusal('/api/v1/other', bearer())).toBe(404);
  expect(await refusal(`/api/v1/tail?q=${'a'.repeat(5_000)}`, bearer())).toBe(400);
  expect((await admin.ask({ path: '/api/v1/tail', token: admin.tokens.get('viewer') })).status).toBe(400);

  const own = new Watcher('', { origin: `http://127.0.0.1:${admin.port}` });
  await soon(() => expect(own.frames[0]).toMatchObject({ type: 'following' }));
});

test.each(['x', '{}', '[]', '{"type":"query"}', '{"type":"pause","more":1}', '{"type":"query","q":5}'])(
  'what is not understood ends the connection: %s',
  async (message) => {
    const watcher = await Watcher.open('');
    watcher.socket.send(message);
    const [code] = (await once(watcher.socket, 'close')) as [number];
    expect(code).toBe(1008);
  },
);

test('garbage instead of WebSocket frames ends that connection alone', async () => {
  const other = await Watcher.open('');
  const socket = connect(admin.port, '127.0.0.1');
  socket.write(
    `GET /api/v1/tail HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${bearer().authorization}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(Buffer.alloc(5_000, 0xff));
  await once(socket.resume(), 'close');
  await send('still here');
  await soon(() => expect(other.messages).toContain('still here'));
});

test('commands may watch through the control socket', async () => {
  const socket = new WebSocket(`ws+unix://${join(admin.relay.folder, 'data', 'control.sock')}:/api/v1/tail?q=`);
  opened.push(socket);
  const [data] = (await once(socket, 'message')) as [Buffer];
  expect(JSON.parse(data.toString('utf8'))).toEqual({ type: 'following', q: '' });
});

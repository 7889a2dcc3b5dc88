import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { decodeMulti } from '@msgpack/msgpack';
import { expect, test, vi } from 'vitest';
import { pack } from '../support/msgpack.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Chance } from './runner/chance.ts';
import { encodeChunk, type ChunkFormat, type TailedLine } from './tailer/chunk.ts';
import { StandInKeeper } from './tailer/stand-in-keeper.ts';
import { TailedFile } from './tailer/tailed-file.ts';
import { Tailer } from './tailer/tailer.ts';

// Goal: the stand-in for Fluent Bit sends what Fluent Bit sends. Method: it reads the files that a real one read, and its bytes are held
// against the captured ones; only times and folders may differ.
const vectors = join(import.meta.dirname, '../vectors/fluent-bit');
const WAIT = { timeout: 10_000, interval: 20 };

test('JSON is what Fluent Bit wrote, byte for byte', () => {
  const captured = bodyOf('http-json-plain').toString();

  const ours = encodeChunk('json', linesOf('records.log'), 0).body.toString();

  expect(plain(ours)).toBe(plain(captured));
});

test('MessagePack is what Fluent Bit wrote', () => {
  const captured = bodyOf('page-http-msgpack');

  const ours = encodeChunk('msgpack', linesOf('page-bom-crlf.log'), 0).body;

  expect(recordsIn(ours)).toEqual(recordsIn(captured));
});

test('a forward message is what Fluent Bit wrote, with an id made from its entries', () => {
  const [captured] = decode(readFileSync(join(vectors, 'page-forward-ack/conn-0.c2s.bin'))) as ForwardMessage[];

  const [ours] = decode(encodeChunk('forward', linesOf('page-bom-crlf.log'), 0).body) as ForwardMessage[];

  expect(ours![1].map(([, record]) => named(record))).toEqual(captured![1].map(([, record]) => named(record)));
  expect(Object.keys(ours![2]).sort()).toEqual(Object.keys(captured![2]).sort());
  expect(Buffer.from(ours![2].chunk, 'base64')).toHaveLength(16);
});

test('a last line without its end waits for it', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'a.log');
  writeFileSync(path, 'one\ntw');
  const file = new TailedFile(path);

  expect(file.read()?.map(({ log }) => log.toString())).toEqual(['one']);
  expect(file.read()).toBeUndefined();
  appendFileSync(path, 'o\r\n');
  expect(file.read()?.map(({ log, offset }) => [log.toString(), offset])).toEqual([['two', 4]]);
  file.close();
});

test('a body that was answered 503 comes again, byte for byte', async () => {
  const bodies: Buffer[] = [];
  await using server = await listen(
    createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        bodies.push(Buffer.concat(pieces));
        response.writeHead(bodies.length < 3 ? 503 : 200).end();
      });
    }),
  );
  using folder = temporaryFolder();
  await using tailer = startTailer(folder.path, 'msgpack', server.port);

  writeFileSync(join(folder.path, 'kept/a.log'), 'one\ntwo\n');

  await vi.waitFor(() => expect(tailer.delivered).toBe(2), WAIT);
  expect(bodies).toHaveLength(3);
  expect(bodies.every((body) => body.equals(bodies[0]!))).toBe(true);
  expect(tailer.retries).toBe(2);
});

test('a body that was answered 400 is dropped', async () => {
  await using server = await listen(createServer((_, response) => response.writeHead(400).end()));
  using folder = temporaryFolder();
  await using tailer = startTailer(folder.path, 'json', server.port);

  writeFileSync(join(folder.path, 'kept/a.log'), 'one\ntwo\n');

  await vi.waitFor(() => expect(tailer.dropped).toBe(2), WAIT);
  expect(tailer.delivered).toBe(0);
});

test('a forward chunk without its ack is sent again on another connection', async () => {
  const chunks: Buffer[] = [];
  const server = createTcpServer((socket) =>
    socket.on('data', (piece) => {
      chunks.push(piece);
      const [message] = decode(piece) as ForwardMessage[];
      if (chunks.length > 1) socket.write(pack({ ack: message![2].chunk }));
    }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  using folder = temporaryFolder();
  await using tailer = startTailer(folder.path, 'forward', typeof address === 'object' ? (address?.port ?? 0) : 0);

  writeFileSync(join(folder.path, 'kept/a.log'), 'one\n');

  await vi.waitFor(() => expect(tailer.delivered).toBe(1), WAIT);
  expect(chunks).toHaveLength(2);
  expect(chunks[1]!.equals(chunks[0]!)).toBe(true);
  server.close();
});

test('a page that is deleted at once is kept until it was read', async () => {
  await using server = await listen(
    createServer((request, response) => request.resume().on('end', () => response.end())),
  );
  using folder = temporaryFolder();
  await using tailer = startTailer(folder.path, 'json', server.port);
  const [pages, kept] = [join(folder.path, 'pages'), join(folder.path, 'kept')];
  using keeper = new StandInKeeper(pages, kept, (path, inode) => tailer.offset(path, inode));

  writeFileSync(join(pages, 'a.log'), 'one\ntwo\n');
  await vi.waitFor(() => expect(keeper.kept).toBe(1), WAIT);
  rmSync(join(pages, 'a.log'));

  await vi.waitFor(() => expect(tailer.delivered).toBe(2), WAIT);
  await vi.waitFor(() => expect(keeper.kept).toBe(0), WAIT);
});

type ForwardMessage = [string, [unknown, Record<string, unknown>][], { chunk: string }];

function startTailer(folder: string, format: ChunkFormat, port: number): Tailer {
  mkdirSync(join(folder, 'kept'), { recursive: true });
  const tailer = new Tailer({
    folders: [join(folder, 'kept')],
    database: join(folder, 'tail.db'),
    format,
    port,
    chance: new Chance(1),
    refreshMs: 20,
    flushMs: 50,
    responseTimeoutMs: 300,
    retryMs: [20, 100],
  });
  tailer.start();
  return tailer;
}

function linesOf(fixture: string): TailedLine[] {
  using folder = temporaryFolder();
  const path = join(folder.path, fixture);
  copyFileSync(join(vectors, 'fixture', fixture), path);
  const file = new TailedFile(path);
  const lines = file.read() ?? [];
  file.close();
  return lines;
}

/** Of the first request that was captured. */
function bodyOf(name: string): Buffer {
  const bytes = readFileSync(join(vectors, name, 'conn-0.c2s.bin'));
  const head = bytes.indexOf('\r\n\r\n');
  const length = Number(/Content-Length: (\d+)/.exec(bytes.toString('latin1', 0, head))![1]);
  return bytes.subarray(head + 4, head + 4 + length);
}

function plain(json: string): string {
  return json.replaceAll(/"date":[\d.]+/g, '"date":0').replaceAll(/"file":"[^"]*\//g, '"file":"');
}

/** Strings as their bytes, since they need not be UTF-8. */
function decode(bytes: Buffer): unknown[] {
  return [...decodeMulti(bytes, { rawStrings: false })];
}

function recordsIn(bytes: Buffer): unknown[] {
  return (decode(bytes) as [[unknown, object], Record<string, unknown>][]).map(([, record]) => named(record));
}

function named(record: Record<string, unknown>): unknown {
  return Object.entries({ ...record, file: String(record['file']).split('/').at(-1) });
}

async function listen(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

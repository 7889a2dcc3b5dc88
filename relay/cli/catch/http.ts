import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { RelayError } from '../../errors.ts';
import { createServer } from '../../io/http.ts';
import { formatAddress, type ListenAddress } from '../../io/listen-url.ts';
import type { Intake, Receiver } from './intake.ts';

/** Of a body, as it comes and unpacked. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Receives requests of any path: a JSON array, Log Insight's `{"events": […]}`, or lines. Answers 200 as Log Insight does, which suits
 * others too; a refusal is 503. Throws `INPUT_LISTEN_FAILED`.
 */
export async function receiveHttp(
  { scheme, host, port }: ListenAddress,
  tls: TlsOptions | undefined,
  intake: Intake,
): Promise<Receiver> {
  const listener: RequestListener = (request, response) => {
    answer(request, response, scheme, intake).catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on ${scheme}://${formatAddress(host, port)}`, { cause });
  }
  const bound = server.address();
  return {
    address: typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : '',
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, via: string, intake: Intake): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return reply(response, 413, { status: 'error', message: 'too large' });
  // Log Insight's login, without which its senders do not begin.
  if (request.url?.endsWith('/sessions') === true)
    return reply(response, 200, { userId: 'catch', sessionId: 'catch', ttl: 1_800 });
  let text: string;
  try {
    text = unpack(body, request.headers['content-encoding'] ?? '').toString('utf8');
  } catch {
    return reply(response, 400, { status: 'error', message: 'the body cannot be unpacked' });
  }
  if ((await intake.decide()) === 'refuse')
    return reply(response, 503, { status: 'error', message: 'refused on purpose' });
  const from = request.socket.remoteAddress ?? 'unknown';
  const records = recordsOf(text);
  await intake.take(records.map((record) => ({ via, from, text: record })));
  reply(response, 200, { status: 'ok', message: 'events ingested', ingested: records.length });
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', ...(status === 503 ? { 'retry-after': '1' } : {}) });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  }
  return bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks);
}

const unpackers: Readonly<Record<string, (body: Buffer, limit: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

function unpack(body: Buffer, encoding: string): Buffer {
  if (encoding === '' || encoding === 'identity') return body;
  const unpacker = Object.hasOwn(unpackers, encoding) ? unpackers[encoding] : undefined;
  if (unpacker === undefined) throw new Error('this encoding is not known');
  return unpacker(body, { maxOutputLength: BODY_BYTES_MAX });
}

/** One text for each record in a body. */
export function recordsOf(body: string): string[] {
  try {
    const value: unknown = JSON.parse(body);
    const list = Array.isArray(value) ? value : eventsOf(value);
    return list.map((item) => JSON.stringify(item));
  } catch {
    return body.split('\n').filter((line) => line.trim() !== '');
  }
}

function eventsOf(value: unknown): readonly unknown[] {
  const events = typeof value === 'object' && value !== null && 'events' in value ? value.events : undefined;
  return Array.isArray(events) ? events : [value];
}

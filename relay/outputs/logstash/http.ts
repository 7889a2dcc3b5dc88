import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Client, Dispatcher } from 'undici';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { networkError } from '../../io/network-error.ts';
import { undici } from '../../io/undici.ts';
import { givenUp, openSocket, type Target } from './target.ts';

export interface HttpOptions {
  readonly target: Target;
  readonly limits: DeliveryLimits;
  readonly path: string;
  /** 0 sends without compression. */
  readonly compressionLevel: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly ackTimeoutMs: number;
}

/** Logstash answers `ok`; more than this is not read. */
const ANSWER_BYTES_MAX = 65_536;
const RETRY_AFTER_MAX_MS = 3_600_000;
const LF = 0x0a;
const COMMA = 0x2c;

const compress = promisify<Buffer, { level: number }, Buffer>(gzip);

/**
 * Logstash's http input. A delivery is a JSON array, which becomes one event for each element; NDJSON would become a single event that
 * holds all lines, with a 200. One request at a time: two might be taken in either order.
 */
export class HttpOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: HttpOptions;
  readonly #headers: Readonly<Record<string, string>>;
  #client: Client | undefined;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.limits = options.limits;
    const { credentials, compressionLevel } = options;
    const token = Buffer.from(`${credentials?.username}:${credentials?.password}`).toString('base64');
    this.#headers = {
      'content-type': 'application/json',
      'user-agent': 'spillway',
      ...(compressionLevel > 0 ? { 'content-encoding': 'gzip' } : {}),
      ...(credentials === undefined ? {} : { authorization: `Basic ${token}` }),
    };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    await this.#post(jsonArrayOf(delivery.lines), signal);
  }

  /** An empty array is no event, and is answered as a full one would be. */
  async probe(signal: AbortSignal): Promise<void> {
    await this.#post(jsonArrayOf(Buffer.alloc(0)), signal);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.destroy();
  }

  async #post(array: Buffer, signal: AbortSignal): Promise<void> {
    const { target, path, compressionLevel, ackTimeoutMs } = this.#options;
    const level = compressionLevel;
    const body = level === 0 ? array : await compress(array, { level });
    const attempt = new AbortController();
    const abandon = (): void => attempt.abort(givenUp(target));
    const timer = target.clock.after(ackTimeoutMs, () =>
      attempt.abort(new RelayError('OUTPUT_TIMEOUT', `no answer from ${target.url} for ${ackTimeoutMs} ms`)),
    );
    signal.addEventListener('abort', abandon);
    if (signal.aborted) abandon();
    try {
      this.#client ??= this.#createClient();
      const headers = this.#headers;
      const answer = await this.#client.request({ method: 'POST', path, headers, body, signal: attempt.signal });
      await this.#judge(answer);
    } catch (error) {
      // What an abort is reported as differs from version to version; its reason is what we said it was.
      throw networkError(attempt.signal.aborted ? attempt.signal.reason : error, target.url, 'use');
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abandon);
    }
  }

  async #judge({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<void> {
    const failure = failureOf(statusCode, headers['retry-after'], this.#options.target.clock.nowMs());
    if (failure === undefined) {
      await body.dump({ limit: ANSWER_BYTES_MAX });
      return;
    }
    // Logstash's 429 says neither how long its body is nor ends it, so nothing may wait for that: the connection is dropped.
    body.on('error', () => {}).destroy();
    throw failure;
  }

  /** One connection, kept open, made by our own hands: its TLS is that of the other protocols, and redirects lead nowhere. */
  #createClient(): Client {
    const { target } = this.#options;
    const scheme = target.tls === undefined ? 'http' : 'https';
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    return new (undici().Client)(`${scheme}://${host}:${target.port}`, {
      pipelining: 1,
      // The time for the whole answer is ours to keep.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, done) => {
        openSocket(target).then(
          (socket) => done(null, socket),
          (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
        );
      },
    });
  }
}

/** Lines of JSON, each ended by LF, as one JSON array. No line holds an LF of its own: JSON escapes it. */
export function jsonArrayOf(lines: Buffer): Buffer {
  if (lines.length === 0) return Buffer.from('[]');
  const array = Buffer.allocUnsafe(lines.length + 1);
  array[0] = 0x5b;
  array.set(lines, 1);
  for (let lf = array.indexOf(LF, 1); lf >= 0; lf = array.indexOf(LF, lf + 1)) array[lf] = COMMA;
  array[lines.length] = 0x5d;
  return array;
}

/**
 * The whole policy for answers. What says that this very content is at fault is refused; all else is tried again, also what an operator
 * has to put right, since the records must outlast a wrong path or password.
 */
export function failureOf(
  status: number,
  retryAfter: string | readonly string[] | undefined,
  nowMs: number,
): RelayError | undefined {
  if (status >= 200 && status < 300) return undefined;
  const message = `the server answered ${status}`;
  if (status === 400 || status === 413 || status === 422) return new RelayError('OUTPUT_REFUSED_BATCH', message);
  if (status === 401 || status === 403) return new RelayError('OUTPUT_UNAUTHORIZED', message);
  if (status === 429 || status === 503) {
    const retryAfterMs = retryAfterOf(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, nowMs);
    return new RelayError('OUTPUT_THROTTLED', message, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  if (status === 408 || status >= 500) return new RelayError('OUTPUT_UNREACHABLE', message);
  return new RelayError('OUTPUT_PROTOCOL', message);
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterOf(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS) : undefined;
}

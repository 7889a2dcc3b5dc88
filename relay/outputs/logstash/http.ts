import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { HttpClient } from '../../io/http-client.ts';
import type { Target } from './target.ts';

export interface HttpOptions {
  readonly target: Target;
  readonly limits: DeliveryLimits;
  readonly path: string;
  /** 0 sends without compression. */
  readonly compressionLevel: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly ackTimeoutMs: number;
}

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
  readonly #client: HttpClient;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.limits = options.limits;
    const { credentials, compressionLevel, target } = options;
    const { host, port, tls, clock, connectTimeoutMs } = target;
    this.#client = new HttpClient({
      address: { scheme: tls === undefined ? 'http' : 'https', host, port, path: options.path },
      tls,
      clock,
      connectionsMax: 1,
      connectTimeoutMs,
      timeoutMs: options.ackTimeoutMs,
      connectionAgeMaxMs: Number.MAX_SAFE_INTEGER,
    });
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
    await this.#client.close();
  }

  async #post(array: Buffer, signal: AbortSignal): Promise<void> {
    const { target, path, compressionLevel: level } = this.#options;
    const body = level === 0 ? array : await compress(array, { level });
    // Logstash's 429 says neither how long its body is nor ends it.
    const request = { method: 'POST', path, headers: this.#headers, body, dropsFailures: true } as const;
    const { status, retryAfter } = await this.#client.request(request, signal);
    const failure = failureOf(status, retryAfter, target.clock.nowMs());
    if (failure !== undefined) throw failure;
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
export function failureOf(status: number, retryAfter: string | undefined, nowMs: number): RelayError | undefined {
  if (status >= 200 && status < 300) return undefined;
  const message = `the server answered ${status}`;
  if (status === 400 || status === 413 || status === 422) return new RelayError('OUTPUT_REFUSED_BATCH', message);
  if (status === 401 || status === 403) return new RelayError('OUTPUT_UNAUTHORIZED', message);
  if (status === 429 || status === 503) {
    const retryAfterMs = retryAfterOf(retryAfter, nowMs);
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

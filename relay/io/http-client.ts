import type { Pool } from 'undici';
import { RelayError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { connect } from './connect.ts';
import type { EndpointAddress } from './endpoint-url.ts';
import { formatAddress } from './listen-url.ts';
import { networkError } from './network-error.ts';
import type { TlsClientFiles } from './tls-files.ts';
import { undici } from './undici.ts';

export interface HttpClientOptions {
  readonly address: EndpointAddress;
  /** Present for `https`. */
  readonly tls: TlsClientFiles | undefined;
  readonly clock: Clock;
  readonly connectionsMax: number;
  /** For name lookup, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** From the start of a request to the end of its answer. */
  readonly timeoutMs: number;
  /** Connections are opened anew after this long, so that a load balancer can spread them. */
  readonly connectionAgeMaxMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** True where an answer other than 2xx is told by its status alone, and ends its connection: some servers never end the body of one. */
  readonly dropsFailures?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of the body; empty where none came in time. */
  readonly text: string;
}

const BODY_BYTES_MAX = 64 * 1_024;
/** Once the status is known, the body only explains it: a server that never ends it must not hold us up. */
const BODY_WAIT_MS = 2_000;

/** One server's HTTP connections. Answers are told by their status line; the body is read as far as it is of use. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #name: string;
  #pool: Pool | undefined;
  #poolSinceMs = 0;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#name = formatAddress(options.address.host, options.address.port);
  }

  /** Throws `OUTPUT_UNREACHABLE`, `OUTPUT_TLS_FAILED`, `OUTPUT_TIMEOUT` or `OUTPUT_CONNECTION_LOST`; any status is an answer. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { clock, timeoutMs } = this.#options;
    const attempt = new AbortController();
    const give = (): void => attempt.abort(new RelayError('OUTPUT_CONNECTION_LOST', `gave up on ${this.#name}`));
    const timer = clock.after(timeoutMs, () =>
      attempt.abort(new RelayError('OUTPUT_TIMEOUT', `no answer from ${this.#name} within ${timeoutMs} ms`)),
    );
    signal.addEventListener('abort', give);
    if (signal.aborted) give();
    try {
      const { method, path, headers, body, dropsFailures = false } = request;
      const response = await this.#current().request({
        method,
        path,
        headers: { ...headers },
        body: body ?? null,
        signal: attempt.signal,
      });
      const retryAfter = response.headers['retry-after'];
      return {
        status: response.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        text:
          dropsFailures && !isSuccess(response.statusCode) ? drop(response.body) : await readText(response.body, clock),
      };
    } catch (error) {
      throw networkError(error, this.#name, 'use');
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', give);
    }
  }

  /** Drops the connections, with whatever is under way on them. A later request opens new ones. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.destroy();
  }

  #current(): Pool {
    const { clock, connectionAgeMaxMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#pool !== undefined && nowMs - this.#poolSinceMs < connectionAgeMaxMs) return this.#pool;
    // What is under way on the old connections may end there.
    void this.#pool?.close().catch(() => {});
    this.#poolSinceMs = nowMs;
    this.#pool = this.#open();
    return this.#pool;
  }

  #open(): Pool {
    const { address, tls, clock, connectionsMax, connectTimeoutMs } = this.#options;
    const { scheme, host, port } = address;
    return new (undici().Pool)(`${scheme}://${this.#name}`, {
      connections: connectionsMax,
      pipelining: 1,
      allowH2: false,
      // The time of a request is measured by our own clock.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        connect({ host, port, tls: scheme === 'https' ? tls : undefined, clock, timeoutMs: connectTimeoutMs }).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(networkError(error, this.#name, 'connect'), null),
        );
      },
    });
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function drop(body: Body): string {
  body.on('error', () => {});
  body.destroy();
  return '';
}

type Body = AsyncIterable<Buffer> & { destroy(): void; on(event: 'error', handler: () => void): unknown };

/** Reads what comes of a body until it ends, has grown too long, or takes too long. Never throws: the status is what counts. */
async function readText(body: Body, clock: Clock): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  // After this an error can still follow from `destroy`, when nobody listens any more.
  body.on('error', () => {});
  const timer: Timer = clock.after(BODY_WAIT_MS, () => body.destroy());
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= BODY_BYTES_MAX) break;
    }
  } catch {
    // Cut short: what came so far is what there is.
  } finally {
    timer.cancel();
    body.destroy();
  }
  return Buffer.concat(chunks).toString('utf8', 0, BODY_BYTES_MAX);
}

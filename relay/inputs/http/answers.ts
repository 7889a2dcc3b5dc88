import type { ServerResponse } from 'node:http';
import type { RefusalReason } from '../../component/input.ts';
import type { Accepted } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';

/** What a request is answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Set where the request was turned away: counted under this reason. */
  readonly refused?: RefusalReason;
}

/** Who is asking, as far as an answer depends on it. */
export interface Asker {
  /**
   * Fluent Bit drops a chunk at once on every 4xx but 408 and 429, and tries again on 5xx: so what may come right again, wrong
   * credentials included, is a 503 for it.
   */
  readonly isFluentBit: boolean;
  readonly retryAfterSeconds: number;
}

export function acceptedAnswer({ records, repeat }: Accepted): Answer {
  return { status: 200, body: repeat ? `{"accepted":${records},"repeat":true}` : `{"accepted":${records}}` };
}

export function busyAnswer(asker: Asker, why: string): Answer {
  return retryAnswer(asker, why, 'busy');
}

export function unauthorizedAnswer(asker: Asker): Answer {
  const why = 'wrong or missing credentials';
  if (asker.isFluentBit) return retryAnswer(asker, why, 'unauthorized');
  return {
    status: 401,
    body: errorBody(why),
    headers: { 'WWW-Authenticate': 'Basic realm="spillway", Bearer realm="spillway"' },
    refused: 'unauthorized',
  };
}

/** Too large now is too large for ever, so that no sender may keep trying, Fluent Bit included. */
export function tooLargeAnswer(why: string): Answer {
  return { status: 413, body: errorBody(why), refused: 'too_large' };
}

export function unsupportedEncodingAnswer(): Answer {
  return {
    status: 415,
    body: errorBody('Content-Encoding is none of gzip, deflate, zstd, snappy'),
    headers: { 'Accept-Encoding': 'gzip, deflate, zstd, snappy' },
    refused: 'unsupported',
  };
}

export function notFoundAnswer(): Answer {
  return { status: 404, body: errorBody('nothing is taken here; POST to /ingest'), refused: 'unsupported' };
}

export function wrongMethodAnswer(): Answer {
  return { status: 405, body: errorBody('use POST or PUT'), headers: { Allow: 'POST, PUT' }, refused: 'unsupported' };
}

/** What became of a request that failed after its body had been read. */
export function failureAnswer(error: unknown, asker: Asker): Answer {
  if (!(error instanceof RelayError)) return { status: 500, body: errorBody('internal error') };
  if (error.code === 'INPUT_TOO_LARGE') return tooLargeAnswer(error.message);
  return busyAnswer(asker, 'the records cannot be stored now');
}

export function sendAnswer(response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(answer.status, {
    'Content-Type': answer.body.startsWith('{') ? 'application/json' : 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(answer.body)),
    ...answer.headers,
  });
  response.end(answer.body);
}

function retryAnswer(asker: Asker, why: string, refused: RefusalReason): Answer {
  return {
    status: 503,
    body: errorBody(why),
    headers: { 'Retry-After': String(asker.retryAfterSeconds) },
    refused,
  };
}

function errorBody(why: string): string {
  return JSON.stringify({ error: why });
}

import { RelayError } from '../../errors.ts';
import type { HttpAnswer } from '../../io/http-client.ts';

/** A server that names a longer wait is asked again after this. */
const RETRY_AFTER_MS_MAX = 3_600_000;
const REASON_CHARS_MAX = 300;

/** Log Insight's own status for a session that has ended, next to 401. */
const LOGIN_TIMEOUT = 440;

/** True where a new login may help. */
export function asksForLogin(status: number): boolean {
  return status === 401 || status === LOGIN_TIMEOUT;
}

export interface AnswerContext {
  /** Records of which something was in the request, and the place of the first in its delivery. */
  readonly records: number;
  readonly firstRecord: number;
  readonly nowMs: number;
}

/** What an answer to an ingest request means; undefined where the events were taken. */
export function failureOf(answer: HttpAnswer, context: AnswerContext): RelayError | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const text = `the server answered ${describeAnswer(answer)}`;
  if (status === 400 || status === 413 || status === 422) {
    return context.records > 1
      ? new RelayError('OUTPUT_REFUSED_BATCH', text)
      : new RelayError('OUTPUT_REFUSED_RECORD', text, { recordIndex: context.firstRecord });
  }
  return temporaryFailure(answer, context.nowMs);
}

/** What an answer that took nothing, and refused no record, means. */
export function temporaryFailure(answer: HttpAnswer, nowMs: number): RelayError {
  const { status, retryAfter } = answer;
  const text = `the server answered ${describeAnswer(answer)}`;
  if (asksForLogin(status) || status === 403) return new RelayError('OUTPUT_UNAUTHORIZED', text);
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfter(retryAfter, nowMs);
    return new RelayError('OUTPUT_THROTTLED', text, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  if (status === 408) return new RelayError('OUTPUT_TIMEOUT', text);
  // A wrong path, a redirect, a proxy's page: no record is to blame for them.
  return new RelayError(status >= 500 ? 'OUTPUT_UNREACHABLE' : 'OUTPUT_PROTOCOL', text);
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), in milliseconds from now; undefined where there is none to be read. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX);
}

/** `400 Bad field`: the status with the server's reason, fit for a log line. */
export function describeAnswer(answer: HttpAnswer): string {
  const reason = reasonOf(answer.text)
    // Control characters, line ends of Unicode and marks of direction must not reach a log or a terminal.
    .replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .trim()
    .slice(0, REASON_CHARS_MAX);
  return reason === '' ? String(answer.status) : `${answer.status}: ${reason}`;
}

function reasonOf(text: string): string {
  const body = parseObject(text);
  const message = body['errorMessage'] ?? body['message'];
  return typeof message === 'string' ? message : text;
}

/** How many events the server says it took: `ingested`, or `received` since 9.1; undefined where it does not say. */
export function takenCount(text: string): number | undefined {
  const body = parseObject(text);
  const count = body['ingested'] ?? body['received'];
  return typeof count === 'number' ? count : undefined;
}

/** The members of a JSON object; none where the text is something else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

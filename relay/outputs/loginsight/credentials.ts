import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import { readSecretFile } from '../../io/tls-files.ts';
import { describeAnswer, parseObject, temporaryFailure } from './answers.ts';
import type { HttpAnswer, HttpClient } from '../../io/http-client.ts';
import type { SecretFile } from './secret-file.ts';

type Headers = Readonly<Record<string, string>>;

/** Proves to the server who sends. */
export interface Credentials {
  /** Headers to send along; logs in first where that is needed. Calls may overlap: there is one login at a time. */
  headers(signal: AbortSignal): Promise<Headers>;
  /** Says that the server did not take these headers, so that the next ones are made anew. False where nothing new can be had. */
  refused(headers: Headers): boolean;
}

export interface TokenGrant {
  readonly headers: Headers;
  /** How long the server said it holds. */
  readonly lifetimeMs: number;
}

export const anonymous: Credentials = {
  headers: () => Promise.resolve({}),
  refused: () => false,
};

/** A token is renewed when this much of its life is over, so that it does not end while a request is under way. */
const RENEW_AFTER = 0.9;

/** Keeps what `grant` gave until it nears its end or is refused. */
export class TokenCredentials implements Credentials {
  readonly #clock: Clock;
  readonly #grant: (signal: AbortSignal) => Promise<TokenGrant>;
  #headers: Headers | undefined;
  #renewAtMs = 0;
  #pending: Promise<Headers> | undefined;

  constructor(clock: Clock, grant: (signal: AbortSignal) => Promise<TokenGrant>) {
    this.#clock = clock;
    this.#grant = grant;
  }

  async headers(signal: AbortSignal): Promise<Headers> {
    if (this.#headers !== undefined && this.#clock.monotonicMs() < this.#renewAtMs) return this.#headers;
    this.#pending ??= this.#renew(signal).finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  refused(headers: Headers): boolean {
    // Another request may have found out first, and logged in again since.
    if (this.#headers === headers) this.#headers = undefined;
    return true;
  }

  async #renew(signal: AbortSignal): Promise<Headers> {
    const { headers, lifetimeMs } = await this.#grant(signal);
    this.#renewAtMs = this.#clock.monotonicMs() + lifetimeMs * RENEW_AFTER;
    this.#headers = headers;
    return headers;
  }
}

export interface LoginOptions {
  /** `…/api/v2/sessions`. */
  readonly path: string;
  readonly username: string;
  readonly passwordFile: string;
  readonly provider: string;
}

/** Where the server does not say, a session lives for 30 minutes. */
const SESSION_SECONDS = 1_800;

/** Opens a session: `POST …/sessions` gives `{userId, sessionId, ttl}`, ttl in seconds. */
export async function login(client: HttpClient, options: LoginOptions, nowMs: number, signal: AbortSignal) {
  const { path, username, passwordFile, provider } = options;
  const answer = await postJson(client, path, { username, password: readSecret(passwordFile), provider }, signal);
  const session = expectGrant(answer, nowMs, 'the login');
  const id = expectText(session, 'sessionId', 'the login');
  return { headers: { authorization: `Bearer ${id}` }, lifetimeMs: positive(session['ttl'], SESSION_SECONDS) * 1_000 };
}

export interface ExchangeOptions {
  /** `…/api/v2/agent/secrets/exchange`. */
  readonly path: string;
  readonly secretFile: SecretFile;
  readonly lifetimeMs: number;
  readonly header: TokenHeader;
}

/**
 * Trades an agent's secret for a token (9.1). Each exchange makes the old secret void and gives a new one, which is on disk before
 * the token is used: a relay that lost it could never log in again.
 */
export async function exchangeSecret(
  client: HttpClient,
  options: ExchangeOptions,
  nowMs: number,
  signal: AbortSignal,
): Promise<TokenGrant> {
  const { path, secretFile, lifetimeMs, header } = options;
  const secret = await secretFile.prepare();
  const answer = await postJson(client, path, { secret, ttl: lifetimeMs }, signal);
  const grant = expectGrant(answer, nowMs, 'the exchange of the agent’s secret');
  await secretFile.replace(expectText(grant, 'new_secret', 'the exchange of the agent’s secret'));
  const token = expectText(grant, 'access_token', 'the exchange of the agent’s secret');
  return { headers: tokenHeaders(token, header), lifetimeMs: positive(grant['ttl'], lifetimeMs) };
}

export type TokenHeader = 'X-JWT-Token' | 'Authorization';

export function tokenHeaders(token: string, header: TokenHeader): Headers {
  return header === 'Authorization' ? { authorization: `Bearer ${token}` } : { 'x-jwt-token': token };
}

/** The first line of a file. A file that is gone for a moment, while a secret is replaced, must not stop the endpoint for good. */
export function readSecret(file: string): string {
  try {
    return readSecretFile(file);
  } catch (cause) {
    throw new RelayError('OUTPUT_UNAUTHORIZED', 'cannot read the credentials', { cause });
  }
}

function postJson(client: HttpClient, path: string, body: object, signal: AbortSignal): Promise<HttpAnswer> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  return client.request({ method: 'POST', path, headers, body: Buffer.from(JSON.stringify(body)) }, signal);
}

function expectGrant(answer: HttpAnswer, nowMs: number, what: string): Readonly<Record<string, unknown>> {
  const { status } = answer;
  if (status >= 200 && status < 300) return parseObject(answer.text);
  const failure = temporaryFailure(answer, nowMs);
  throw status >= 400 && status < 500 && failure.code === 'OUTPUT_PROTOCOL'
    ? new RelayError('OUTPUT_UNAUTHORIZED', `${what} was refused: ${describeAnswer(answer)}`)
    : failure;
}

function expectText(grant: Readonly<Record<string, unknown>>, name: string, what: string): string {
  const value = grant[name];
  // The token becomes a header: what cannot stand in one is no token.
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new RelayError('OUTPUT_PROTOCOL', `${what} was answered without "${name}"`);
}

function positive(value: unknown, fallback: number): number {
  return typeof value === 'number' && value > 0 ? value : fallback;
}

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Delivery, DeliveryLimits, Output, OutputContext } from '../../component/output.ts';
import { EventEncoder, packRequests, type EventForm, type IngestRequest } from '../../wire/loginsight.ts';
import { asksForLogin, failureOf, takenCount, temporaryFailure } from './answers.ts';
import type { Credentials } from './credentials.ts';
import type { HttpAnswer, HttpClient } from '../../io/http-client.ts';

export interface LogInsightOptions {
  readonly form: EventForm;
  readonly nameCharsMax: number;
  readonly ingestPath: string;
  readonly versionPath: string;
  readonly recordsMax: number;
  readonly requestBytesMax: number;
  readonly inFlightMax: number;
  readonly gzip: boolean;
}

const gzipAsync = promisify(gzip);
/** Logs shrink to a tenth at any level; higher ones only cost time. */
const GZIP_LEVEL = 3;
/** How often a count that differs is told of. */
const MISMATCH_REMINDER_MS = 3_600_000;

export class LogInsightOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: LogInsightOptions;
  readonly #context: OutputContext;
  readonly #client: HttpClient;
  readonly #credentials: Credentials;
  readonly #encoder: EventEncoder;
  /** No document says that the server unpacks gzip, so the first answers show it. */
  #gzip: 'untried' | 'works' | 'off';
  #mismatchToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogInsightOptions, context: OutputContext, client: HttpClient, credentials: Credentials) {
    this.#options = options;
    this.#context = context;
    this.#client = client;
    this.#credentials = credentials;
    this.#encoder = new EventEncoder(options);
    this.#gzip = options.gzip ? 'untried' : 'off';
    const { recordsMax, requestBytesMax, inFlightMax } = options;
    this.limits = { recordsMax, bytesMax: requestBytesMax, inFlightMax };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { form, recordsMax, requestBytesMax } = this.#options;
    const limits = { eventsMax: recordsMax, bytesMax: requestBytesMax };
    for (const request of packRequests(delivery.lines, this.#encoder, form, limits)) {
      const answer = await this.#post(request.body, signal);
      const failure = failureOf(answer, {
        records: request.lastRecord - request.firstRecord + 1,
        firstRecord: request.firstRecord,
        nowMs: this.#context.clock.nowMs(),
      });
      if (failure !== undefined) throw failure;
      this.#compareCount(request, answer);
    }
  }

  async probe(signal: AbortSignal): Promise<void> {
    const headers = await this.#credentials.headers(signal);
    const answer = await this.#client.request({ method: 'GET', path: this.#options.versionPath, headers }, signal);
    if (answer.status >= 500 || answer.status === 429) throw temporaryFailure(answer, this.#context.clock.nowMs());
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Sends with a login where there is one, and once more with a new login where the session had ended. */
  async #post(body: Buffer, signal: AbortSignal): Promise<HttpAnswer> {
    for (let tries = 1; ; tries++) {
      const headers = await this.#credentials.headers(signal);
      const answer = await this.#postPacked(body, headers, signal);
      if (!asksForLogin(answer.status) || !this.#credentials.refused(headers) || tries >= 2) return answer;
    }
  }

  /** Sends as gzip, and as it is where the server turns out not to unpack it. */
  async #postPacked(
    body: Buffer,
    credentials: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const path = this.#options.ingestPath;
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...credentials };
    if (this.#gzip === 'off') return this.#client.request({ method: 'POST', path, headers, body }, signal);
    const packed = await gzipAsync(body, { level: GZIP_LEVEL });
    const answer = await this.#client.request(
      { method: 'POST', path, headers: { ...headers, 'content-encoding': 'gzip' }, body: packed },
      signal,
    );
    if (isTaken(answer)) this.#gzip = 'works';
    const mayBeGzip = answer.status === 415 || (answer.status === 400 && this.#gzip === 'untried');
    if (!mayBeGzip) return answer;
    const plain = await this.#client.request({ method: 'POST', path, headers, body }, signal);
    if (isTaken(plain)) {
      this.#gzip = 'off';
      this.#context.log.warn('the server takes no gzip, sending without', { endpoint: this.#context.name });
    }
    return plain;
  }

  /** A count that differs is no reason to send again, since nothing says which were not taken; but somebody should look. */
  #compareCount(request: IngestRequest, answer: HttpAnswer): void {
    const taken = takenCount(answer.text);
    if (taken === undefined || taken === request.events) return;
    const nowMs = this.#context.clock.monotonicMs();
    if (nowMs - this.#mismatchToldAtMs < MISMATCH_REMINDER_MS) return;
    this.#mismatchToldAtMs = nowMs;
    this.#context.log.error('the server took another number of events than it was sent', {
      endpoint: this.#context.name,
      sent: request.events,
      taken,
    });
  }
}

function isTaken(answer: HttpAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

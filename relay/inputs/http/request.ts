import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accepted, InputContext } from '../../component/input.ts';
import { RelayError, describeError } from '../../errors.ts';
import { sourceOf } from '../../record/line-writer.ts';
import { contentEncodingOf, unpackBody, type ContentEncoding } from '../../wire/content-encoding.ts';
import {
  acceptedAnswer,
  busyAnswer,
  failureAnswer,
  notFoundAnswer,
  sendAnswer,
  tooLargeAnswer,
  unauthorizedAnswer,
  unsupportedEncodingAnswer,
  wrongMethodAnswer,
  type Answer,
  type Asker,
} from './answers.ts';
import type { Authenticator } from './auth.ts';
import { BodyReader, discardBody } from './body.ts';
import type { HttpOptions } from './options.ts';
import type { RouteFamily, RouteMatch } from './routes.ts';
import { Turns } from './turns.ts';

/** Bodies unpacked at the same time: each may take `decompressed_bytes_max` for a moment. */
const UNPACKING_MAX = 2;

const GREETING: Answer = {
  status: 200,
  body: 'Spillway takes log records here: POST JSON, NDJSON, MessagePack or plain text to /ingest.\n',
};

/** Who sends, where to, and how the body is packed: all that is known before the body is read. */
interface Head {
  readonly family: RouteFamily;
  readonly match: RouteMatch;
  readonly encoding: ContentEncoding;
  readonly identity: string;
  readonly path: string;
}

/** Takes requests from their header to their answer. */
export class RequestPipeline {
  readonly #options: HttpOptions;
  readonly #context: InputContext;
  readonly #families: readonly RouteFamily[];
  readonly #authenticator: Authenticator;
  readonly #bodies: BodyReader;
  readonly #unpacking = new Turns(UNPACKING_MAX);
  /** Requests whose body is there. Those whose body is still to come are bounded as connections and by what they hold. */
  #inFlight = 0;

  constructor(
    options: HttpOptions,
    context: InputContext,
    families: readonly RouteFamily[],
    authenticator: Authenticator,
  ) {
    this.#options = options;
    this.#context = context;
    this.#families = families;
    this.#authenticator = authenticator;
    this.#bodies = new BodyReader({
      clock: context.clock,
      bytesMax: options.body_bytes_max,
      heldBytesMax: options.buffered_bytes_max,
    });
  }

  /** Answers one request; never rejects. `mayContinue` is called before its body is read. */
  async handle(request: IncomingMessage, response: ServerResponse, mayContinue: () => void): Promise<void> {
    const asker: Asker = { isFluentBit: isFluentBit(request), retryAfterSeconds: this.#options.retry_after_s };
    let answer: Answer | undefined;
    try {
      const head = this.#readHead(request, asker);
      if ('status' in head) {
        answer = head;
      } else {
        mayContinue();
        answer = await this.#take(request, head, asker);
      }
    } catch (error) {
      answer = failureAnswer(error, asker);
      if (answer.status === 500) this.#context.log.error('a request failed', { reason: describeError(error) });
    }
    if (answer === undefined) return;
    if (answer.refused !== undefined) this.#context.counters.refused(answer.refused);
    sendAnswer(response, answer);
    if (!request.complete) discardBody(request, this.#options.body_bytes_max);
  }

  /** Everything that can be said no to before a byte of the body is read: above all, nothing is unpacked for a stranger. */
  #readHead(request: IncomingMessage, asker: Asker): Head | Answer {
    const path = pathOf(request.url);
    const { method } = request;
    if ((method === 'GET' || method === 'HEAD') && path === '/') return GREETING;
    const route = this.#route(path);
    if (route === undefined) return notFoundAnswer();
    if (method !== 'POST' && method !== 'PUT') return wrongMethodAnswer();
    const identity = this.#authenticator.identify(request.headers.authorization);
    if (identity === undefined) return unauthorizedAnswer(asker);
    const encoding = contentEncodingOf(request.headers['content-encoding']);
    if (encoding === undefined) return unsupportedEncodingAnswer();
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > this.#options.body_bytes_max) return this.#tooLarge();
    if (this.#inFlight >= this.#options.requests_in_flight_max) return busyAnswer(asker, 'too many requests at once');
    return { ...route, encoding, identity, path };
  }

  #route(path: string): { family: RouteFamily; match: RouteMatch } | undefined {
    for (const family of this.#families) {
      const match = family.match(path);
      if (match !== undefined) return { family, match };
    }
    return undefined;
  }

  /** Undefined where the sender has gone: then nobody is left to be answered. */
  async #take(request: IncomingMessage, head: Head, asker: Asker): Promise<Answer | undefined> {
    const packed = await this.#bodies.read(request);
    if (packed === 'too_large') return this.#tooLarge();
    if (packed === 'no_room') return busyAnswer(asker, 'too many bytes at once');
    if (packed === 'aborted') return undefined;
    this.#context.counters.bytes += packed.length;
    this.#inFlight++;
    try {
      const accepted = await this.#withinAnswerTimeout(await this.#unpackAndAccept(request, head, packed));
      return accepted === undefined ? busyAnswer(asker, 'the journal takes its time') : acceptedAnswer(accepted);
    } finally {
      this.#inFlight--;
    }
  }

  /** Once the records are written nothing but waiting is left, for which no byte of the body is needed. */
  async #unpackAndAccept(
    request: IncomingMessage,
    head: Head,
    packed: Buffer,
  ): Promise<{ outcome: Promise<Accepted> }> {
    try {
      const body = await this.#unpack(packed, head);
      // In an object, since a promise returned by an async function would be waited for here.
      return { outcome: this.#accept(request, head, packed, body) };
    } finally {
      this.#bodies.release(packed);
    }
  }

  async #unpack(packed: Buffer, { encoding }: Head): Promise<Buffer> {
    const bytesMax = this.#options.decompressed_bytes_max;
    if (encoding === 'identity') return packed;
    try {
      return await this.#unpacking.run(() => unpackBody(packed, encoding, bytesMax));
    } catch (error) {
      // What cannot be unpacked is kept as it came, so that nobody has to send it again and again.
      if (error instanceof RelayError && error.code === 'INPUT_UNDECODABLE') return packed;
      throw error;
    }
  }

  #accept(request: IncomingMessage, head: Head, packed: Buffer, body: Buffer): Promise<Accepted> {
    const { counters } = this.#context;
    const tag = firstOf(request.headers[this.#options.tag_header.toLowerCase()]) ?? head.match.tag;
    const write = (): number => {
      const lines = head.family.write({
        body: sourceOf(body),
        isPacked: body === packed && head.encoding !== 'identity',
        contentType: request.headers['content-type'] ?? '',
        dialect: isFluentBit(request) ? 'fluent_bit' : 'plain',
        tag,
        peer: peerOf(request),
      });
      counters.records += lines;
      return lines;
    };
    if (packed.length === 0) return Promise.resolve({ records: 0, repeat: false });
    return this.#context.accept(write, this.#keyOf(request, head, packed, tag));
  }

  /** What tells a repeat: the sender's own key, or the body, with all that decides what becomes of it. */
  #keyOf(request: IncomingMessage, head: Head, packed: Buffer, tag: string | undefined): string | undefined {
    const own = firstOf(request.headers['idempotency-key']);
    const { repeats } = this.#options;
    const byBody = repeats === 'all' || (repeats === 'fluent_bit' && isFluentBit(request));
    if (own === undefined && !byBody) return undefined;
    const hash = createHash('sha256');
    const { headers } = request;
    const parts = [head.identity, head.path, tag, headers['content-type'], headers['content-encoding'], own];
    hash.update(JSON.stringify(parts.map((part) => part ?? null)));
    // The body counts beside the sender's key too: a key used twice by mistake must not hide what came under it.
    hash.update(packed);
    return `${this.#context.name}:${hash.digest('base64url')}`;
  }

  /** Undefined where the journal takes longer than a sender waits. The records may still be kept: a repeat finds them. */
  #withinAnswerTimeout({ outcome }: { outcome: Promise<Accepted> }): Promise<Accepted | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#context.clock.after(this.#options.answer_timeout_ms, () => resolve(undefined));
      outcome.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #tooLarge(): Answer {
    return tooLargeAnswer(`the body is larger than ${this.#options.body_bytes_max} bytes`);
  }
}

function isFluentBit(request: IncomingMessage): boolean {
  return request.headers['user-agent']?.startsWith('Fluent-Bit') === true;
}

function firstOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text === '' ? undefined : text;
}

/** The path without its query. */
function pathOf(url: string | undefined): string {
  return (url ?? '/').split('?', 1)[0]!;
}

/** IPv4 addresses mapped into IPv6 are written as IPv4. */
function peerOf(request: IncomingMessage): string | undefined {
  return request.socket.remoteAddress?.replace(/^::ffff:/, '');
}

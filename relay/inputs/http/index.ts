import { defineInput, type Input, type InputContext } from '../../component/input.ts';
import { SenderRecordWriter } from '../../record/sender-record.ts';
import { Authenticator } from './auth.ts';
import { IngestRoutes } from './ingest.ts';
import { options, type HttpOptions } from './options.ts';
import { RequestPipeline } from './request.ts';
import { HttpServer } from './server.ts';

export const http = defineInput({
  type: 'http',
  stability: 'beta',
  summary: 'Receives records over HTTP: from Fluent Bit, from scripts, from anything that can POST.',
  notes: [
    '`POST` or `PUT` to `/`, `/ingest` or `/ingest/TAG`. Formats, by Content-Type or else by a look at the body: JSON (one object, an ' +
      'array, objects back to back), NDJSON, MessagePack (Fluent Bit’s entries or plain maps), plain text with one record a line. ' +
      'Content-Encoding: gzip, deflate, zstd, snappy.',
    'A 200 says how many records were taken, `{"accepted":3}`, and is given only once they are on disk. Whatever may come right again is ' +
      'answered 503 with Retry-After; wrong credentials are a 401, but a 503 for Fluent Bit, which drops its data on every 4xx but ' +
      '408 and 429. 413 is for what is larger than the limits. What cannot be decoded is kept whole and flagged, not refused.',
    'A JSON object’s ECS fields are kept where they are. The text is `message`, `log`, `msg`, `MESSAGE` or `short_message`; the ' +
      'time is `@timestamp`, `time`, `timestamp` or `date`. `event.id`, `event.created` and `spillway` are the relay’s own: what a ' +
      'sender puts there is kept under `labels.sender_…`.',
  ],
  options,
  create: (options, context) => new HttpInput(options, context),
});

class HttpInput implements Input {
  readonly #server: HttpServer;

  constructor(options: HttpOptions, context: InputContext) {
    const writer = new SenderRecordWriter({
      recorder: context.recorder,
      input: context.name,
      dataset: context.dataset(options.dataset),
      datasetOf: (name) => context.dataset(name),
      runner: context.runner,
      flagged: (flag) => context.counters.flagged(flag),
      keepOriginal: options.keep_original,
      recordBytesMax: options.record_bytes_max,
    });
    const families = [new IngestRoutes(writer)];
    const pipeline = new RequestPipeline(options, context, families, new Authenticator(options.auth));
    this.#server = new HttpServer(options, context, (request, response, mayContinue) => {
      void pipeline.handle(request, response, mayContinue);
    });
  }

  start(): Promise<string> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

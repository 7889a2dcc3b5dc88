import { RelayError } from '../errors.ts';
import { FieldNames, type FieldName, type FieldPath } from './loginsight-names.ts';

/**
 * Records as events of Log Insight's ingestion API (CFAPI). Each event carries `event_id`, by which repeats can be told, and
 * `log_time`, the original time: the server stamps events anew that are more than ten minutes off and come without a login.
 * A record that is too long for one event becomes several with the same `event_id`, numbered by `part` of `parts`; where a part's
 * text is the content of a long field and not of the message, `part_of` names the field.
 */

/**
 * How an event holds its fields: `list` as `[{"name","content"}]` under `fields` (`/events/ingest/{agentId}`), `flat` as members of
 * the event itself, `object` as an object under `fields` (9.1).
 */
export type EventForm = 'list' | 'flat' | 'object';

export interface EventEncoderOptions {
  readonly form: EventForm;
  /** The longest field name, in characters. */
  readonly nameCharsMax: number;
}

/** Bytes of UTF-8 in `text`, and here in each field too. */
export const TEXT_BYTES_MAX = 16_384;
/** Characters of JSON for the fields of one event. With the longest text an event stays below `EVENT_BYTES_MAX`. */
const FIELDS_CHARS_MAX = 60_000;
/** No event is longer as JSON: 3 bytes for each character of the fields, a last field and a text of escapes alone. */
export const EVENT_BYTES_MAX = 3 * FIELDS_CHARS_MAX + 2 * 6 * TEXT_BYTES_MAX + 16_384;
/** Below this depth of nesting a value is written as JSON text. */
const DEPTH_MAX = 10;
/** These, where they are short, stand in each part of a record, so that a search for a host finds them all. */
const IN_EVERY_PART: ReadonlySet<string> = new Set(['hostname', 'appname', 'filepath', 'event_dataset']);
const IN_EVERY_PART_CHARS_MAX = 256;

interface Part {
  readonly text: string;
  readonly fields: string;
  readonly of?: string;
}

type JsonObject = Record<string, unknown>;

export class EventEncoder {
  readonly #form: EventForm;
  readonly #names: FieldNames;
  // What follows belongs to the record that is being encoded.
  #text = '';
  #everywhere = '';
  #fields = '';
  #fullFields: string[] = [];
  #longFields: Array<{ name: string; content: string }> = [];
  #inexact = false;

  constructor(options: EventEncoderOptions) {
    this.#form = options.form;
    this.#names = new FieldNames(options.nameCharsMax);
  }

  /** The events, as JSON, of a record, given as its line. Throws where the line is no JSON object, or nested beyond measure. */
  encode(line: string): string[] {
    const events = this.#encode(JSON.parse(line), line);
    // Numbers of more than 53 bits lost digits in JSON.parse, so they are read once more, as text.
    return this.#inexact ? this.#encode(JSON.parse(line, keepDigits), line) : events;
  }

  #encode(record: unknown, line: string): string[] {
    if (!isObject(record)) throw new TypeError('the line is no JSON object');
    const event = isObject(record['event']) ? record['event'] : {};
    const time = record['@timestamp'];
    const created = asText(event['created']);
    const logTime = typeof time === 'string' ? time : created;
    this.#begin(asText(record['message']) || asText(event['original']) || line);
    const root = this.#names.begin();
    this.#add(this.#names.named('event_id'), asText(event['id']), true);
    this.#add(this.#names.named('log_time'), logTime, true);
    this.#walk(record, root);
    return this.#events(timestampOf(logTime, created));
  }

  #begin(text: string): void {
    this.#text = text;
    this.#everywhere = '';
    this.#fields = '';
    if (this.#fullFields.length > 0) this.#fullFields = [];
    if (this.#longFields.length > 0) this.#longFields = [];
    this.#inexact = false;
  }

  #walk(object: JsonObject, parent: FieldPath): void {
    for (const key in object) {
      const value = object[key];
      if (value === null) continue;
      const place = this.#names.child(parent, key);
      if (isObject(value) && place.depth < DEPTH_MAX) {
        this.#walk(value, place);
        continue;
      }
      if (typeof value === 'string') {
        const isText = place.path === 'message' || place.path === 'event.original';
        if (place.path === '@timestamp' || (isText && value === this.#text)) continue;
        this.#add(place.name, value, IN_EVERY_PART.has(place.name.text));
        continue;
      }
      if (!isExact(value)) this.#inexact = true;
      this.#add(place.name, JSON.stringify(value), false);
    }
  }

  #add(wanted: FieldName, content: string, isCommon: boolean): void {
    const name = this.#names.claim(wanted, content);
    if (name === undefined) return;
    if (isTooLong(content)) {
      this.#longFields.push({ name: name.text, content });
      return;
    }
    const field = this.#field(name.text, content);
    if (isCommon && content.length <= IN_EVERY_PART_CHARS_MAX) {
      this.#everywhere += this.#everywhere === '' ? field : `,${field}`;
      return;
    }
    this.#fields += `,${field}`;
    if (this.#fields.length > FIELDS_CHARS_MAX) {
      this.#fullFields.push(this.#fields);
      this.#fields = '';
    }
  }

  #field(name: string, content: string): string {
    return this.#form === 'list'
      ? `{"name":"${name}","content":${JSON.stringify(content)}}`
      : `"${name}":${JSON.stringify(content)}`;
  }

  #events(timestampMs: number): string[] {
    if (!isTooLong(this.#text) && this.#longFields.length === 0 && this.#fullFields.length === 0)
      return [this.#event(timestampMs, this.#text, this.#fields)];
    const parts = this.#parts();
    return parts.map((part, i) => {
      const numbers = `,${this.#field('part', String(i + 1))},${this.#field('parts', String(parts.length))}`;
      const of = part.of === undefined ? '' : `,${this.#field('part_of', part.of)}`;
      return this.#event(timestampMs, part.text, part.fields + numbers + of);
    });
  }

  #parts(): Part[] {
    const fields = this.#fields === '' ? [...this.#fullFields] : [...this.#fullFields, this.#fields];
    const texts = splitText(this.#text);
    const parts: Part[] = texts.map((text) => ({ text, fields: fields.shift() ?? '' }));
    for (const rest of fields) parts.push({ text: '(more fields)', fields: rest });
    for (const { name, content } of this.#longFields)
      for (const text of splitText(content)) parts.push({ text, fields: '', of: name });
    return parts;
  }

  #event(timestampMs: number, text: string, fields: string): string {
    const head = Number.isNaN(timestampMs)
      ? `{"text":${JSON.stringify(text)}`
      : `{"text":${JSON.stringify(text)},"timestamp":${timestampMs}`;
    const all = this.#everywhere === '' ? fields.slice(1) : this.#everywhere + fields;
    if (this.#form === 'list') return `${head},"fields":[${all}]}`;
    return this.#form === 'flat' ? `${head},${all}}` : `${head},"fields":{${all}}}`;
  }
}

/** Cuts a text into pieces of at most `TEXT_BYTES_MAX` bytes of UTF-8, never within a character. */
export function splitText(text: string): string[] {
  if (!isTooLong(text)) return [text];
  const bytes = Buffer.from(text);
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + TEXT_BYTES_MAX, bytes.length);
    while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
    pieces.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return pieces;
}

/** One request's worth of events. */
export interface IngestRequest {
  readonly body: Buffer;
  readonly events: number;
  /** The places, in the delivery, of the first and the last record of which something is in it. */
  readonly firstRecord: number;
  readonly lastRecord: number;
}

export interface PackLimits {
  readonly eventsMax: number;
  /** Of JSON, before it is compressed. At least `EVENT_BYTES_MAX`. */
  readonly bytesMax: number;
}

/**
 * Encodes lines, each ended by LF, into requests. Encodes as the requests are taken. Throws `OUTPUT_REFUSED_RECORD` at a record that
 * cannot be an event, after a request with those before it has been yielded.
 */
export function* packRequests(
  lines: Buffer,
  encoder: EventEncoder,
  form: EventForm,
  limits: PackLimits,
): Generator<IngestRequest, void> {
  const [open, close] = form === 'list' ? ['{"events":[', ']}'] : ['[', ']'];
  let events: string[] = [];
  let bytes = 0;
  let firstRecord = 0;
  let lastRecord = 0;
  const request = (): IngestRequest => {
    const body = Buffer.from(open + events.join(',') + close);
    const made = { body, events: events.length, firstRecord, lastRecord };
    events = [];
    bytes = 0;
    return made;
  };
  for (let start = 0, index = 0; start < lines.length; index++) {
    const lf = lines.indexOf(0x0a, start);
    const end = lf < 0 ? lines.length : lf;
    let encoded: string[];
    try {
      encoded = encoder.encode(lines.toString('utf8', start, end));
    } catch (cause) {
      if (events.length > 0) yield request();
      throw new RelayError('OUTPUT_REFUSED_RECORD', 'the record cannot be written as an event', {
        cause,
        recordIndex: index,
      });
    }
    for (const event of encoded) {
      const size = Buffer.byteLength(event) + 1;
      if (events.length >= limits.eventsMax || (events.length > 0 && bytes + size + 16 > limits.bytesMax))
        yield request();
      if (events.length === 0) firstRecord = index;
      lastRecord = index;
      events.push(event);
      bytes += size;
    }
    start = end + 1;
  }
  if (events.length > 0) yield request();
}

/** Milliseconds since 1970; NaN where neither text is a time. */
function timestampOf(time: string, created: string): number {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? Date.parse(created) : ms;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A character is at most 3 bytes of UTF-8, so most texts need not be measured. */
function isTooLong(text: string): boolean {
  return text.length * 3 > TEXT_BYTES_MAX && Buffer.byteLength(text) > TEXT_BYTES_MAX;
}

/** False where JSON.parse may have lost digits, here or further inside. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && !isExact(value) ? (context?.source ?? value) : value;
}

import { isUtf8Text } from '../record/json-text.ts';
import { LineWriter, fragment, type Source } from '../record/line-writer.ts';
import { FIELDS_MAX, SenderRecord } from '../record/sender-fields.ts';
import type { SenderOrigin } from '../record/sender-marks.ts';
import type { SenderRecordWriter } from '../record/sender-record.ts';
import type { Entry } from './forward.ts';
import { JSON_EXPANSION_MAX, writeJson, writeKey } from './msgpack-json.ts';
import { newValueHead, readHead, readTime, valueEnd, type Moment } from './msgpack.ts';

const MESSAGE = fragment('message');
/** Fluent Bit's metadata of an entry, where it has any, is kept under this name. */
const METADATA = fragment('fluent_metadata');

/**
 * Turns entries in MessagePack into records, without an object for each: keys and values stay bytes, and only what is not text
 * is put into JSON on its way.
 */
export class EntryWriter {
  /** Where the entry that was written last ends. */
  end = 0;
  readonly #writer: SenderRecordWriter;
  readonly #record = new SenderRecord();
  readonly #json = new LineWriter(Buffer.alloc(0));
  readonly #head = newValueHead();
  readonly #moment: Moment = { epochSeconds: 0, nanos: 0 };

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
  }

  /** Writes the entry that begins at `start`, in bytes that were scanned. Returns how many lines that made. */
  write(source: Source, start: number, entry: Entry, origin: SenderOrigin): number {
    const record = this.#record;
    const { timeAt, metadataAt, recordAt } = entry;
    const head = this.#head;
    record.begin(source, start, recordAt, 0);
    if (timeAt > 0) this.#setTime(source, timeAt);
    readHead(source.bytes, recordAt, head);
    if (head.kind !== 'map') {
      this.end = this.#addValue(MESSAGE, 0, MESSAGE.bytes.length, source, recordAt, true);
    } else if (head.length > FIELDS_MAX) {
      this.end = valueEnd(source.bytes, recordAt, source.bytes.length);
      return this.#writeUnwieldy(source, start, origin);
    } else {
      this.end = this.#addMembers(source, head.start, head.length);
    }
    if (metadataAt > 0) this.#addValue(METADATA, 0, METADATA.bytes.length, source, metadataAt, false);
    record.end = this.end;
    record.bytes += this.end - start;
    return this.#writer.write(record, origin);
  }

  #setTime(source: Source, timeAt: number): void {
    const record = this.#record;
    const moment = this.#moment;
    if (readTime(source, timeAt, moment)) {
      record.setTime(moment.epochSeconds, moment.nanos, moment.nanos === 0 ? 0 : 9);
      return;
    }
    // A time that is none is given as one that is none either, so that the record is flagged; the source keeps what it was.
    record.setTime(-1, 0, 0);
    record.lossy = true;
  }

  /** Returns where the map ends. */
  #addMembers(source: Source, start: number, pairs: number): number {
    const { bytes } = source;
    const record = this.#record;
    const head = this.#head;
    let at = start;
    for (let i = 0; i < pairs; i++) {
      readHead(bytes, at, head);
      if (head.kind !== 'string') {
        at = this.#addOddlyNamed(source, at);
        continue;
      }
      const keyStart = head.start;
      const keyEnd = keyStart + head.length;
      if (isUtf8Text(source, keyStart, keyEnd)) {
        at = this.#addValue(source, keyStart, keyEnd, source, keyEnd, false);
        continue;
      }
      // A name that is no text cannot be one in the line; the source, kept beside it, has it.
      record.lossy = true;
      at = valueEnd(bytes, keyEnd, bytes.length);
    }
    return at;
  }

  /** A member whose name is a number or some such: it becomes the text of that. Returns where its value ends. */
  #addOddlyNamed(source: Source, position: number): number {
    const valueAt = valueEnd(source.bytes, position, source.bytes.length);
    const json = this.#startJson(valueAt - position);
    const keyStart = json.position;
    const key = { bytes: json.bytes, view: json.view };
    writeKey(json, source, position);
    const keyEnd = json.position;
    this.#endJson();
    return this.#addValue(key, keyStart + 1, keyEnd - 1, source, valueAt, false);
  }

  /** Adds a member; `asText` makes its value text whatever it is. Returns where the value ends. */
  #addValue(key: Source, keyStart: number, keyEnd: number, source: Source, position: number, asText: boolean): number {
    const record = this.#record;
    const head = this.#head;
    readHead(source.bytes, position, head);
    if (head.kind === 'string') {
      const end = head.start + head.length;
      record.addText(key, keyStart, keyEnd, source, head.start, end);
      return end;
    }
    const isNested = head.kind === 'array' || head.kind === 'map';
    const end = isNested ? valueEnd(source.bytes, position, source.bytes.length) : head.start + head.length;
    const json = this.#startJson(end - position);
    const start = json.position;
    const value = { bytes: json.bytes, view: json.view };
    writeJson(json, source, position);
    this.#endJson();
    if (asText) record.addText(key, keyStart, keyEnd, value, start, json.position);
    else record.addJson(key, keyStart, keyEnd, value, start, json.position);
    return end;
  }

  /** A record with more members than are looked at becomes text: JSON, where that says all of it. */
  #writeUnwieldy(source: Source, start: number, origin: SenderOrigin): number {
    const json = this.#startJson(this.end - start);
    const from = json.position;
    const text = { bytes: json.bytes, view: json.view };
    writeJson(json, source, start);
    this.#endJson();
    if (json.lossy) return this.#writer.writeText({ source, start, end: this.end }, origin, true);
    return this.#writer.writeText({ source: text, start: from, end: json.position }, origin, true);
  }

  /** A writer with room for the JSON of `bytes` bytes of MessagePack. */
  #startJson(bytes: number): LineWriter {
    const { scratch } = this.#record;
    const json = this.#json;
    const room = scratch.room(bytes * JSON_EXPANSION_MAX);
    json.bytes = room.bytes;
    json.view = room.view;
    json.position = scratch.used;
    json.lossy = false;
    return json;
  }

  #endJson(): void {
    const record = this.#record;
    const json = this.#json;
    // JSON may be longer than the MessagePack it came from, and the line needs room for it.
    record.bytes += json.position - record.scratch.used;
    record.scratch.used = json.position;
    if (json.lossy) record.lossy = true;
  }
}

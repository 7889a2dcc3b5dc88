import { isUtf8Text } from '../record/json-text.ts';
import { LineWriter, fragment, type Source } from '../record/line-writer.ts';
import { FIELDS_MAX, SenderRecord } from '../record/sender-fields.ts';
import type { SenderOrigin, SenderRecordWriter } from '../record/sender-record.ts';
import { newEntry, readEntry } from './forward.ts';
import { JSON_EXPANSION_MAX, writeJson, writeKey } from './msgpack-json.ts';
import { newValueHead, readHead, readTime, valueEnd, type Moment } from './msgpack.ts';

const MESSAGE = fragment('message');
/** Fluent Bit's metadata of an entry, where it has any, is kept under this name. */
const METADATA = fragment('fluent_metadata');
/** Arrays within arrays deeper than this are no lists of records. */
const LIST_DEPTH_MAX = 4;

/**
 * Turns MessagePack into records, without an object for each: keys and values stay bytes, and only what is not text is put into
 * JSON on its way.
 */
export class MsgpackRecordReader {
  readonly #writer: SenderRecordWriter;
  readonly #record = new SenderRecord();
  readonly #json = new LineWriter(Buffer.alloc(0));
  readonly #entry = newEntry();
  readonly #head = newValueHead();
  readonly #moment: Moment = { epochSeconds: 0, nanos: 0 };

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
  }

  /**
   * Writes the values that follow each other from `start` up to `end`: entries as Fluent Bit sends them (`[time, record]`,
   * `[[time, metadata], record]`), maps, and arrays of both. What is none of them is kept as it is and flagged, and so is all that
   * follows a value that has no end. Returns how many lines were written.
   */
  write(source: Source, start: number, end: number, origin: SenderOrigin): number {
    let lines = 0;
    for (let at = start; at < end;) {
      const next = valueEnd(source.bytes, at, end);
      if (next < 0) return lines + this.#writer.writeText({ source, start: at, end }, origin, true);
      lines += this.#writeValue(source, at, next, 0, origin);
      at = next;
    }
    return lines;
  }

  #writeValue(source: Source, start: number, end: number, depth: number, origin: SenderOrigin): number {
    const { bytes } = source;
    const head = this.#head;
    const entry = this.#entry;
    readHead(bytes, start, head);
    if (head.kind === 'map') {
      entry.recordAt = start;
      entry.metadataAt = 0;
      return this.#writeEntry(source, start, end, origin);
    }
    if (readEntry(source, start, entry) && this.#hasTime(source)) return this.#writeEntry(source, start, end, origin);
    readHead(bytes, start, head);
    if (head.kind !== 'array' || head.length === 0 || depth >= LIST_DEPTH_MAX)
      return this.#writer.writeText({ source, start, end }, origin, true);
    let lines = 0;
    for (let at = head.start; at < end;) {
      const next = valueEnd(bytes, at, end);
      lines += this.#writeValue(source, at, next, depth + 1, origin);
      at = next;
    }
    return lines;
  }

  /** True where a time, or what may be meant for one, stands where an entry has it: two maps, or two strings, are no entry but a list. */
  #hasTime(source: Source): boolean {
    const { timeAt } = this.#entry;
    const moment = this.#moment;
    if (readTime(source, timeAt, moment)) return true;
    // A time that is none is given as one that is none either, so that the record is flagged; the source keeps what it was.
    moment.epochSeconds = -1;
    moment.nanos = 0;
    readHead(source.bytes, timeAt, this.#head);
    const { kind } = this.#head;
    return kind === 'unsigned' || kind === 'signed' || kind === 'float' || kind === 'extension';
  }

  /** Writes what `#entry` holds, a map alone where `recordAt` is its start. */
  #writeEntry(source: Source, start: number, end: number, origin: SenderOrigin): number {
    const record = this.#record;
    const { metadataAt, recordAt } = this.#entry;
    const { epochSeconds, nanos } = this.#moment;
    record.begin(source, start, end);
    if (recordAt !== start) record.setTime(epochSeconds, nanos, nanos === 0 ? 0 : 9);
    if (recordAt !== start && epochSeconds < 0) record.lossy = true;
    const head = this.#head;
    readHead(source.bytes, recordAt, head);
    if (head.kind !== 'map') this.#addValue(MESSAGE, 0, MESSAGE.bytes.length, source, recordAt, true);
    else if (head.length > FIELDS_MAX) return this.#writeUnwieldy(source, start, end, origin);
    else this.#addMembers(source, head.start, head.length);
    if (metadataAt > 0) this.#addValue(METADATA, 0, METADATA.bytes.length, source, metadataAt, false);
    return this.#writer.write(record, origin);
  }

  #addMembers(source: Source, start: number, pairs: number): void {
    const { bytes } = source;
    const record = this.#record;
    const head = this.#head;
    let at = start;
    for (let i = 0; i < pairs; i++) {
      readHead(bytes, at, head);
      if (head.kind !== 'string') {
        at = this.#addOddlyNamed(source, at);
      } else {
        const keyStart = head.start;
        const keyEnd = keyStart + head.length;
        if (isUtf8Text(source, keyStart, keyEnd)) {
          at = this.#addValue(source, keyStart, keyEnd, source, keyEnd, false);
        } else {
          // A name that is no text cannot be one in the line; the source, kept beside it, has it.
          record.lossy = true;
          at = valueEnd(bytes, keyEnd, bytes.length);
        }
      }
    }
  }

  /** A member whose name is a number or some such: it becomes the text of that. */
  #addOddlyNamed(source: Source, position: number): number {
    const { bytes } = source;
    const valueAt = valueEnd(bytes, position, bytes.length);
    const json = this.#startJson(valueAt - position);
    const keyStart = json.position;
    const key = { bytes: json.bytes, view: json.view };
    writeKey(json, source, position);
    this.#endJson();
    return this.#addValue(key, keyStart + 1, json.position - 1, source, valueAt, false);
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
    const isLong = head.kind === 'array' || head.kind === 'map';
    const end = isLong ? valueEnd(source.bytes, position, source.bytes.length) : head.start + head.length;
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
  #writeUnwieldy(source: Source, start: number, end: number, origin: SenderOrigin): number {
    const json = this.#startJson(end - start);
    const from = json.position;
    const text = { bytes: json.bytes, view: json.view };
    writeJson(json, source, start);
    this.#endJson();
    if (json.lossy) return this.#writer.writeText({ source, start, end }, origin, true);
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

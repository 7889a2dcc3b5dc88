import { isUtf8Text } from '../../record/json-text.ts';
import { LineWriter, fragment, type Source } from '../../record/line-writer.ts';
import { FIELDS_MAX, SenderRecord } from '../../record/sender-fields.ts';
import type { SenderOrigin, SenderRecordWriter } from '../../record/sender-record.ts';
import { newEntry, readEntry, type ForwardMessage } from '../../wire/forward.ts';
import { JSON_EXPANSION_MAX, writeJson, writeKey } from '../../wire/msgpack-json.ts';
import { newValueHead, readHead, readTime, valueEnd, type Moment } from '../../wire/msgpack.ts';

const MESSAGE = fragment('message');
/** Fluent Bit's metadata of an entry, where it has any, is kept under this name. */
const METADATA = fragment('fluent_metadata');

/**
 * Turns the entries of a message into records, without an object for each: keys and values stay bytes, and only what is not
 * text is put into JSON on its way.
 */
export class EntryRecorder {
  readonly #writer: SenderRecordWriter;
  readonly #record = new SenderRecord();
  readonly #json = new LineWriter(Buffer.alloc(0));
  readonly #entry = newEntry();
  readonly #head = newValueHead();
  #at = 0;
  readonly #moment: Moment = { epochSeconds: 0, nanos: 0 };
  #tagBytes: Uint8Array = Buffer.alloc(0);
  #origin: SenderOrigin = { format: 'msgpack', tag: '', peer: undefined };

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
  }

  /**
   * Writes the entries of a message; those that were compressed are in `payload`. Returns how many records that made. What is no entry
   * is kept as it is, and so is all that follows it where the next one cannot be found.
   */
  write(source: Source, message: ForwardMessage, peer: string, payload: Source = source): number {
    this.#setOrigin(source.bytes, message, peer);
    if (message.mode === 'message') return this.#writeMessage(source, message);
    if (message.mode === 'packed') {
      if (payload === source) return this.#writePacked(source, message.start, message.end);
      return this.#writePacked(payload, 0, payload.bytes.length);
    }
    return this.#writeEntries(source, message.start);
  }

  /** Keeps a payload that could not be decompressed. */
  writeUndecodable(source: Source, message: ForwardMessage, peer: string): number {
    this.#setOrigin(source.bytes, message, peer);
    return this.#writer.writeText({ source, start: message.start, end: message.end }, this.#origin, true);
  }

  #writeMessage(source: Source, { start, end }: ForwardMessage): number {
    const entry = this.#entry;
    entry.timeAt = start;
    entry.metadataAt = 0;
    entry.recordAt = valueEnd(source.bytes, start, end);
    return this.#writeEntry(source, start);
  }

  /** The entries of an array: they were scanned with their message. */
  #writeEntries(source: Source, position: number): number {
    readHead(source.bytes, position, this.#head);
    const count = this.#head.length;
    let lines = 0;
    this.#at = this.#head.start;
    for (let i = 0; i < count; i++) {
      const start = this.#at;
      lines += readEntry(source, start, this.#entry)
        ? this.#writeEntry(source, start)
        : this.#writeOdd(source, start, valueEnd(source.bytes, start, source.bytes.length));
    }
    return lines;
  }

  /** Entries that fill the bytes from `start` to `end`: nobody has looked at them yet. */
  #writePacked(source: Source, start: number, end: number): number {
    let lines = 0;
    this.#at = start;
    while (this.#at < end) {
      const at = this.#at;
      const entryEnd = valueEnd(source.bytes, at, end);
      lines +=
        entryEnd >= 0 && readEntry(source, at, this.#entry)
          ? this.#writeEntry(source, at)
          : this.#writeOdd(source, at, entryEnd < 0 ? end : entryEnd);
    }
    return lines;
  }

  #writeOdd(source: Source, start: number, end: number): number {
    this.#at = end;
    return this.#writer.writeText({ source, start, end }, this.#origin, true);
  }

  /** Writes what `#entry` holds; it begins at `start`. Leaves in `#at` where it ends. */
  #writeEntry(source: Source, start: number): number {
    const record = this.#record;
    const { timeAt, metadataAt, recordAt } = this.#entry;
    const moment = this.#moment;
    record.begin(source, start, recordAt, 0);
    // A time that is none is given as one that is none either, so that the record is flagged.
    if (readTime(source, timeAt, moment)) record.setTime(moment.epochSeconds, moment.nanos, moment.nanos === 0 ? 0 : 9);
    else record.setTime(0, 0, 0);
    const head = this.#head;
    readHead(source.bytes, recordAt, head);
    let end: number;
    if (head.kind !== 'map') end = this.#addValue(MESSAGE, 0, MESSAGE.bytes.length, source, recordAt, true);
    else if (head.length > FIELDS_MAX) return this.#writeUnwieldy(source, start, recordAt);
    else end = this.#addMembers(source, head.start, head.length);
    if (metadataAt > 0) this.#addValue(METADATA, 0, METADATA.bytes.length, source, metadataAt, false);
    this.#at = end;
    record.end = end;
    record.bytes += end - start;
    return this.#writer.write(record, this.#origin);
  }

  /** Returns where the map ends. */
  #addMembers(source: Source, start: number, pairs: number): number {
    const { bytes } = source;
    const record = this.#record;
    const head = this.#head;
    let at = start;
    for (let i = 0; i < pairs; i++) {
      readHead(bytes, at, head);
      if (head.kind === 'string') {
        const keyStart = head.start;
        const keyEnd = keyStart + head.length;
        if (isUtf8Text(source, keyStart, keyEnd)) {
          at = this.#addValue(source, keyStart, keyEnd, source, keyEnd, false);
          continue;
        }
        // A name that is no text cannot be one in the line; the source, kept beside it, has it.
        record.lossy = true;
        at = valueEnd(bytes, keyEnd, bytes.length);
        continue;
      }
      const valueAt = valueEnd(bytes, at, bytes.length);
      const json = this.#startJson(valueAt - at);
      const keyStart = json.position;
      const key = { bytes: json.bytes, view: json.view };
      writeKey(json, source, at);
      this.#endJson();
      at = this.#addValue(key, keyStart + 1, json.position - 1, source, valueAt, false);
    }
    return at;
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
  #writeUnwieldy(source: Source, start: number, recordAt: number): number {
    const end = valueEnd(source.bytes, recordAt, source.bytes.length);
    const json = this.#startJson(end - start);
    const from = json.position;
    const text = { bytes: json.bytes, view: json.view };
    writeJson(json, source, start);
    this.#endJson();
    this.#at = end;
    if (json.lossy) return this.#writer.writeText({ source, start, end }, this.#origin, true);
    return this.#writer.writeText({ source: text, start: from, end: json.position }, this.#origin, true);
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

  #setOrigin(bytes: Uint8Array, { tagStart, tagEnd }: ForwardMessage, peer: string): void {
    const tagBytes = bytes.subarray(tagStart, tagEnd);
    if (this.#origin.peer === peer && Buffer.compare(tagBytes, this.#tagBytes) === 0) return;
    this.#tagBytes = Buffer.from(tagBytes);
    this.#origin = { format: 'msgpack', tag: Buffer.from(this.#tagBytes).toString('utf8'), peer };
  }
}

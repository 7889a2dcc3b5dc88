import type { Source } from '../../record/line-writer.ts';
import type { SenderOrigin } from '../../record/sender-marks.ts';
import type { SenderRecordWriter } from '../../record/sender-record.ts';
import { newEntry, readEntry, type ForwardMessage } from '../../wire/forward.ts';
import { EntryWriter } from '../../wire/msgpack-entry.ts';
import { newValueHead, readHead, valueEnd } from '../../wire/msgpack.ts';

/** Turns the entries of messages into records. */
export class MessageRecorder {
  readonly #writer: SenderRecordWriter;
  readonly #entries: EntryWriter;
  readonly #entry = newEntry();
  readonly #head = newValueHead();
  #tagBytes: Uint8Array = Buffer.alloc(0);
  #origin: SenderOrigin = { format: 'msgpack', tag: '', peer: undefined };

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
    this.#entries = new EntryWriter(writer);
  }

  /**
   * Writes the entries of a message; those that were compressed are in `payload`. Returns how many records that made. What is no entry
   * is kept as it is, and so is all that follows it where the next one cannot be found.
   */
  write(source: Source, message: ForwardMessage, peer: string, payload: Source = source): number {
    this.#setOrigin(source.bytes, message, peer);
    if (message.mode === 'message') return this.#writeSingle(source, message);
    if (message.mode === 'entries') return this.#writeArray(source, message.start);
    if (payload === source) return this.#writePacked(source, message.start, message.end);
    return this.#writePacked(payload, 0, payload.bytes.length);
  }

  /** Keeps a payload that could not be decompressed. */
  writeUndecodable(source: Source, message: ForwardMessage, peer: string): number {
    this.#setOrigin(source.bytes, message, peer);
    return this.#writer.writeText({ source, start: message.start, end: message.end }, this.#origin, true);
  }

  #writeSingle(source: Source, { start, end }: ForwardMessage): number {
    const entry = this.#entry;
    entry.timeAt = start;
    entry.metadataAt = 0;
    entry.recordAt = valueEnd(source.bytes, start, end);
    return this.#entries.write(source, start, entry, this.#origin);
  }

  /** The entries of an array were scanned with their message. */
  #writeArray(source: Source, position: number): number {
    readHead(source.bytes, position, this.#head);
    const count = this.#head.length;
    let lines = 0;
    let at = this.#head.start;
    for (let i = 0; i < count; i++) {
      if (readEntry(source, at, this.#entry)) {
        lines += this.#entries.write(source, at, this.#entry, this.#origin);
        at = this.#entries.end;
      } else {
        const end = valueEnd(source.bytes, at, source.bytes.length);
        lines += this.#writer.writeText({ source, start: at, end }, this.#origin, true);
        at = end;
      }
    }
    return lines;
  }

  /** Entries that fill the bytes from `start` to `end`: nobody has looked at them yet. */
  #writePacked(source: Source, start: number, end: number): number {
    let lines = 0;
    for (let at = start; at < end;) {
      const next = valueEnd(source.bytes, at, end);
      if (next >= 0 && readEntry(source, at, this.#entry)) {
        lines += this.#entries.write(source, at, this.#entry, this.#origin);
        at = next;
      } else {
        const oddEnd = next < 0 ? end : next;
        lines += this.#writer.writeText({ source, start: at, end: oddEnd }, this.#origin, true);
        at = oddEnd;
      }
    }
    return lines;
  }

  #setOrigin(bytes: Uint8Array, { tagStart, tagEnd }: ForwardMessage, peer: string): void {
    const tagBytes = bytes.subarray(tagStart, tagEnd);
    if (this.#origin.peer === peer && Buffer.compare(tagBytes, this.#tagBytes) === 0) return;
    this.#tagBytes = Buffer.from(tagBytes);
    this.#origin = { format: 'msgpack', tag: Buffer.from(this.#tagBytes).toString('utf8'), peer };
  }
}

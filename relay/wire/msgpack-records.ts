import type { Source } from '../record/line-writer.ts';
import type { SenderOrigin } from '../record/sender-marks.ts';
import type { SenderRecordWriter } from '../record/sender-record.ts';
import { newEntry, readEntry } from './forward.ts';
import { EntryWriter } from './msgpack-entry.ts';
import { newValueHead, readHead, readTime, valueEnd, type Moment } from './msgpack.ts';

/** Arrays within arrays deeper than this are no lists of records. */
const LIST_DEPTH_MAX = 4;

/** Turns MessagePack whose shape nobody announced into records. */
export class MsgpackRecordReader {
  readonly #writer: SenderRecordWriter;
  readonly #entries: EntryWriter;
  readonly #entry = newEntry();
  readonly #head = newValueHead();
  readonly #moment: Moment = { epochSeconds: 0, nanos: 0 };

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
    this.#entries = new EntryWriter(writer);
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
      entry.timeAt = 0;
      entry.metadataAt = 0;
      entry.recordAt = start;
      return this.#entries.write(source, start, entry, origin);
    }
    if (readEntry(source, start, entry) && this.#hasTime(source))
      return this.#entries.write(source, start, entry, origin);
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
    if (readTime(source, timeAt, this.#moment)) return true;
    readHead(source.bytes, timeAt, this.#head);
    const { kind } = this.#head;
    return kind === 'unsigned' || kind === 'signed' || kind === 'float' || kind === 'extension';
  }
}

import { JsonScanner } from '../record/json-scan.ts';
import type { Dialect } from '../record/json-text.ts';
import { fragment, type Source } from '../record/line-writer.ts';
import { SenderRecord } from '../record/sender-fields.ts';
import type { SenderOrigin } from '../record/sender-marks.ts';
import { JSON_DEPTH_MAX, type SenderRecordWriter } from '../record/sender-record.ts';

/**
 * How JSON records follow each other.
 *
 * - `lines`: each line stands alone (NDJSON): a broken one ends at its LF, whatever it opened.
 * - `stream`: an array, one object, or objects back to back with or without white space; an object may span lines.
 */
export type JsonLayout = 'lines' | 'stream';

const LF = 0x0a;
const MESSAGE = fragment('message');

/**
 * Reads records out of JSON in any of the shapes that senders use, and writes them. What is no JSON object becomes a record too:
 * a string is a message; anything else, and broken JSON up to the end of its line, is kept as text and flagged.
 */
export class JsonRecordReader {
  readonly #writer: SenderRecordWriter;
  readonly #scanner = new JsonScanner(JSON_DEPTH_MAX);
  readonly #record = new SenderRecord();

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
  }

  /** Writes what `source` holds from `start` up to `end`. Returns how many lines were written. */
  write(
    source: Source,
    start: number,
    end: number,
    layout: JsonLayout,
    dialect: Dialect,
    origin: SenderOrigin,
  ): number {
    const { bytes } = source;
    let lines = 0;
    let inArray = false;
    let lineLimit = layout === 'lines' ? start : end;
    for (let at = start; ;) {
      at = this.#scanner.space(bytes, at, end);
      if (at >= end) return lines;
      if (at >= lineLimit) {
        lineLimit = lineEnd(bytes, at, end);
        inArray = false;
      }
      const byte = bytes[at]!;
      if (byte === 0x5b && !inArray) {
        inArray = true;
        at++;
      } else if (inArray && byte === 0x2c) {
        at++;
      } else if (inArray && byte === 0x5d) {
        inArray = false;
        at++;
      } else {
        const next = this.#scan(source, at, lineLimit, dialect);
        if (next >= 0) {
          lines += this.#writer.write(this.#record, origin);
          at = next;
        } else {
          at = -next;
          lines += this.#writer.writeText(this.#record, origin, true);
        }
      }
    }
  }

  /**
   * Reads the value at `start` into the record. Returns where it ends; the negative of that for text that is no object and no
   * string, of which the record then has nothing but the source.
   */
  #scan(source: Source, start: number, end: number, dialect: Dialect): number {
    const { bytes } = source;
    const record = this.#record;
    record.begin(source, start, end);
    record.dialect = dialect;
    const byte = bytes[start];
    let next: number;
    if (byte === 0x7b) {
      next = this.#scanner.object(source, start, end, record);
    } else {
      next = this.#scanner.value(source, start, end);
      if (next >= 0 && byte === 0x22)
        record.addJson(MESSAGE, 0, MESSAGE.bytes.length, source, start, next, this.#scanner.traits);
    }
    if (next < 0 || !endsHere(bytes, next, end)) next = -lineEnd(bytes, start, end);
    else if (byte !== 0x7b && byte !== 0x22) next = -next;
    record.end = Math.abs(next);
    record.bytes = record.end - start;
    if (next < 0 && bytes[record.end - 1] === 0x0d) record.end--;
    return next;
  }
}

/** Text with one record on each line, ended by LF or CR LF. Empty lines are none. Returns how many lines were written. */
export function writeTextLines(
  writer: SenderRecordWriter,
  source: Source,
  start: number,
  end: number,
  origin: SenderOrigin,
): number {
  const { bytes } = source;
  let lines = 0;
  for (let at = start; at < end;) {
    const next = lineEnd(bytes, at, end);
    const textEnd = next > at && bytes[next - 1] === 0x0d ? next - 1 : next;
    if (textEnd > at) lines += writer.writeText({ source, start: at, end: textEnd }, origin, false);
    at = next + 1;
  }
  return lines;
}

/** The place of the LF that ends the line, or `end`. */
function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  const lf = bytes.indexOf(LF, start);
  return lf < 0 || lf > end ? end : lf;
}

/** A value is over where white space, a comma, a bracket or the next object follows: `12:30` is no number but text. */
function endsHere(bytes: Uint8Array, at: number, end: number): boolean {
  if (at >= end) return true;
  const byte = bytes[at]!;
  return byte <= 0x20 || byte === 0x2c || byte === 0x5d || byte === 0x7b || byte === 0x5b || byte === 0x22;
}

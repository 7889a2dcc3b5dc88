import type { LineWriter, Source } from '../../record/line-writer.ts';
import { parseRfc3339, rfc3339Time } from '../../record/time.ts';
import { RFC_5424, isNil, type SyslogHeader } from '../../wire/syslog-header.ts';
import * as json from './fragments.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const NIL = 0x2d;
const ONE = 0x31;
const EQUALS = 0x3d;
const OPENING = 0x5b;
const CLOSING = 0x5d;
const BRACE = 0x7d;
const ZULU = 0x5a;

/** `1 2026-11-22T05:20:10Z h a - - - m`. */
const SHORTEST = 34;
/** `2026-11-22T05:20:10`; up to nine digits and their point follow. */
const SECONDS_LENGTH = 19;
const FRACTION_LENGTH_MAX = 10;
/** Elements, and names in one of them, up to which repeats are looked for. */
const NAMES_MAX = 8;

/** The bytes of an SD-NAME (RFC 5424 §6.3.1) that stand for themselves in JSON: printable ASCII but ` `, `=`, `]`, `"` and `\`. */
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return byte > SPACE && byte < 0x7f && !'=]"\\'.includes(character) ? 1 : 0;
});

/** Where the names of the element at hand begin and end, and where those of the elements do. */
const names = new Int32Array(2 * NAMES_MAX);
const ids = new Int32Array(2 * NAMES_MAX);

/**
 * Most lines of RFC 5424 are plain: a time in UTC, a host, fields of printable ASCII, structured data without escapes, a message. Such a
 * line's header is parsed and written in one pass, each field as it is found; from its time up to where the message's text goes. `start` is
 * behind the priority, which `header` has. Leaves in `header` where time, host, program and message stand.
 *
 * Returns false for any other line, also one that is only odd: what was written then counts for nothing, and whoever knows all kinds
 * has to read it.
 */
export function writeUsualHeader(
  writer: LineWriter,
  source: Source,
  start: number,
  end: number,
  header: SyslogHeader,
): boolean {
  const { bytes } = source;
  if (!readTime(source, start, end, header)) return false;
  writer.raw(json.TIMESTAMP);
  writer.copy(source, header.timeStart, header.timeEnd);
  writer.raw(json.HOST);
  const hostStart = header.timeEnd + 1;
  const hostEnd = writer.word(source, hostStart, end);
  if (hostEnd <= hostStart || isNil(bytes, hostStart, hostEnd)) return false;
  writer.raw(json.LOG_5424_AFTER_HOST[header.priority]!);
  const appEnd = writeMember(writer, json.APP_NAME, source, hostEnd + 1, end);
  if (appEnd < 0) return false;
  const processEnd = writeMember(writer, json.PROCESS_ID, source, appEnd + 1, end);
  if (processEnd < 0) return false;
  let at = writeMember(writer, json.MESSAGE_ID, source, processEnd + 1, end) + 1;
  if (at <= 0) return false;
  at = bytes[at] === NIL ? at + 1 : writeStructuredData(writer, source, at, end);
  if (at < 0 || bytes[at] !== SPACE) return false;
  const messageStart = at + 1;
  // An empty message is told from none by the raw line alone, and a byte order mark is none of the message (§6.4).
  if (messageStart >= end || bytes[messageStart] === 0xef) return false;
  writer.raw(json.LOG_END_MESSAGE);
  header.format = RFC_5424;
  header.byteOrderMark = false;
  header.hostStart = hostStart;
  header.hostEnd = hostEnd;
  header.appStart = hostEnd + 1;
  header.appEnd = isNil(bytes, header.appStart, appEnd) ? header.appStart : appEnd;
  header.messageStart = messageStart;
  return true;
}

/** The version and a time that can be copied as it is. */
function readTime(source: Source, start: number, end: number, header: SyslogHeader): boolean {
  const { bytes } = source;
  if (end - start < SHORTEST || bytes[start] !== ONE || bytes[start + 1] !== SPACE) return false;
  const timeStart = start + 2;
  let zulu = timeStart + SECONDS_LENGTH;
  for (const last = zulu + FRACTION_LENGTH_MAX; bytes[zulu] !== ZULU; zulu++) if (zulu === last) return false;
  if (bytes[zulu + 1] !== SPACE || !parseRfc3339(source, timeStart, zulu + 1)) return false;
  header.timeStart = timeStart;
  header.timeEnd = zulu + 1;
  header.epochMs = rfc3339Time.epochMs;
  return true;
}

/** A field up to the next space, and nothing for `-`. Returns where the space is, or -1. */
function writeMember(writer: LineWriter, name: Source, source: Source, start: number, end: number): number {
  const before = writer.position;
  writer.raw(name);
  const stop = writer.word(source, start, end);
  if (stop <= start) return -1;
  if (isNil(source.bytes, start, stop)) writer.position = before;
  else writer.byte(QUOTE);
  return stop;
}

/** `[id name="value" …]…` (§6.3). Returns where it ends, or -1. */
function writeStructuredData(writer: LineWriter, source: Source, start: number, end: number): number {
  const { bytes } = source;
  if (bytes[start] !== OPENING) return -1;
  writer.raw(json.STRUCTURED_DATA);
  let at = start;
  for (let elements = 0; bytes[at] === OPENING; elements++) {
    if (elements > 0) writer.byte(COMMA);
    at = writeName(writer, source, at + 1, end, ids, elements);
    if (at < 0) return -1;
    writer.raw(json.ID_END);
    for (let parameters = 0; bytes[at] === SPACE; parameters++) {
      if (parameters > 0) writer.byte(COMMA);
      at = writeName(writer, source, at + 1, end, names, parameters);
      if (at < 0 || bytes[at] !== EQUALS || bytes[at + 1] !== QUOTE) return -1;
      writer.raw(json.VALUE_START);
      at = writer.quoted(source, at + 2, end);
      if (at < 0) return -1;
      writer.byte(QUOTE);
      at++;
    }
    if (bytes[at] !== CLOSING) return -1;
    writer.byte(BRACE);
    at++;
  }
  writer.byte(BRACE);
  return at;
}

/**
 * An id or a name, which is the `count`th of its kind, with a quote before it. Returns where it ends; -1 where JSON could not hold it as
 * it stands: twice in one object, or a number, which its readers put first.
 */
function writeName(
  writer: LineWriter,
  source: Source,
  start: number,
  end: number,
  known: Int32Array,
  count: number,
): number {
  const { bytes } = source;
  if (count === NAMES_MAX) return -1;
  writer.byte(QUOTE);
  let at = start;
  for (; at < end && NAME_BYTES[bytes[at]!] === 1; at++) writer.byte(bytes[at]!);
  const first = bytes[start]!;
  if (at === start || (first >= 0x30 && first <= 0x39)) return -1;
  for (let i = 0; i < 2 * count; i += 2)
    if (at - start === known[i + 1]! - known[i]! && sameBytes(bytes, known[i]!, start, at - start)) return -1;
  known[2 * count] = start;
  known[2 * count + 1] = at;
  return at;
}

function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

import type { Source } from '../record/line-writer.ts';
import { RFC_5424, TIME_MISSING, isNil, spaceAfter, type SyslogHeader } from './syslog-header.ts';
import { looksLikeDate, readRfc3339 } from './syslog-time.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const NIL = 0x2d;
const EQUALS = 0x3d;
const OPENING = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING = 0x5d;

/** Names are looked through for repeats up to this many; where there are more, the raw line is kept instead. */
const COMPARED_MAX = 16;

/** The bytes of an SD-NAME (RFC 5424 §6.3.1): printable ASCII but `=`, `]` and `"`. */
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte > SPACE && byte < 0x7f && byte !== EQUALS && byte !== CLOSING && byte !== QUOTE ? 1 : 0,
);

/** `other`: the line does not begin as RFC 5424 has it. `broken`: it does, and does not go on so. */
export type Rfc5424Outcome = 'parsed' | 'broken' | 'other';

/**
 * Parses what follows the priority of an RFC 5424 message (§6), from `start`. Longer fields than the RFC's and bytes outside ASCII
 * are taken as they are.
 */
export function parseRfc5424(source: Source, start: number, end: number, header: SyslogHeader): Rfc5424Outcome {
  const { bytes } = source;
  const versionEnd = readVersion(bytes, start, end, header);
  if (versionEnd < 0) return 'other';
  let at = versionEnd + 1;
  let stop = spaceAfter(bytes, at, end);
  if (isNil(bytes, at, stop)) header.time = TIME_MISSING;
  else if (looksLikeDate(bytes, at, stop)) readRfc3339(source, at, stop, header);
  else return 'other';

  at = stop + 1;
  stop = spaceAfter(bytes, at, end);
  if (stop <= at || stop === end) return 'broken';
  header.hostStart = at;
  header.hostEnd = bytes[at] === NIL && stop === at + 1 ? at : stop;

  at = stop + 1;
  stop = spaceAfter(bytes, at, end);
  if (stop <= at || stop === end) return 'broken';
  header.appStart = at;
  header.appEnd = bytes[at] === NIL && stop === at + 1 ? at : stop;

  at = stop + 1;
  stop = spaceAfter(bytes, at, end);
  if (stop <= at || stop === end) return 'broken';
  header.processStart = at;
  header.processEnd = bytes[at] === NIL && stop === at + 1 ? at : stop;

  at = stop + 1;
  stop = spaceAfter(bytes, at, end);
  if (stop <= at || stop === end) return 'broken';
  header.messageIdStart = at;
  header.messageIdEnd = bytes[at] === NIL && stop === at + 1 ? at : stop;

  at = stop + 1;
  if (at >= end) return 'broken';
  if (bytes[at] === NIL) at++;
  else at = parseStructuredData(bytes, at, end, header);
  if (at < 0 || (at < end && bytes[at] !== SPACE)) return 'broken';
  header.format = RFC_5424;
  readMessage(bytes, at, end, header);
  return 'parsed';
}

/** The version, 1 to 999, and the space behind it. Returns where the space is, or -1. */
function readVersion(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  let version = 0;
  let at = start;
  for (; at < end && at < start + 3; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    version = version * 10 + digit;
  }
  if (at === start || bytes[start] === 0x30 || at >= end || bytes[at] !== SPACE) return -1;
  header.version = version;
  return at;
}

/** The message behind the space at `at`; there may be none. */
function readMessage(bytes: Uint8Array, at: number, end: number, header: SyslogHeader): void {
  if (at >= end) {
    header.messageStart = end;
    return;
  }
  const start = at + 1;
  const marked = end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
  header.byteOrderMark = marked;
  header.messageStart = marked ? start + 3 : start;
  // A message without text and none at all look alike in the record.
  if (start === end) header.canonical = false;
}

/** `[id name="value" …]…` from `start` (RFC 5424 §6.3). Returns where it ends, or -1 where it is not well formed. */
function parseStructuredData(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  let at = start;
  let used = 0;
  let elements = 0;
  while (at < end && bytes[at] === OPENING) {
    const idStart = at + 1;
    at = nameEnd(bytes, idStart, end);
    if (at === idStart) return -1;
    const marks = header.reserveMarks(used, 3);
    const element = used;
    marks[element] = idStart;
    marks[element + 1] = at;
    marks[element + 2] = 0;
    used += 3;
    while (at < end && bytes[at] === SPACE) {
      at++;
      if (at < end && (bytes[at] === SPACE || bytes[at] === CLOSING)) {
        header.canonical = false;
        continue;
      }
      at = parseParameter(bytes, at, end, used, header);
      if (at < 0) return -1;
      if (header.canonical) checkName(bytes, header, element + 3, used, 4);
      header.marks[element + 2]!++;
      used += 4;
    }
    if (at >= end || bytes[at] !== CLOSING) return -1;
    at++;
    elements++;
    if (header.canonical) checkId(bytes, header, elements);
  }
  header.elements = elements;
  return elements === 0 ? -1 : at;
}

function parseParameter(bytes: Uint8Array, start: number, end: number, mark: number, header: SyslogHeader): number {
  let at = nameEnd(bytes, start, end);
  if (at === start || at + 1 >= end || bytes[at] !== EQUALS || bytes[at + 1] !== QUOTE) return -1;
  const marks = header.reserveMarks(mark, 4);
  marks[mark] = start;
  marks[mark + 1] = at;
  at += 2;
  marks[mark + 2] = at;
  let escaped = false;
  for (; ; at++) {
    if (at >= end) return -1;
    const byte = bytes[at]!;
    if (byte > CLOSING || byte === SPACE) continue;
    if (byte === QUOTE) break;
    if (byte === BACKSLASH) {
      if (at + 1 < end && isEscapable(bytes[at + 1]!)) {
        escaped = true;
        at++;
      } else {
        // §6.3.3: a backslash before anything else is a backslash.
        header.canonical = false;
      }
    } else if (byte === CLOSING) {
      header.canonical = false;
    }
  }
  marks[mark + 3] = escaped ? ~at : at;
  return at + 1;
}

export function isEscapable(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || byte === CLOSING;
}

function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && NAME_BYTES[bytes[at]!] === 1) at++;
  return at;
}

/**
 * A JSON object cannot hold a name twice, and its readers put names that are numbers first: such names make the line one whose fields
 * do not give its bytes back. Compares the name whose mark is `mark` with those before it, from mark `first` on, `step` apart.
 */
function checkName(bytes: Uint8Array, header: SyslogHeader, first: number, mark: number, step: number): void {
  const { marks } = header;
  const start = marks[mark]!;
  const length = marks[mark + 1]! - start;
  if (mark - first >= COMPARED_MAX * step || isNumber(bytes, start, start + length)) {
    header.canonical = false;
    return;
  }
  for (let other = first; other < mark; other += step) {
    if (length === marks[other + 1]! - marks[other]! && sameBytes(bytes, marks[other]!, start, length))
      header.canonical = false;
  }
}

/** The same for the id of the last of `elements` elements. */
function checkId(bytes: Uint8Array, header: SyslogHeader, elements: number): void {
  const { marks } = header;
  let last = 0;
  for (let i = 1; i < elements; i++) last += 3 + 4 * marks[last + 2]!;
  const start = marks[last]!;
  const length = marks[last + 1]! - start;
  if (elements > COMPARED_MAX || isNumber(bytes, start, start + length)) {
    header.canonical = false;
    return;
  }
  for (let other = 0; other < last; other += 3 + 4 * marks[other + 2]!) {
    if (length === marks[other + 1]! - marks[other]! && sameBytes(bytes, marks[other]!, start, length))
      header.canonical = false;
  }
}

function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  return true;
}

function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

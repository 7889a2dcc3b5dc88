import { PRIORITY_MAX } from '../record/severity.ts';

/** The values of `spillway.format`; a header's `format` is an index into them. */
export const SYSLOG_FORMATS = ['text', 'rfc3164', 'rfc3339', 'cisco', 'rfc5424'] as const;

export const TEXT = 0;
export const RFC_3164 = 1;
/** RFC 3164's layout with an RFC 3339 time, as Go's log/syslog and rsyslog's forward format write it. */
export const RFC_3339 = 2;
export const CISCO = 3;
export const RFC_5424 = 4;

/** No time in the line. */
export const TIME_MISSING = 0;
/** Something in the place of the time that is none, or a date that does not exist. */
export const TIME_INVALID = 1;
/** A time with its offset from UTC, in `epochMs`. */
export const TIME_ABSOLUTE = 2;
/** A time of some place's clock, in `year` to `second`. */
export const TIME_LOCAL = 3;

/**
 * What a line says, as offsets into it: an empty range is a field that is not there. One object serves all lines, so that parsing
 * makes no garbage.
 */
export class SyslogHeader {
  format = TEXT;
  /** -1 where there is none. */
  priority = -1;
  /** True where something stands in the place of the priority that is none. */
  priorityInvalid = false;
  /** True where the line is not understood: then all of it is the message. */
  unparsed = false;
  /** True where the fields, written in the format's plain form, give back every byte of the line. */
  canonical = true;
  version = 0;

  time = TIME_MISSING;
  timeStart = 0;
  timeEnd = 0;
  fractionStart = 0;
  fractionEnd = 0;
  /** For `TIME_ABSOLUTE`. */
  epochMs = 0;
  /** For `TIME_ABSOLUTE`: true where the text ends in `Z` and can be copied as it is. */
  zulu = false;
  /** For `TIME_LOCAL`: 0 where the line has no year. */
  year = 0;
  month = 0;
  day = 0;
  hour = 0;
  minute = 0;
  second = 0;
  /** For `TIME_LOCAL`: true where the line itself says that the time is UTC. */
  localIsUtc = false;

  hostStart = 0;
  hostEnd = 0;
  appStart = 0;
  appEnd = 0;
  processStart = 0;
  processEnd = 0;
  messageIdStart = 0;
  messageIdEnd = 0;
  /** Where the message begins; it goes up to the line's end. */
  messageStart = 0;
  /** True where a byte order mark stands before the message (RFC 5424 §6.4); `messageStart` is behind it. */
  byteOrderMark = false;

  /**
   * The structured data: for each of `elements` the bounds of its id and the number of its parameters, then for each parameter the
   * bounds of its name and of its value. A value's end is written as its complement where the value has escapes.
   */
  marks = new Int32Array(256);
  elements = 0;

  /** Makes room for `count` more marks behind the first `used`. */
  reserveMarks(used: number, count: number): Int32Array {
    if (used + count > this.marks.length) {
      const grown = new Int32Array(2 * (used + count));
      grown.set(this.marks);
      this.marks = grown;
    }
    return this.marks;
  }

  /** All fields empty: the whole line, from `start` up to `end`, is the message. */
  clear(start: number): void {
    this.format = TEXT;
    this.unparsed = false;
    this.canonical = true;
    this.version = 0;
    this.time = TIME_MISSING;
    this.hostStart = this.hostEnd = start;
    this.appStart = this.appEnd = start;
    this.processStart = this.processEnd = start;
    this.messageIdStart = this.messageIdEnd = start;
    this.messageStart = start;
    this.byteOrderMark = false;
    this.elements = 0;
  }
}

const LESS_THAN = 0x3c;
const GREATER_THAN = 0x3e;
const PRIORITY_LOOK_MAX = 24;

/**
 * Reads `<0>` to `<191>`, without leading zeros (RFC 5424 §6.2.1), and returns where the line goes on: `start` where there is no valid
 * priority. `<192>`, `<-1>`, `<>`, `<007>` and their like set `priorityInvalid`.
 */
export function parsePriority(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  header.priority = -1;
  header.priorityInvalid = false;
  if (start >= end || bytes[start] !== LESS_THAN) return start;
  let value = 0;
  let at = start + 1;
  for (const limit = Math.min(end, start + 4); at < limit; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const digits = at - start - 1;
  const plain = digits === 1 || (digits > 0 && bytes[start + 1] !== 0x30);
  if (at < end && bytes[at] === GREATER_THAN && plain && value <= PRIORITY_MAX) {
    header.priority = value;
    return at + 1;
  }
  header.priorityInvalid = looksLikePriority(bytes, start, end);
  return start;
}

function looksLikePriority(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start + 1; i < end && i < start + PRIORITY_LOOK_MAX; i++) {
    const byte = bytes[i]!;
    if (byte === GREATER_THAN) return true;
    const signOrDigit = (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d;
    if (!signOrDigit) return false;
  }
  return false;
}

/** Where the next space is, or `end`. */
export function spaceAfter(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== 0x20) at++;
  return at;
}

/** `-` and nothing else (RFC 5424 §6: NILVALUE). */
export function isNil(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 && bytes[start] === 0x2d;
}

import { sourceOf, type Source } from '../record/line-writer.ts';
import { daysInMonth, digits2, parseRfc3339, rfc3339Time } from '../record/time.ts';
import { TIME_ABSOLUTE, TIME_INVALID, TIME_LOCAL, spaceAfter, type SyslogHeader } from './syslog-header.ts';

const SPACE = 0x20;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map(
  (name) => (name.charCodeAt(0) << 16) | (name.charCodeAt(1) << 8) | name.charCodeAt(2),
);
/** The longest RFC 3339 time: nine digits of fraction and an offset. */
const RFC_3339_LENGTH_MAX = 35;

const upperCased = sourceOf(Buffer.alloc(RFC_3339_LENGTH_MAX));

/** Whether `2026-11-22` and a byte more stand here. */
export function looksLikeDate(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start > 10 &&
    digits2(bytes, start) >= 0 &&
    digits2(bytes, start + 2) >= 0 &&
    bytes[start + 4] === 0x2d &&
    digits2(bytes, start + 5) >= 0 &&
    bytes[start + 7] === 0x2d
  );
}

/** Puts the RFC 3339 time that stands in exactly these bytes into the header; `TIME_INVALID` where it is none. */
export function readRfc3339(source: Source, start: number, end: number, header: SyslogHeader): void {
  header.timeStart = start;
  header.timeEnd = end;
  if (!parseRfc3339(source, start, end)) {
    header.canonical = false;
    if (!parseLowerCase(source, start, end)) {
      header.time = TIME_INVALID;
      return;
    }
    // The offsets are those of the copy.
    rfc3339Time.fractionStart += start;
    rfc3339Time.fractionEnd += start;
    rfc3339Time.zulu = false;
  }
  header.time = TIME_ABSOLUTE;
  header.epochMs = rfc3339Time.epochMs;
  header.zulu = rfc3339Time.zulu;
  header.fractionStart = rfc3339Time.fractionStart;
  header.fractionEnd = rfc3339Time.fractionEnd;
  // In UTC the year may be one that cannot be written with four digits.
  if (header.epochMs < EPOCH_MS_MIN || header.epochMs > EPOCH_MS_MAX) {
    header.time = TIME_INVALID;
    header.canonical = false;
  }
}

/** 0000-01-01T00:00:00Z and the last millisecond of 9999. */
const EPOCH_MS_MIN = -62_167_219_200_000;
const EPOCH_MS_MAX = 253_402_300_799_999;

/** RFC 3339 allows `t` and `z`, RFC 5424 §6.2.3 does not. */
function parseLowerCase(source: Source, start: number, end: number): boolean {
  const length = end - start;
  if (length > RFC_3339_LENGTH_MAX) return false;
  for (let i = 0; i < length; i++) {
    const byte = source.bytes[start + i]!;
    upperCased.bytes[i] = byte === 0x74 || byte === 0x7a ? byte - 0x20 : byte;
  }
  return parseRfc3339(upperCased, 0, length);
}

/**
 * Reads the time at the start of a line that is not RFC 5424: `Oct 11 22:14:15` (RFC 3164 §4.1.2) with its mutations (day padded by
 * zero or not at all, a year before or after the day, a fraction), RFC 3339, `2026-10-11 22:14:15`. Returns where the line
 * goes on, right behind the time; `start` where there is none.
 */
export function readLineTime(source: Source, start: number, end: number, header: SyslogHeader): number {
  const { bytes } = source;
  const first = start < end ? bytes[start]! : 0;
  if (first >= 0x41 && first <= 0x53) return readMonthDay(bytes, start, end, 0, header);
  if (first < 0x30 || first > 0x39) return start;
  if (looksLikeDate(bytes, start, end)) {
    const separator = bytes[start + 10]!;
    if (separator === SPACE) return readSpacedTime(bytes, start, end, header);
    if (separator !== 0x54 && separator !== 0x74) return start;
    let stop = spaceAfter(bytes, start, end);
    if (bytes[stop - 1] === 0x3a) stop--;
    readRfc3339(source, start, stop, header);
    return stop;
  }
  const year = digits4(bytes, start);
  if (end - start > 5 && year > 0 && bytes[start + 4] === SPACE) {
    const stop = readMonthDay(bytes, start + 5, end, year, header);
    if (stop === start + 5) return start;
    header.timeStart = start;
    header.canonical = false;
    return stop;
  }
  return start;
}

function readMonthDay(bytes: Uint8Array, start: number, end: number, yearBefore: number, header: SyslogHeader): number {
  if (end - start < 14 || bytes[start + 3] !== SPACE) return start;
  const month = MONTHS.indexOf((bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!) + 1;
  if (month === 0) return start;
  let at = start + 4;
  let canonical = true;
  let day: number;
  if (bytes[at] === SPACE) {
    day = digit(bytes, at + 1);
    at += 2;
  } else if (bytes[at + 1] === SPACE) {
    day = digit(bytes, at);
    canonical = false;
    at += 1;
  } else {
    day = digits2(bytes, at);
    canonical = day >= 10;
    at += 2;
  }
  if (day < 0 || bytes[at] !== SPACE) return start;
  at++;
  let year = yearBefore;
  if (at + 5 < end && bytes[at + 4] === SPACE && digits4(bytes, at) > 0) {
    year = digits4(bytes, at);
    canonical = false;
    at += 5;
  }
  const stop = readClock(bytes, at, end, header);
  if (stop < 0) return start;
  header.timeStart = start;
  header.timeEnd = stop;
  if (!canonical || stop !== at + 8) header.canonical = false;
  setDate(header, year, month, day);
  return stop;
}

function readSpacedTime(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  const day = digits2(bytes, start + 8);
  const stop = day < 0 ? -1 : readClock(bytes, start + 11, end, header);
  if (stop < 0) return start;
  header.timeStart = start;
  header.timeEnd = stop;
  header.canonical = false;
  setDate(header, digits4(bytes, start), digits2(bytes, start + 5), day);
  return stop;
}

/** `22:14:15`, and a fraction where there is one. Returns where it ends, or -1. */
function readClock(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  if (end - start < 8 || bytes[start + 2] !== 0x3a || bytes[start + 5] !== 0x3a) return -1;
  header.hour = digits2(bytes, start);
  header.minute = digits2(bytes, start + 3);
  header.second = digits2(bytes, start + 6);
  if (header.hour < 0 || header.minute < 0 || header.second < 0) return -1;
  let at = start + 8;
  header.fractionStart = header.fractionEnd = at;
  if (at + 1 < end && (bytes[at] === 0x2e || bytes[at] === 0x2c) && digit(bytes, at + 1) >= 0) {
    at++;
    header.fractionStart = at;
    while (at < end && digit(bytes, at) >= 0) at++;
    header.fractionEnd = at;
  }
  // What follows must not belong to the number.
  return at === end || bytes[at] === SPACE || bytes[at] === 0x3a ? at : -1;
}

function setDate(header: SyslogHeader, year: number, month: number, day: number): void {
  header.year = year;
  header.month = month;
  header.day = day;
  header.localIsUtc = false;
  // Without a year the 29th of February may exist: a leap year stands in.
  const exists =
    month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year === 0 ? 2_000 : year, month) && header.hour < 24;
  const valid = exists && header.minute < 60 && header.second < 60 && header.fractionEnd - header.fractionStart <= 9;
  header.time = valid ? TIME_LOCAL : TIME_INVALID;
  if (!valid) header.canonical = false;
}

function digit(bytes: Uint8Array, at: number): number {
  const value = bytes[at]! - 0x30;
  return value >= 0 && value <= 9 ? value : -1;
}

function digits4(bytes: Uint8Array, at: number): number {
  const high = digits2(bytes, at);
  const low = digits2(bytes, at + 2);
  return high < 0 || low < 0 ? -1 : high * 100 + low;
}

import { daysFromCivil, daysInMonth, digits2 } from '../record/time.ts';

/** What `parseGoTime` found, as offsets. One object is used again for each time. */
export interface GoTime {
  /** Milliseconds since 1970, rounded down. */
  epochMs: number;
  /** Where the digits of the fraction stand; equal where there are none. */
  fractionStart: number;
  fractionEnd: number;
}

export const goTime: GoTime = { epochMs: 0, fractionStart: 0, fractionEnd: 0 };

/** No time that Go writes is longer: nine digits, a zone's name, and what its monotonic clock says. */
export const GO_TIME_BYTES_MAX = 96;

const SPACE = 0x20;
const DOT = 0x2e;
const ZONE_NAME_BYTES_MAX = 32;

/**
 * Reads `2026-08-21 05:58:10.80856216 +0000 UTC m=+0.1010` from exactly the bytes given: what Go's `time.Time.String` writes
 * (`time/format.go`: "2006-01-02 15:04:05.999999999 -0700 MST", and the monotonic clock where there is one). Returns false for anything
 * else, dates that do not exist included; true leaves the result in `goTime`.
 */
export function parseGoTime(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 28 || end - start > GO_TIME_BYTES_MAX) return false;
  const secondsMs = parseSeconds(bytes, start);
  if (Number.isNaN(secondsMs)) return false;
  let at = start + 19;
  let fraction = 0;
  let fractionStart = at;
  if (bytes[at] === DOT) {
    fractionStart = ++at;
    for (let weight = 100; at < end && isDigit(bytes[at]!); at++, weight /= 10)
      fraction += (bytes[at]! - 0x30) * weight;
    if (at === fractionStart || at - fractionStart > 9) return false;
  }
  const fractionEnd = at;
  const zoneStart = at;
  const offsetMinutes = parseOffset(bytes, zoneStart, end);
  if (Number.isNaN(offsetMinutes)) return false;
  at = readZoneName(bytes, zoneStart + 6, end);
  if (at < 0 || (at < end && !isMonotonic(bytes, at, end))) return false;
  goTime.epochMs = secondsMs + Math.floor(fraction) - offsetMinutes * 60_000;
  goTime.fractionStart = fractionStart;
  goTime.fractionEnd = fractionEnd;
  return goTime.epochMs >= EPOCH_MS_MIN && goTime.epochMs <= EPOCH_MS_MAX;
}

/** The milliseconds of the years 0 to 9999, which is what can be written. */
const EPOCH_MS_MIN = -62_167_219_200_000;
const EPOCH_MS_MAX = 253_402_300_799_999;

/** `2026-08-21 05:58:10` as milliseconds since 1970, as if it were UTC; NaN where it is no such time. */
function parseSeconds(bytes: Uint8Array, start: number): number {
  const separators =
    bytes[start + 4] === 0x2d &&
    bytes[start + 7] === 0x2d &&
    bytes[start + 10] === SPACE &&
    bytes[start + 13] === 0x3a &&
    bytes[start + 16] === 0x3a;
  const century = digits2(bytes, start);
  const yearOfCentury = digits2(bytes, start + 2);
  const month = digits2(bytes, start + 5);
  const day = digits2(bytes, start + 8);
  const hour = digits2(bytes, start + 11);
  const minute = digits2(bytes, start + 14);
  const second = digits2(bytes, start + 17);
  if (!separators || century < 0 || yearOfCentury < 0 || month < 1 || month > 12 || day < 1) return Number.NaN;
  const year = century * 100 + yearOfCentury;
  const exists = day <= daysInMonth(year, month) && hour >= 0 && hour < 24;
  if (!exists || minute < 0 || minute > 59 || second < 0 || second > 59) return Number.NaN;
  return ((daysFromCivil(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000;
}

/** ` +0800` in minutes; NaN where it is none. */
function parseOffset(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 6 || bytes[start] !== SPACE) return Number.NaN;
  const sign = bytes[start + 1] === 0x2b ? 1 : bytes[start + 1] === 0x2d ? -1 : 0;
  const hours = digits2(bytes, start + 2);
  const minutes = digits2(bytes, start + 4);
  return sign === 0 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59
    ? Number.NaN
    : sign * (hours * 60 + minutes);
}

/** ` UTC`, ` CST`, ` +08`: letters, digits and signs. Returns where it ends, or -1. */
function readZoneName(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== SPACE) return -1;
  let at = start + 1;
  for (; at < end && bytes[at] !== SPACE; at++) {
    const byte = bytes[at]!;
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    if (!letter && !isDigit(byte) && byte !== 0x2b && byte !== 0x2d) return -1;
  }
  const length = at - start - 1;
  return length === 0 || length > ZONE_NAME_BYTES_MAX ? -1 : at;
}

/** ` m=+0.101202150`: the seconds of the process’s own clock. */
function isMonotonic(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 7 || bytes[start] !== SPACE || bytes[start + 1] !== 0x6d || bytes[start + 2] !== 0x3d) return false;
  if (bytes[start + 3] !== 0x2b && bytes[start + 3] !== 0x2d) return false;
  let dots = 0;
  for (let at = start + 4; at < end; at++) {
    if (bytes[at] === DOT) dots++;
    else if (!isDigit(bytes[at]!)) return false;
  }
  return dots === 1 && isDigit(bytes[start + 4]!) && isDigit(bytes[end - 1]!);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

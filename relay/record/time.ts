import { sourceOf, type Source } from './line-writer.ts';

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Months from 1. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Writes `ms` as `2026-11-22T05:20:10.123Z`, 24 bytes, at `position`. For the years 0 to 9999. */
export function writeIsoTime(out: Uint8Array, position: number, ms: number): void {
  const days = Math.floor(ms / 86_400_000);
  let rest = ms - days * 86_400_000;
  if (days !== lastDays) rememberDate(days);
  out.set(lastDate, position);
  const hour = Math.floor(rest / 3_600_000);
  rest -= hour * 3_600_000;
  const minute = Math.floor(rest / 60_000);
  rest -= minute * 60_000;
  const second = Math.floor(rest / 1_000);
  rest -= second * 1_000;
  twoDigits(out, position + 11, hour);
  out[position + 13] = 0x3a;
  twoDigits(out, position + 14, minute);
  out[position + 16] = 0x3a;
  twoDigits(out, position + 17, second);
  out[position + 19] = 0x2e;
  out[position + 20] = 0x30 + Math.floor(rest / 100);
  twoDigits(out, position + 21, rest % 100);
  out[position + 23] = 0x5a;
}

export const ISO_TIME_LENGTH = 24;

// The date part is the same for a whole day, so the last one is kept: `2026-11-22T`.
let lastDays = Number.NaN;
const lastDate = Buffer.from('1970-01-01T');

function rememberDate(days: number): void {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  twoDigits(lastDate, 0, Math.floor(year / 100));
  twoDigits(lastDate, 2, year % 100);
  twoDigits(lastDate, 5, month);
  twoDigits(lastDate, 8, day);
  lastDays = days;
}

function twoDigits(out: Uint8Array, position: number, value: number): void {
  const tens = Math.floor(value / 10);
  out[position] = 0x30 + tens;
  out[position + 1] = 0x30 + value - tens * 10;
}

/** What `parseRfc3339` found. One object is used again for each line, so read it before the next call. */
export interface Rfc3339Time {
  /** Milliseconds since 1970, rounded down. */
  epochMs: number;
  /** Minutes east of Greenwich; 0 for `Z`. */
  offsetMinutes: number;
  /** True for `Z`, false for a numeric offset. */
  zulu: boolean;
  /** Where the digits of the fraction stand; equal where there are none. */
  fractionStart: number;
  fractionEnd: number;
}

export const rfc3339Time: Rfc3339Time = {
  epochMs: 0,
  offsetMinutes: 0,
  zulu: true,
  fractionStart: 0,
  fractionEnd: 0,
};

// The day is mostly that of the line before: its 11 bytes, `2026-11-22T`, are compared instead of read again.
let dayA = 0;
let dayB = 0;
let dayC = 0;
let dayMs = Number.NaN;

/**
 * Reads `2026-11-22T05:20:10.123456+02:00` (RFC 3339 §5.6, upper-case T and Z, up to 9 digits of fraction; no leap second, as RFC
 * 5424 §6.2.3 has it) from exactly the bytes given. Returns false for anything else, dates that do not exist included; true
 * leaves the result in `rfc3339Time`.
 */
export function parseRfc3339(source: Source, start: number, end: number): boolean {
  const { bytes, view } = source;
  if (end - start < 20) return false;
  const a = view.getInt32(start, true);
  const b = view.getInt32(start + 4, true);
  const c = view.getInt32(start + 7, true);
  if (a !== dayA || b !== dayB || c !== dayC || Number.isNaN(dayMs)) {
    const ms = parseDay(bytes, start);
    if (Number.isNaN(ms)) return false;
    dayA = a;
    dayB = b;
    dayC = c;
    dayMs = ms;
  }
  if (bytes[start + 13] !== 0x3a) return false;
  const hour = digits2(bytes, start + 11);
  const minute = digits2(bytes, start + 14);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  if (bytes[start + 16] !== 0x3a) return false;
  const second = digits2(bytes, start + 17);
  if (second < 0 || second > 59) return false;
  let at = start + 19;
  let fraction = 0;
  let fractionStart = at;
  let fractionEnd = at;
  if (bytes[at] === 0x2e) {
    at++;
    fractionStart = at;
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      // Milliseconds; what comes behind them is cut off.
      const place = at - fractionStart;
      if (place < 3) fraction += digit * MILLISECONDS_OF_PLACE[place]!;
    }
    fractionEnd = at;
    if (fractionEnd === fractionStart || fractionEnd - fractionStart > 9) return false;
  }
  let offset = 0;
  let zulu = false;
  if (bytes[at] === 0x5a && at + 1 === end) {
    zulu = true;
  } else {
    const sign = bytes[at] === 0x2b ? 1 : bytes[at] === 0x2d ? -1 : 0;
    if (sign === 0 || at + 6 !== end || bytes[at + 3] !== 0x3a) return false;
    const hours = digits2(bytes, at + 1);
    const minutes = digits2(bytes, at + 4);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    offset = sign * (hours * 60 + minutes);
  }
  const time = rfc3339Time;
  time.epochMs = dayMs + (hour * 3_600 + minute * 60 + second) * 1_000 + fraction - offset * 60_000;
  time.offsetMinutes = offset;
  time.zulu = zulu;
  time.fractionStart = fractionStart;
  time.fractionEnd = fractionEnd;
  return true;
}

/** What one in the first, second and third place behind the point stands for. */
const MILLISECONDS_OF_PLACE = [100, 10, 1];

/** `2026-11-22T` as milliseconds since 1970; NaN where it is no such date. */
function parseDay(bytes: Uint8Array, start: number): number {
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d || bytes[start + 10] !== 0x54) return Number.NaN;
  const century = digits2(bytes, start);
  const yearOfCentury = digits2(bytes, start + 2);
  const month = digits2(bytes, start + 5);
  const day = digits2(bytes, start + 8);
  if (century < 0 || yearOfCentury < 0 || month < 1 || month > 12 || day < 1) return Number.NaN;
  const year = century * 100 + yearOfCentury;
  return day > daysInMonth(year, month) ? Number.NaN : daysFromCivil(year, month, day) * 86_400_000;
}

/** Two decimal digits; -1 where they are none. */
export function digits2(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

/** A 24-byte ISO time that can be written anew in place. */
export class IsoClockText {
  readonly source: Source = sourceOf(Buffer.alloc(ISO_TIME_LENGTH));

  set(ms: number): void {
    writeIsoTime(this.source.bytes, 0, ms);
  }
}

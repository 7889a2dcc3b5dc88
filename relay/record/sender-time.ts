import type { LineWriter, Source } from './line-writer.ts';
import { ISO_TIME_LENGTH, parseRfc3339, rfc3339Time, writeIsoTime } from './time.ts';

/** A point in time with the precision that its sender gave. */
export interface SenderTime {
  /** Whole seconds since 1970, rounded down. */
  seconds: number;
  nanos: number;
  /** Digits of the fraction that mean something, 0 to 9. */
  digits: number;
  /** True where the sender gave more digits than are kept. */
  cut: boolean;
}

/** 0000-01-01 and 10000-01-01: what an ISO 8601 year of four digits can say. */
const SECONDS_MIN = -62_167_219_200;
const SECONDS_END = 253_402_300_800;
/** A smaller number (before March 1973) is a duration, a counter or a clock that was never set: no time of an event. */
const NUMBER_SECONDS_MIN = 100_000_000;

/** RFC 3339 text, or a number as text. False, and `time` of no use, for anything else. */
export function readTimeText(source: Source, start: number, end: number, time: SenderTime): boolean {
  if (!parseRfc3339(source, start, end)) return readTimeNumber(source, start, end, time);
  const { epochMs, fractionStart, fractionEnd } = rfc3339Time;
  time.seconds = Math.floor(epochMs / 1_000);
  time.nanos = 0;
  time.digits = fractionEnd - fractionStart;
  time.cut = false;
  for (let i = 0; i < 9; i++) {
    const at = fractionStart + i;
    time.nanos = time.nanos * 10 + (at < fractionEnd ? source.bytes[at]! - 0x30 : 0);
  }
  return time.seconds >= SECONDS_MIN && time.seconds < SECONDS_END;
}

/**
 * A number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by how large it is, with or without a
 * fraction. Read digit by digit, since a double has no room for nanoseconds.
 */
export function readTimeNumber(source: Source, start: number, end: number, time: SenderTime): boolean {
  const { bytes } = source;
  let point = start;
  while (point < end && isDigit(bytes[point]!)) point++;
  const whole = point - start;
  if (whole < 9 || whole > 19) return false;
  const perSecondDigits = whole <= 11 ? 0 : whole <= 14 ? 3 : whole <= 17 ? 6 : 9;
  const secondsEnd = point - perSecondDigits;
  let seconds = 0;
  for (let at = start; at < secondsEnd; at++) seconds = seconds * 10 + bytes[at]! - 0x30;
  let nanos = 0;
  let digits = 0;
  for (let at = secondsEnd; at < point; at++, digits++) nanos = nanos * 10 + bytes[at]! - 0x30;
  time.cut = false;
  if (point < end) {
    if (bytes[point] !== 0x2e || point + 1 === end) return false;
    for (let at = point + 1; at < end; at++) {
      if (!isDigit(bytes[at]!)) return false;
      if (digits >= 9) {
        time.cut = true;
      } else {
        nanos = nanos * 10 + bytes[at]! - 0x30;
        digits++;
      }
    }
  }
  time.digits = digits;
  for (; digits < 9; digits++) nanos *= 10;
  time.seconds = seconds;
  time.nanos = nanos;
  return seconds >= NUMBER_SECONDS_MIN && seconds < SECONDS_END;
}

/** The time as a protocol gave it, in seconds and nanoseconds. False where it is none. */
export function setTime(seconds: number, nanos: number, digits: number, time: SenderTime): boolean {
  time.seconds = seconds;
  time.nanos = nanos;
  time.digits = digits;
  time.cut = false;
  return seconds >= NUMBER_SECONDS_MIN && seconds < SECONDS_END && nanos >= 0 && nanos < 1_000_000_000;
}

/** Writes ISO 8601 in UTC with the sender's precision, at least milliseconds. */
export function writeTime(writer: LineWriter, time: SenderTime): void {
  const millis = Math.floor(time.nanos / 1_000_000);
  writeIsoTime(writer.bytes, writer.position, time.seconds * 1_000 + millis);
  if (time.digits <= 3) {
    writer.position += ISO_TIME_LENGTH;
    return;
  }
  writer.position += ISO_TIME_LENGTH - 1;
  const { bytes, position } = writer;
  // From the last digit to the first, in 32-bit integers.
  let rest = (time.nanos - millis * 1_000_000) | 0;
  for (let i = 8; i >= 3; i--) {
    const tens = (rest / 10) | 0;
    if (i < time.digits) bytes[position + i - 3] = 0x30 + rest - tens * 10;
    rest = tens;
  }
  writer.position = position + time.digits - 3;
  writer.byte(0x5a);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

import type { Source } from '../record/line-writer.ts';
import { CISCO, RFC_3164, RFC_3339, TIME_MISSING, spaceAfter, type SyslogHeader } from './syslog-header.ts';
import { looksLikeDate, readLineTime } from './syslog-time.ts';

const SPACE = 0x20;
const PERCENT = 0x25;
const ASTERISK = 0x2a;
const DASH = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const OPENING = 0x5b;
const CLOSING = 0x5d;

const HOST_BYTES_MAX = 255;
const TAG_BYTES_MAX = 128;
const SEQUENCE_DIGITS_MAX = 20;

/** The bytes of host names and addresses, `_` and `/` included, since hosts use them; and all that is not ASCII. */
const HOST_BYTES = new Uint8Array(256).fill(1, 0x80);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:-_/@'))
  HOST_BYTES[byte] = 1;

const REPEATED = ['last message repeated ', 'message repeated '].map((text) => Buffer.from(text));

/**
 * Parses what follows the priority of a line that is not RFC 5424, from `start`: RFC 3164 (§4.1) as it is written in practice, which is
 * with any part left out. Without a priority a line must have a time and a tag, so that not every text with a date in it
 * becomes one. Returns false where the line is none of this.
 */
export function parseRfc3164(source: Source, start: number, end: number, header: SyslogHeader): boolean {
  const { bytes } = source;
  const timeEnd = readLineTime(source, start, end, header);
  if (timeEnd === start) {
    if (parseCisco(source, start, end, header)) return true;
    header.clear(start);
    if (header.priority < 0) return false;
    header.format = RFC_3164;
    const stop = spaceAfter(bytes, start, end);
    if (!readTag(bytes, start, stop, end, header)) header.messageStart = start;
    return true;
  }
  const absolute = looksLikeDate(bytes, start, end) && bytes[start + 10] !== SPACE;
  header.format = absolute ? RFC_3339 : RFC_3164;
  readAfterTime(bytes, timeEnd, end, header);
  if (header.priority >= 0 || header.format === CISCO || header.appEnd > header.appStart) return true;
  return isRepetition(bytes, header.messageStart, end);
}

function readAfterTime(bytes: Uint8Array, timeEnd: number, end: number, header: SyslogHeader): void {
  if (timeEnd === end) {
    header.messageStart = end;
    return;
  }
  let at = timeEnd + 1;
  if (bytes[timeEnd] === COLON) {
    // Cisco's ASA: `Oct 11 2026 22:14:15: %ASA-6-302013: …`.
    header.canonical = false;
    if (at < end && bytes[at] === SPACE) at++;
    readTagOrMessage(bytes, at, end, header);
    return;
  }
  const zoneEnd = readZone(bytes, at, end, header);
  if (zoneEnd > at) {
    readTagOrMessage(bytes, zoneEnd, end, header);
    return;
  }
  readHostAndTag(bytes, at, end, header);
}

function readHostAndTag(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): void {
  let stop = spaceAfter(bytes, start, end);
  if (readTag(bytes, start, stop, end, header)) return;
  header.messageStart = start;
  if (start === end) header.canonical = false;
  if (!isHost(bytes, start, stop) || isRepetition(bytes, start, end)) return;
  header.hostStart = start;
  header.hostEnd = stop;
  header.messageStart = end;
  if (stop === end) return;
  let at = stop + 1;
  stop = spaceAfter(bytes, at, end);
  if (stop === at + 1 && bytes[at] === COLON && stop < end) {
    // ASA again: `host : %ASA-6-302013: …`.
    header.canonical = false;
    at = stop + 1;
  }
  readTagOrMessage(bytes, at, end, header);
}

function readTagOrMessage(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): void {
  if (readTag(bytes, start, spaceAfter(bytes, start, end), end, header)) return;
  header.messageStart = start;
  if (start === end) header.canonical = false;
}

/**
 * Takes the word from `start` to `stop` for a tag, and what follows it for the message, if it is one: `app:`, `app[123]:`, `app[123]`,
 * Cisco's `%SYS-5-CONFIG_I:`. A colon inside a word makes no tag, so that `http://…` is none.
 */
function readTag(bytes: Uint8Array, start: number, stop: number, end: number, header: SyslogHeader): boolean {
  const length = stop - start;
  if (length < 2 || length > TAG_BYTES_MAX) return false;
  const colon = bytes[stop - 1] === COLON;
  const tagEnd = colon ? stop - 1 : stop;
  if (colon && bytes[start] === PERCENT && isMnemonic(bytes, start + 1, tagEnd)) {
    header.format = CISCO;
    header.canonical = false;
    header.messageIdStart = start + 1;
    header.messageIdEnd = tagEnd;
  } else if (bytes[tagEnd - 1] === CLOSING) {
    let bracket = tagEnd - 2;
    while (bracket > start && bytes[bracket] !== OPENING) bracket--;
    const empty = bracket === tagEnd - 2;
    if (bracket === start || (!colon && (empty || !isDigits(bytes, bracket + 1, tagEnd - 1)))) return false;
    if (!colon || empty) header.canonical = false;
    header.appStart = start;
    header.appEnd = bracket;
    header.processStart = bracket + 1;
    header.processEnd = tagEnd - 1;
  } else if (colon) {
    header.appStart = start;
    header.appEnd = tagEnd;
  } else {
    return false;
  }
  header.messageStart = stop < end ? stop + 1 : end;
  if (stop === end - 1) header.canonical = false;
  return true;
}

/**
 * Cisco's own header: `123: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: …`, with a host before the time where `logging origin-id` is
 * set, without the number or the time, or with a colon alone in the number's place (NX-OS). Its raw line is always kept.
 */
function parseCisco(source: Source, start: number, end: number, header: SyslogHeader): boolean {
  const { bytes } = source;
  let at = skipSequence(bytes, start, end);
  let timeStart = skipMark(bytes, at, end);
  let next = readLineTime(source, timeStart, end, header);
  if (next === timeStart && at > start) {
    const stop = spaceAfter(bytes, at, end);
    if (stop < end && stop - at > 1 && bytes[stop - 1] === COLON && isHost(bytes, at, stop - 1)) {
      header.hostStart = at;
      header.hostEnd = stop - 1;
      at = stop + 1;
      timeStart = skipMark(bytes, at, end);
      next = readLineTime(source, timeStart, end, header);
    }
  }
  if (next === timeStart) {
    header.time = TIME_MISSING;
  } else {
    at = next + 1;
    if (at < end && bytes[next] === COLON && bytes[at] === SPACE) at++;
    else at = readZone(bytes, at, end, header);
  }
  if (at >= end || bytes[at] !== PERCENT) return false;
  return readTag(bytes, at, spaceAfter(bytes, at, end), end, header) && header.format === CISCO;
}

/** `123: ` or `: `. */
function skipSequence(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && at - start < SEQUENCE_DIGITS_MAX && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at + 1 < end && bytes[at] === COLON && bytes[at + 1] === SPACE ? at + 2 : start;
}

/** `*`: the clock was never set; `.`: it has lost its source. */
function skipMark(bytes: Uint8Array, start: number, end: number): number {
  return start < end && (bytes[start] === ASTERISK || bytes[start] === DOT) ? start + 1 : start;
}

/** A zone's name before a colon, `UTC: `. Only UTC is understood; other names do not say which zone they are. */
function readZone(bytes: Uint8Array, start: number, end: number, header: SyslogHeader): number {
  let at = start;
  while (at < end && at - start < 5 && bytes[at]! >= 0x41 && bytes[at]! <= 0x5a) at++;
  const isZone = at - start >= 2 && at + 2 < end && bytes[at] === COLON && bytes[at + 1] === SPACE;
  if (!isZone || bytes[at + 2] !== PERCENT) return start;
  header.canonical = false;
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + start, at - start).toString('latin1');
  header.localIsUtc = name === 'UTC' || name === 'GMT';
  return at + 2;
}

/** `SYS-5-CONFIG_I`: letters and digits in three parts or more. */
function isMnemonic(bytes: Uint8Array, start: number, end: number): boolean {
  let dashes = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === DASH) dashes++;
    else if (HOST_BYTES[byte] !== 1) return false;
  }
  return dashes >= 2;
}

function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > HOST_BYTES_MAX) return false;
  for (let i = start; i < end; i++) if (HOST_BYTES[bytes[i]!] !== 1) return false;
  return true;
}

function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  return end > start;
}

/** `last message repeated 3 times`, which syslogd writes with neither host nor tag. */
function isRepetition(bytes: Uint8Array, start: number, end: number): boolean {
  return REPEATED.some((text) => end - start > text.length && text.every((byte, i) => bytes[start + i] === byte));
}

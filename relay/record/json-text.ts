import type { LineWriter, Source } from './line-writer.ts';
import { utf8SequenceLength } from './utf8.ts';

/**
 * JSON text, as a sender wrote it, into JSON text as the relay writes it: no white space, valid UTF-8, `\u` escapes only where JSON
 * or a reader of lines needs them. Numbers keep every digit. RFC 8259.
 */

/** What a piece of JSON text holds beside plain ASCII, as the scanner found it. */
export const TRAIT_ESCAPE = 1;
/** An escape that is written in another way than the relay writes it: `\u…` or `\/`. */
export const TRAIT_REWRITE = 2;
/** Half a surrogate pair as an escape; its other half may be missing. */
export const TRAIT_SURROGATE = 4;
export const TRAIT_HIGH = 8;
/** Tabs or line ends between the tokens. */
export const TRAIT_SPACE = 16;

const NOT_VERBATIM = TRAIT_REWRITE | TRAIT_SURROGATE | TRAIT_HIGH | TRAIT_SPACE;
const MAY_BE_LOSSY = TRAIT_SURROGATE | TRAIT_HIGH;

/** Bits of what `findLosses` finds. */
export const LOSS_BYTES = 1;
export const LOSS_SURROGATE = 2;

/**
 * Fluent Bit writes a byte 0xNN that is no UTF-8 as a raw U+E0NN, and valid text beyond ASCII always as `\u` escapes: so a raw
 * U+E080 to U+E0FF from it is that byte. `plain` is every other sender.
 */
export type Dialect = 'plain' | 'fluent_bit';

/** Writes a valid JSON value. Sets the writer's `lossy` where U+FFFD had to be put in. */
export function writeJsonValue(
  writer: LineWriter,
  source: Source,
  start: number,
  end: number,
  traits: number,
  dialect: Dialect,
): void {
  if ((traits & NOT_VERBATIM) === 0) return writer.copy(source, start, end);
  const { bytes } = source;
  for (let at = start; at < end;) {
    const byte = bytes[at]!;
    if (byte === 0x22) {
      const close = closingQuote(bytes, at + 1);
      writer.byte(0x22);
      writeJsonString(writer, source, at + 1, close, traits, dialect);
      writer.byte(0x22);
      at = close + 1;
    } else {
      if (byte > 0x20) writer.byte(byte);
      at++;
    }
  }
}

/** Writes the inside of a valid JSON string as the inside of a JSON string. */
export function writeJsonString(
  writer: LineWriter,
  source: Source,
  start: number,
  end: number,
  traits: number,
  dialect: Dialect,
): void {
  if ((traits & NOT_VERBATIM) === 0) return writer.copy(source, start, end);
  if ((traits & TRAIT_HIGH) === 0) return writeAsciiString(writer, source, start, end);
  const { bytes } = source;
  let run = start;
  for (let at = start; at < end;) {
    const byte = bytes[at]!;
    if (byte === 0x5c) {
      if (at > run) writer.text(source, run, at);
      at = writeEscape(writer, bytes, at, end);
      run = at;
    } else if (byte === 0xee && dialect === 'fluent_bit' && isMarkedByte(bytes, at, end)) {
      if (at > run) writer.text(source, run, at);
      writeReplacement(writer);
      at += 3;
      run = at;
    } else {
      at++;
    }
  }
  if (end > run) writer.text(source, run, end);
}

/** The same where there is nothing but ASCII: then what lies between the escapes can be copied. */
function writeAsciiString(writer: LineWriter, source: Source, start: number, end: number): void {
  const { bytes } = source;
  for (let at = start; at < end;) {
    const escape = backslashAfter(source, at, end);
    if (escape > at) writer.copy(source, at, escape);
    at = escape < end ? writeEscape(writer, bytes, escape, end) : end;
  }
}

/** The place of the next backslash, or `end`. Looks at four bytes at a time. */
function backslashAfter({ bytes, view }: Source, start: number, end: number): number {
  let at = start;
  for (const last = end - 4; at <= last; at += 4) {
    const four = view.getInt32(at, true) ^ 0x5c5c5c5c;
    if (((four - 0x01010101) & ~four & 0x80808080) !== 0) break;
  }
  while (at < end && bytes[at] !== 0x5c) at++;
  return at;
}

/** Writes the text of any valid JSON value as the inside of a JSON string: a string's own text, or the JSON of the rest. */
export function writeJsonAsText(
  writer: LineWriter,
  source: Source,
  start: number,
  end: number,
  traits: number,
  dialect: Dialect,
): void {
  if (source.bytes[start] === 0x22) writeJsonString(writer, source, start + 1, end - 1, traits, dialect);
  else writer.text(source, start, end);
}

/** Puts the bytes that the inside of a JSON string stands for at the start of `out`. Returns how many there are. */
export function unescapeJsonString(
  source: Source,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
  dialect: Dialect,
): number {
  const { bytes } = source;
  let d = outStart;
  for (let at = start; at < end;) {
    const byte = bytes[at]!;
    if (byte === 0x5c) {
      const point = escapedCodePoint(bytes, at, end);
      at += escapeLength;
      d = putUtf8(out, d, point);
    } else if (byte === 0xee && dialect === 'fluent_bit' && isMarkedByte(bytes, at, end)) {
      out[d++] = markedByte(bytes, at);
      at += 3;
    } else {
      out[d++] = byte;
      at++;
    }
  }
  return d - outStart;
}

/** What of a JSON text cannot be written as it is meant: `LOSS_BYTES`, `LOSS_SURROGATE`, or both; 0 for none. */
export function findLosses(source: Source, start: number, end: number, traits: number, dialect: Dialect): number {
  if ((traits & MAY_BE_LOSSY) === 0) return 0;
  const { bytes } = source;
  let losses = 0;
  for (let at = start; at < end;) {
    const byte = bytes[at]!;
    if (byte === 0x5c) {
      if (escapedCodePoint(bytes, at, end) === LONE_SURROGATE) losses |= LOSS_SURROGATE;
      at += escapeLength;
    } else if (byte < 0x80) {
      at++;
    } else if (byte === 0xee && dialect === 'fluent_bit' && isMarkedByte(bytes, at, end)) {
      losses |= LOSS_BYTES;
      at += 3;
    } else {
      const length = utf8SequenceLength(bytes, at, end);
      if (length < 0) losses |= LOSS_BYTES;
      at += Math.abs(length);
    }
  }
  return losses;
}

/** True where the bytes are valid UTF-8. */
export function isUtf8Text(source: Source, start: number, end: number): boolean {
  const { bytes, view } = source;
  let at = start;
  for (;;) {
    for (const last = end - 4; at <= last && (view.getInt32(at, true) & 0x80808080) === 0;) at += 4;
    if (at >= end) return true;
    if (bytes[at]! < 0x80) {
      at++;
      continue;
    }
    const length = utf8SequenceLength(bytes, at, end);
    if (length < 0) return false;
    at += length;
  }
}

/** The place of the quote that ends the string whose inside starts at `at`. The text is known to be valid. */
function closingQuote(bytes: Uint8Array, at: number): number {
  let i = at;
  while (bytes[i] !== 0x22) i += bytes[i] === 0x5c ? 2 : 1;
  return i;
}

const LONE_SURROGATE = -1;
let escapeLength = 0;

/** The code point of the escape at `at`, or LONE_SURROGATE; leaves the length of the escape in `escapeLength`. */
function escapedCodePoint(bytes: Uint8Array, at: number, end: number): number {
  const letter = bytes[at + 1]!;
  escapeLength = 2;
  if (letter !== 0x75) return SHORT_ESCAPES[letter]!;
  escapeLength = 6;
  const unit = hex4(bytes, at + 2);
  if ((unit & 0xf800) !== 0xd800) return unit;
  if (unit < 0xdc00 && at + 12 <= end && bytes[at + 6] === 0x5c && bytes[at + 7] === 0x75) {
    const low = hex4(bytes, at + 8);
    if ((low & 0xfc00) === 0xdc00) {
      escapeLength = 12;
      return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
    }
  }
  return LONE_SURROGATE;
}

const SHORT_ESCAPES = new Uint8Array(256);
for (const [letter, point] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'])
  SHORT_ESCAPES[letter!.charCodeAt(0)] = point!.charCodeAt(0);

function hex4(bytes: Uint8Array, at: number): number {
  return (
    (HEX_VALUE[bytes[at]!]! << 12) |
    (HEX_VALUE[bytes[at + 1]!]! << 8) |
    (HEX_VALUE[bytes[at + 2]!]! << 4) |
    HEX_VALUE[bytes[at + 3]!]!
  );
}

const HEX_VALUE = new Uint8Array(256);
for (let i = 0; i < 16; i++) {
  HEX_VALUE[i.toString(16).charCodeAt(0)] = i;
  HEX_VALUE[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

const scratch: Source = (() => {
  const bytes = new Uint8Array(4);
  return { bytes, view: new DataView(bytes.buffer) };
})();

/** Writes one escape in the relay's own way. Returns where it ends. */
function writeEscape(writer: LineWriter, bytes: Uint8Array, at: number, end: number): number {
  const point = escapedCodePoint(bytes, at, end);
  const next = at + escapeLength;
  if (point === LONE_SURROGATE) writeReplacement(writer);
  else writer.text(scratch, 0, putUtf8(scratch.bytes, 0, point));
  return next;
}

function writeReplacement(writer: LineWriter): void {
  writer.lossy = true;
  writer.byte(0xef);
  writer.byte(0xbf);
  writer.byte(0xbd);
}

/** Puts a code point, or U+FFFD for a lone surrogate, at `position`. Returns the place after it. */
function putUtf8(out: Uint8Array, position: number, codePoint: number): number {
  const point = codePoint === LONE_SURROGATE ? 0xfffd : codePoint;
  let d = position;
  if (point < 0x80) {
    out[d++] = point;
  } else if (point < 0x800) {
    out[d++] = 0xc0 | (point >> 6);
    out[d++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    out[d++] = 0xe0 | (point >> 12);
    out[d++] = 0x80 | ((point >> 6) & 0x3f);
    out[d++] = 0x80 | (point & 0x3f);
  } else {
    out[d++] = 0xf0 | (point >> 18);
    out[d++] = 0x80 | ((point >> 12) & 0x3f);
    out[d++] = 0x80 | ((point >> 6) & 0x3f);
    out[d++] = 0x80 | (point & 0x3f);
  }
  return d;
}

/** U+E080 to U+E0FF in UTF-8: EE 82 80 to EE 83 BF. */
function isMarkedByte(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 2 < end && (bytes[at + 1]! & 0xfe) === 0x82 && (bytes[at + 2]! & 0xc0) === 0x80;
}

function markedByte(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1]! & 3) << 6) | (bytes[at + 2]! & 0x3f);
}

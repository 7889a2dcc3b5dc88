import { isUtf8 } from 'node:buffer';
import { writeBase64 } from '../record/base64.ts';
import type { LineWriter, Source } from '../record/line-writer.ts';
import { newValueHead, readHead, readNumber, readTime, valueEnd, type Moment, type ValueHead } from './msgpack.ts';

/** Values nested deeper than this are kept as base64 of their MessagePack. */
export const JSON_DEPTH_MAX = 64;
/** At most this many bytes of JSON come out of one byte of MessagePack (a one-byte extension). */
export const JSON_EXPANSION_MAX = 8;

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const moment: Moment = { epochSeconds: 0, nanos: 0 };

/**
 * Writes the value at `position`, which must have been scanned (`ValueScanner`), as JSON, and returns where it ends. Needs room
 * for `JSON_EXPANSION_MAX` times its bytes.
 *
 * What JSON has no word for becomes a string: binary that is not UTF-8 as base64; NaN and the infinities by name, since null
 * would not say which; times as ISO 8601; other extensions, and what is nested too deeply, as `msgpack:` and base64 of the
 * MessagePack. Integers keep every digit. Keys of a map that are not text become the text of what they are, and base64 of
 * their MessagePack where they are arrays or maps. Strings that are
 * not UTF-8 set `writer.lossy`.
 */
export function writeJson(writer: LineWriter, source: Source, position: number): number {
  return writeValue(writer, source, position, 0);
}

function writeValue(writer: LineWriter, source: Source, position: number, depth: number): number {
  // Recursion needs a head of its own for each level; a pool of as many as there may be levels saves making them.
  const head = heads[depth]!;
  readHead(source.bytes, position, head);
  switch (head.kind) {
    case 'array':
      return writeArray(writer, source, position, depth, head);
    case 'map':
      return writeMap(writer, source, position, depth, head);
    case 'nil':
      writeAscii(writer, 'null');
      return head.start;
    case 'true':
    case 'false':
      writeAscii(writer, head.kind);
      return head.start;
    case 'unsigned':
    case 'signed':
      writeInteger(writer, source, head);
      return head.start + head.length;
    case 'float':
      writeFloat(writer, readNumber(source, head));
      return head.start + head.length;
    default:
      writer.byte(QUOTE);
      writeText(writer, source, position, head);
      writer.byte(QUOTE);
      return head.start + head.length;
  }
}

const heads: readonly ValueHead[] = Array.from({ length: JSON_DEPTH_MAX + 1 }, newValueHead);

function writeArray(writer: LineWriter, source: Source, position: number, depth: number, head: ValueHead): number {
  if (depth === JSON_DEPTH_MAX && head.length > 0) return writeWrapped(writer, source, position);
  const count = head.length;
  let at = head.start;
  writer.byte(0x5b);
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.byte(COMMA);
    at = writeValue(writer, source, at, depth + 1);
  }
  writer.byte(0x5d);
  return at;
}

function writeMap(writer: LineWriter, source: Source, position: number, depth: number, head: ValueHead): number {
  if (depth === JSON_DEPTH_MAX && head.length > 0) return writeWrapped(writer, source, position);
  const count = head.length;
  let at = head.start;
  writer.byte(0x7b);
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.byte(COMMA);
    at = writeKey(writer, source, at);
    writer.byte(COLON);
    at = writeValue(writer, source, at, depth + 1);
  }
  writer.byte(0x7d);
  return at;
}

const keyHead = newValueHead();

/** Writes the value at `position` as a key of a JSON object, with its quotes, and returns where it ends. */
export function writeKey(writer: LineWriter, source: Source, position: number): number {
  readHead(source.bytes, position, keyHead);
  writer.byte(QUOTE);
  let end = keyHead.start + keyHead.length;
  switch (keyHead.kind) {
    case 'array':
    case 'map':
      end = valueEnd(source.bytes, position, source.bytes.length);
      writeBase64(writer, source, position, end);
      break;
    case 'nil':
      writeAscii(writer, 'null');
      break;
    case 'true':
    case 'false':
      writeAscii(writer, keyHead.kind);
      break;
    case 'unsigned':
    case 'signed':
      writeInteger(writer, source, keyHead);
      break;
    case 'float':
      writeAscii(writer, floatText(readNumber(source, keyHead)));
      break;
    default:
      writeText(writer, source, position, keyHead);
  }
  writer.byte(QUOTE);
  return end;
}

/** The inside of a JSON string for a string, binary or extension. */
function writeText(writer: LineWriter, source: Source, position: number, head: ValueHead): void {
  const { kind, start } = head;
  const end = start + head.length;
  if (kind === 'string') writer.text(source, start, end);
  else if (kind === 'extension') {
    if (readTime(source, position, moment)) writeAscii(writer, isoText(moment));
    else writeRaw(writer, source, position, end);
  } else if (isUtf8(source.bytes.subarray(start, end))) writer.text(source, start, end);
  else writeBase64(writer, source, start, end);
}

function writeWrapped(writer: LineWriter, source: Source, position: number): number {
  const end = valueEnd(source.bytes, position, source.bytes.length);
  writer.byte(QUOTE);
  writeRaw(writer, source, position, end);
  writer.byte(QUOTE);
  return end;
}

function writeRaw(writer: LineWriter, source: Source, start: number, end: number): void {
  writeAscii(writer, 'msgpack:');
  writeBase64(writer, source, start, end);
}

function writeInteger(writer: LineWriter, source: Source, head: ValueHead): void {
  const value = readNumber(source, head);
  if (!Number.isSafeInteger(value)) {
    const { view } = source;
    const exact = head.kind === 'unsigned' ? view.getBigUint64(head.start) : view.getBigInt64(head.start);
    writeAscii(writer, String(exact));
    return;
  }
  if (value < 0) writer.byte(0x2d);
  writer.integer(Math.abs(value));
}

function writeFloat(writer: LineWriter, value: number): void {
  const isNumber = Number.isFinite(value);
  if (!isNumber) writer.byte(QUOTE);
  writeAscii(writer, floatText(value));
  if (!isNumber) writer.byte(QUOTE);
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function isoText({ epochSeconds, nanos }: Moment): string {
  const seconds = new Date(epochSeconds * 1_000).toISOString().slice(0, 19);
  return nanos === 0 ? `${seconds}Z` : `${seconds}.${String(nanos).padStart(9, '0')}Z`;
}

/** Writes characters of ASCII that need no escape. */
function writeAscii(writer: LineWriter, text: string): void {
  for (let i = 0; i < text.length; i++) writer.byte(text.charCodeAt(i));
}

import type { Source } from '../record/line-writer.ts';

/** What the framer asks of bytes; see `SyslogFramer`. */

export const LF = 0x0a;
export const NUL = 0x00;
export const CR = 0x0d;
export const SPACE = 0x20;
export const LESS_THAN = 0x3c;
export const COUNT_DIGITS_MAX = 10;

/** The used part of a buffer, so that a search in it does not run on into what is unused. */
export function searchable(source: Source, length: number): Buffer {
  return Buffer.from(source.bytes.buffer, source.bytes.byteOffset, length);
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Whether a message, or what may stand between two, can begin with this byte. */
export function canBegin(byte: number): boolean {
  return byte === LESS_THAN || (byte > 0x30 && byte <= 0x39) || byte === LF || byte === CR || byte === NUL;
}

/** Whether `<34>` or `123 <` stands here; undefined where the bytes end before that can be told. */
export function beginsMessage(bytes: Uint8Array, start: number, end: number): boolean | undefined {
  let i = start;
  const priority = i < end && bytes[i] === LESS_THAN;
  if (priority) i++;
  const digits = i;
  while (i < end && i - digits < COUNT_DIGITS_MAX && isDigit(bytes[i]!)) i++;
  if (i >= end) return undefined;
  if (i === digits) return false;
  if (priority) return bytes[i] === 0x3e;
  if (bytes[i] !== SPACE) return false;
  return i + 1 < end ? bytes[i + 1] === LESS_THAN : undefined;
}

export function withoutLineEnd(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || bytes[end - 1] !== LF) return end;
  return end - 1 > start && bytes[end - 2] === CR ? end - 2 : end - 1;
}

/** `end`, or up to 3 bytes before it where it lies inside a UTF-8 sequence, so that no character is torn in two. */
export function characterBoundary(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end; i > start && i > end - 4; i--) {
    const byte = bytes[i]!;
    if ((byte & 0xc0) !== 0x80) return byte >= 0xc0 || i === end ? i : end;
  }
  return end;
}

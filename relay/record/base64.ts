import type { LineWriter, Source } from './line-writer.ts';

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** Writes bytes in base64 with padding (RFC 4648 §4). */
export function writeBase64(writer: LineWriter, source: Source, start: number, end: number): void {
  const { bytes } = source;
  const out = writer.bytes;
  let d = writer.position;
  let at = start;
  for (; at + 2 < end; at += 3) {
    const three = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    out[d++] = ALPHABET[three >> 18]!;
    out[d++] = ALPHABET[(three >> 12) & 63]!;
    out[d++] = ALPHABET[(three >> 6) & 63]!;
    out[d++] = ALPHABET[three & 63]!;
  }
  if (at < end) {
    const two = (bytes[at]! << 8) | (at + 1 < end ? bytes[at + 1]! : 0);
    out[d++] = ALPHABET[two >> 10]!;
    out[d++] = ALPHABET[(two >> 4) & 63]!;
    out[d++] = at + 1 < end ? ALPHABET[(two << 2) & 63]! : 0x3d;
    out[d++] = 0x3d;
  }
  writer.position = d;
}

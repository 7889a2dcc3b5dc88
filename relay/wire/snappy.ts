/** A block says it is longer than allowed. */
export const SNAPPY_TOO_LARGE = 'too_large';
/** No Snappy block. */
export const SNAPPY_MALFORMED = 'malformed';

/**
 * Unpacks one Snappy block (github.com/google/snappy, format_description.txt). The length that the block announces is checked
 * first, and nothing is written beyond it: the work done is bound by it too. A block that yields less than it announced is malformed.
 *
 * Own code, since the library for it (snappyjs 0.7.0) never returns from a literal of negative length, which takes 14 bytes.
 */
export function unpackSnappy(
  block: Uint8Array,
  bytesMax: number,
): Buffer | typeof SNAPPY_TOO_LARGE | typeof SNAPPY_MALFORMED {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (shift > 28 || at >= block.length) return SNAPPY_MALFORMED;
    const byte = block[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > bytesMax) return SNAPPY_TOO_LARGE;
  // No element makes more than 64 bytes out of 3: a longer block lies, and needs no memory to find that out.
  if (length > block.length * 22) return SNAPPY_MALFORMED;
  const out = Buffer.alloc(length);
  return unpackElements(block, at, out) ? out : SNAPPY_MALFORMED;
}

function unpackElements(block: Uint8Array, start: number, out: Uint8Array): boolean {
  let at = start;
  let d = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    let length = (tag >> 2) + 1;
    if (kind === 0) {
      const lengthBytes = length > 60 ? length - 60 : 0;
      if (at + lengthBytes > block.length) return false;
      if (lengthBytes > 0) length = littleEndian(block, at, lengthBytes) + 1;
      at += lengthBytes;
      if (length > block.length - at || length > out.length - d) return false;
      out.set(block.subarray(at, at + length), d);
      at += length;
    } else {
      const offsetBytes = kind === 3 ? 4 : kind;
      if (at + offsetBytes > block.length) return false;
      let offset = littleEndian(block, at, offsetBytes);
      at += offsetBytes;
      if (kind === 1) {
        length = ((tag >> 2) & 7) + 4;
        offset += (tag >> 5) << 8;
      }
      if (offset === 0 || offset > d || length > out.length - d) return false;
      // What is copied may overlap what is being written: that is how runs are coded.
      for (let i = 0; i < length; i++, d++) out[d] = out[d - offset]!;
      continue;
    }
    d += length;
  }
  return d === out.length;
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

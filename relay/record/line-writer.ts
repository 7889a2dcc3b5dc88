/**
 * Writes one JSON line, byte by byte, into a slab. This is the relay's innermost loop: it runs over every byte that every
 * sender sends, so it looks at four bytes at a time and falls back to one at a time only around what JSON must escape.
 */

/** Bytes with a view on the same memory: the view reads four bytes at once at any alignment. */
export interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function sourceOf(bytes: Uint8Array): Source {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** At most this many bytes come out of `text` for one byte that goes in (a control character: `\u001b`). */
export const TEXT_EXPANSION_MAX = 6;

const HEX = Buffer.from('0123456789abcdef');
const DIGITS = Buffer.from('0123456789');

/** JSON's two-character escapes: the second character, by the byte escaped. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const [byte, letter] of [
  [0x22, '"'],
  [0x5c, '\\'],
  [0x08, 'b'],
  [0x0c, 'f'],
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x09, 't'],
] as const) {
  SHORT_ESCAPE[byte] = letter.charCodeAt(0);
}

export class LineWriter {
  bytes: Uint8Array;
  view: DataView;
  position = 0;
  /** Set when `text` met bytes that are not UTF-8 and wrote U+FFFD for them. The caller resets it. */
  lossy = false;

  constructor(bytes: Uint8Array, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)) {
    this.bytes = bytes;
    this.view = view;
  }

  /** Copies a fragment, which is ASCII or UTF-8 without DEL, so that eight bytes at once never look like a NaN to be normalised. */
  raw(fragment: Source): void {
    const length = fragment.bytes.length;
    if (length > 1_024) {
      this.copy(fragment, 0, length);
      return;
    }
    const from = fragment.view;
    const to = this.view;
    let d = this.position;
    let s = 0;
    for (const last = length - 8; s <= last; s += 8, d += 8) to.setFloat64(d, from.getFloat64(s, true), true);
    if (s <= length - 4) {
      to.setInt32(d, from.getInt32(s, true), true);
      s += 4;
      d += 4;
    }
    for (; s < length; s++, d++) this.bytes[d] = fragment.bytes[s]!;
    this.position = d;
  }

  /** Copies bytes that are JSON already, from `start` up to `end`. */
  copy(source: Source, start: number, end: number): void {
    const length = end - start;
    if (length > 256) {
      this.bytes.set(source.bytes.subarray(start, end), this.position);
      this.position += length;
      return;
    }
    const from = source.view;
    const to = this.view;
    let d = this.position;
    let s = start;
    for (const last = end - 4; s <= last; s += 4, d += 4) to.setInt32(d, from.getInt32(s, true), true);
    for (; s < end; s++, d++) this.bytes[d] = source.bytes[s]!;
    this.position = d;
  }

  byte(value: number): void {
    this.bytes[this.position++] = value;
  }

  /** A whole number, at least 0. */
  integer(value: number): void {
    if (value < 10) {
      this.bytes[this.position++] = DIGITS[value]!;
      return;
    }
    if (value < 0x4000_0000) {
      this.#smallInteger(value);
      return;
    }
    let divisor = 10;
    while (divisor * 10 <= value) divisor *= 10;
    for (let rest = value; divisor >= 1; divisor /= 10) {
      const digit = Math.floor(rest / divisor);
      this.bytes[this.position++] = DIGITS[digit]!;
      rest -= digit * divisor;
    }
  }

  /** From the last digit to the first, in 32-bit integers: a third of the time that fractions take. */
  #smallInteger(value: number): void {
    let length = 2;
    for (let bound = 100; bound <= value; bound *= 10) length++;
    const out = this.bytes;
    let rest = value | 0;
    for (let at = this.position + length - 1; at >= this.position; at--) {
      const tens = (rest / 10) | 0;
      out[at] = 0x30 + rest - tens * 10;
      rest = tens;
    }
    this.position += length;
  }

  /**
   * The inside of a JSON string: escapes what must be, keeps valid UTF-8 as it is, writes U+FFFD for each maximal part of
   * an invalid sequence (as the WHATWG decoder does) and then sets `lossy`. U+0085, U+2028 and U+2029 are escaped too:
   * some readers of lines take them for line ends.
   */
  text(source: Source, start: number, end: number): void {
    const from = source.view;
    const to = this.view;
    let d = this.position;
    let s = start;
    const last = end - 4;
    while (s < end) {
      let special = 0;
      for (; s <= last; s += 4, d += 4) {
        const four = from.getInt32(s, true);
        const quote = four ^ 0x22222222;
        const backslash = four ^ 0x5c5c5c5c;
        to.setInt32(d, four, true);
        // The well-known test for "one of these four bytes is below n, or zero": the lowest bit set tells the first of them.
        special =
          (four |
            ((four - 0x20202020) & ~four) |
            ((quote - 0x01010101) & ~quote) |
            ((backslash - 0x01010101) & ~backslash)) &
          0x80808080;
        if (special !== 0) break;
      }
      if (special !== 0) {
        const plain = (31 - Math.clz32(special & -special)) >> 3;
        s += plain;
        d += plain;
      } else if (s >= end) {
        break;
      }
      const byte = source.bytes[s]!;
      if (byte < 0x80) {
        d = this.#ascii(byte, d);
        s++;
      } else {
        const length = utf8SequenceLength(source.bytes, s, end);
        d = length > 0 ? this.#sequence(source.bytes, s, length, d) : this.#replacement(d);
        s += length > 0 ? length : -length;
      }
    }
    this.position = d;
  }

  #ascii(byte: number, position: number): number {
    const out = this.bytes;
    let d = position;
    const short = SHORT_ESCAPE[byte]!;
    if (short !== 0) {
      out[d++] = 0x5c;
      out[d++] = short;
    } else if (byte < 0x20) {
      d = this.#escape(byte, d);
    } else {
      out[d++] = byte;
    }
    return d;
  }

  #sequence(bytes: Uint8Array, start: number, length: number, position: number): number {
    const first = bytes[start]!;
    const second = bytes[start + 1]!;
    if (first === 0xc2 && second === 0x85) return this.#escape(0x85, position);
    if (first === 0xe2 && second === 0x80) {
      const third = bytes[start + 2]!;
      if (third === 0xa8 || third === 0xa9) return this.#escape(0x2000 + third - 0x80, position);
    }
    let d = position;
    for (let i = 0; i < length; i++) this.bytes[d++] = bytes[start + i]!;
    return d;
  }

  #replacement(position: number): number {
    this.lossy = true;
    this.bytes[position] = 0xef;
    this.bytes[position + 1] = 0xbf;
    this.bytes[position + 2] = 0xbd;
    return position + 3;
  }

  #escape(codeUnit: number, position: number): number {
    const out = this.bytes;
    out[position] = 0x5c;
    out[position + 1] = 0x75;
    out[position + 2] = HEX[(codeUnit >> 12) & 15]!;
    out[position + 3] = HEX[(codeUnit >> 8) & 15]!;
    out[position + 4] = HEX[(codeUnit >> 4) & 15]!;
    out[position + 5] = HEX[codeUnit & 15]!;
    return position + 6;
  }
}

/**
 * The length of the UTF-8 sequence that starts at `start` with a byte of 0x80 or more; negative where it is not valid:
 * then its absolute value is the length of the maximal part to replace (Unicode 16, table 3-7 and §3.9).
 */
export function utf8SequenceLength(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if (first < 0xc2 || first > 0xf4) return -1;
  const second = start + 1 < end ? bytes[start + 1]! : 0;
  if (first < 0xe0) return (second & 0xc0) === 0x80 ? 2 : -1;
  let low = 0x80;
  let high = 0xbf;
  if (first === 0xe0) low = 0xa0;
  else if (first === 0xed) high = 0x9f;
  else if (first === 0xf0) low = 0x90;
  else if (first === 0xf4) high = 0x8f;
  if (second < low || second > high) return -1;
  const third = start + 2 < end ? bytes[start + 2]! : 0;
  if ((third & 0xc0) !== 0x80) return -2;
  if (first < 0xf0) return 3;
  const fourth = start + 3 < end ? bytes[start + 3]! : 0;
  return (fourth & 0xc0) === 0x80 ? 4 : -3;
}

/** A fragment of JSON, made once and copied often. */
export function fragment(text: string): Source {
  return sourceOf(Buffer.from(text));
}

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
    const start = this.position;
    if (length < 8 || length > 1_024) {
      this.copy(fragment, 0, length);
      return;
    }
    const from = fragment.view;
    const to = this.view;
    const last = length - 8;
    for (let s = 0; s < last; s += 8) to.setFloat64(start + s, from.getFloat64(s, true), true);
    // The last eight, some of them again.
    to.setFloat64(start + last, from.getFloat64(last, true), true);
    this.position = start + length;
  }

  /** Copies bytes that are JSON already, from `start` up to `end`. */
  copy(source: Source, start: number, end: number): void {
    const length = end - start;
    const d = this.position;
    this.position = d + length;
    if (length > 256) {
      this.bytes.set(source.bytes.subarray(start, end), d);
      return;
    }
    if (length < 4) {
      for (let i = 0; i < length; i++) this.bytes[d + i] = source.bytes[start + i]!;
      return;
    }
    const from = source.view;
    const to = this.view;
    const last = length - 4;
    for (let i = 0; i < last; i += 4) to.setInt32(d + i, from.getInt32(start + i, true), true);
    to.setInt32(d + last, from.getInt32(start + last, true), true);
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
    while (s < end) {
      let special = 0;
      for (const last = end - 8; s <= last; s += 8, d += 8) {
        const low = from.getInt32(s, true);
        const high = from.getInt32(s + 4, true);
        if ((specialBytes(low) | specialBytes(high)) !== 0) break;
        to.setInt32(d, low, true);
        to.setInt32(d + 4, high, true);
      }
      for (; s < end; s += 4, d += 4) {
        const left = end - s;
        if (left < 4 && (s + 4 > source.bytes.length || d + 4 > this.bytes.length)) break;
        const four = from.getInt32(s, true);
        special = specialBytes(four);
        // Of what lies behind the end nothing counts; what is written there is written over.
        if (left < 4) special &= (1 << (left << 3)) - 1;
        to.setInt32(d, four, true);
        if (special !== 0) break;
        if (left < 4) {
          this.position = d + left;
          return;
        }
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

  /**
   * Copies ASCII that stands for itself in JSON, from `start` up to the next space before `end`, and returns where that is. Returns -1 where
   * something else comes first, or the end is near: what was written then counts for nothing.
   */
  word(source: Source, start: number, end: number): number {
    return this.#plain(source, start, end, 0x20202020, 0x20);
  }

  /** The same up to the next `"`, where no `]` comes first. */
  quoted(source: Source, start: number, end: number): number {
    return this.#plain(source, start, end, 0x5d5d5d5d, 0x22);
  }

  /** Copies up to the first byte that is one of `stops` or none that stands for itself; it must be `wanted`. */
  #plain(source: Source, start: number, end: number, stops: number, wanted: number): number {
    const from = source.view;
    const to = this.view;
    let d = this.position;
    let s = start;
    for (const last = end - 4; s <= last; s += 4, d += 4) {
      const four = from.getInt32(s, true);
      to.setInt32(d, four, true);
      const found = specialBytes(four) | (((four ^ stops) - 0x01010101) & 0x80808080);
      if (found === 0) continue;
      const plain = (31 - Math.clz32(found & -found)) >> 3;
      this.position = d + plain;
      return source.bytes[s + plain] === wanted ? s + plain : -1;
    }
    return -1;
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
 * Which of four bytes JSON must escape, or are not ASCII: the lowest bit set is the highest of the first of them. It is the well-known test
 * for "a byte below n, or zero", which is exact up to and with the first hit.
 */
function specialBytes(four: number): number {
  return (
    (four | (four - 0x20202020) | ((four ^ 0x22222222) - 0x01010101) | ((four ^ 0x5c5c5c5c) - 0x01010101)) & 0x80808080
  );
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

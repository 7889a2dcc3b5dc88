/**
 * A sketch says of a batch which texts it surely does not hold: a set of bits, one for each three bytes that stand next to each other in
 * its lines, and one for each short JSON string as a whole. Letters of ASCII count as lower case. What is asked of it is never wrong where
 * it says no.
 */

const BITS_MIN = 1_024;
const BITS_MAX = 65_536;
/** So many bits for each one that is set: a third of them stays free even where half of the room is used. */
const ROOM = 4;
/** Longer strings are found by their parts. */
const STRING_BYTES_MAX = 64;
const STRING_BYTES_MIN = 2;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LF = 0x0a;
/** The relay's own id and time at the start of each line: no search for words looks at them. */
const HEAD_BYTES = '{"event":{"id":"0123456-0123456-01234567","created":"2026-11-22T07:11:05.667Z"'.length;
const HEAD = Buffer.from('{"event":{"id":"');

const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

/** Makes sketches, one after the other, in the same memory. */
export class Sketcher {
  readonly #bits = new Uint8Array(BITS_MAX / 8);

  /** The sketch of some lines. */
  sketch(lines: Uint8Array): Buffer {
    const bits = this.#bits.fill(0);
    for (let start = 0; start < lines.length;) {
      const lf = lines.indexOf(LF, start);
      const end = lf < 0 ? lines.length : lf;
      addLine(bits, lines, startsWithHead(lines, start, end) ? start + HEAD_BYTES : start, end);
      start = end + 1;
    }
    return shrink(bits);
  }
}

function startsWithHead(lines: Uint8Array, start: number, end: number): boolean {
  if (end - start < HEAD_BYTES) return false;
  for (let i = 0; i < HEAD.length; i++) if (lines[start + i] !== HEAD[i]) return false;
  return true;
}

function addLine(bits: Uint8Array, lines: Uint8Array, from: number, end: number): void {
  let three = 0;
  let open = -1;
  for (let at = from; at < end; at++) {
    const byte = lines[at]!;
    three = ((three << 8) | LOWER[byte]!) & 0xffffff;
    if (at - from >= 2) {
      const bit = gramBit(three);
      bits[bit >> 3]! |= 1 << (bit & 7);
    }
    if (byte === QUOTE) {
      if (open < 0) open = at;
      else {
        addString(bits, lines, open + 1, at);
        open = -1;
      }
    } else if (byte === BACKSLASH && open >= 0 && at + 1 < end) {
      // What is escaped never ends the string; its three bytes count all the same.
      at++;
      three = ((three << 8) | LOWER[lines[at]!]!) & 0xffffff;
      const bit = gramBit(three);
      bits[bit >> 3]! |= 1 << (bit & 7);
    }
  }
}

function addString(bits: Uint8Array, lines: Uint8Array, start: number, end: number): void {
  if (end - start > STRING_BYTES_MAX || end - start < STRING_BYTES_MIN || isTime(lines, start, end)) return;
  let hash = STRING_SEED;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ LOWER[lines[at]!]!, 0x01000193);
  const bit = spread(hash);
  bits[bit >> 3]! |= 1 << (bit & 7);
}

/** Each record has a time of its own: those would fill a sketch, and nobody asks for one as a text. */
function isTime(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 19 && bytes[start + 4] === 0x2d && bytes[start + 7] === 0x2d && bytes[start + 10] === 0x54;
}

const STRING_SEED = 0x811c9dc5 | 0;

function gramBit(three: number): number {
  return spread(Math.imul(three, 0x9e3779b1));
}

/** A bit of the largest sketch; that of a smaller one is what remains of it. */
function spread(hash: number): number {
  return (hash ^ (hash >>> 15)) & (BITS_MAX - 1);
}

/** Folds a sketch to the size that its content needs. */
function shrink(bits: Uint8Array): Buffer {
  let set = 0;
  for (const byte of bits) set += POPULATION[byte]!;
  let size = BITS_MIN;
  while (size < BITS_MAX && size < set * ROOM) size *= 2;
  const folded = Buffer.alloc(size / 8);
  for (let at = 0; at < bits.length; at++) folded[at & (folded.length - 1)]! |= bits[at]!;
  return folded;
}

const POPULATION = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** What a sketch is asked. */
export type SketchQuestion = readonly number[];

/** The question whether lines hold a text: folded, of plain characters (see `plainRuns`); one in quotes is a whole JSON string. */
export function sketchQuestion(text: string): SketchQuestion {
  const bytes = Buffer.from(text);
  const bits = new Set<number>();
  let three = 0;
  for (const [at, byte] of bytes.entries()) {
    three = ((three << 8) | LOWER[byte]!) & 0xffffff;
    if (at >= 2) bits.add(gramBit(three));
  }
  const inner = bytes.length - 2;
  const isString = inner >= STRING_BYTES_MIN && bytes[0] === QUOTE && bytes.at(-1) === QUOTE;
  if (isString && inner <= STRING_BYTES_MAX && !isTime(bytes, 1, bytes.length - 1)) {
    let hash = STRING_SEED;
    for (let at = 1; at <= inner; at++) hash = Math.imul(hash ^ LOWER[bytes[at]!]!, 0x01000193);
    bits.add(spread(hash));
  }
  return [...bits];
}

/** False where the batch surely does not hold what is asked for. */
export function mayHold(sketch: Uint8Array, question: SketchQuestion): boolean {
  const mask = sketch.length * 8 - 1;
  return question.every((bit) => (sketch[(bit & mask) >> 3]! & (1 << (bit & 7))) !== 0);
}

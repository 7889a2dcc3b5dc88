import { sourceOf } from '../../record/line-writer.ts';

/** What a byte of the text is a part of. */
export const STRUCTURE = 0;
export const STRING = 1;
export const NUMBER = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** What stands for what after a backslash (RFC 8259 §7). */
const SHORT = new Uint8Array(256);
for (const [letter, byte] of [
  ['"', 0x22],
  ['\\', 0x5c],
  ['/', 0x2f],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
] as const)
  SHORT[letter.charCodeAt(0)] = byte;

/**
 * One line of JSON with its escapes undone, so that a search sees the text that readers of the record will see; and for each byte,
 * where it came from. The same memory serves every line.
 */
export class JsonLine {
  text = Buffer.alloc(4_096);
  source = sourceOf(this.text);
  /** Where in the line each byte of `text` came from; one more than there are, for the end. */
  origin = new Uint32Array(4_097);
  kind = new Uint8Array(4_097);
  length = 0;
  #runEnds = new Uint32Array(0);
  #runsKnown = false;

  /** Reads the part of a line from `start`, which is outside of strings, up to `end`. */
  read(line: Uint8Array, start: number, end: number): void {
    this.#makeRoom(end - start);
    const { text, origin, kind } = this;
    let inString = false;
    let d = 0;
    for (let s = start; s < end;) {
      const byte = line[s]!;
      if (inString && byte === BACKSLASH && s + 1 < end) {
        const from = s;
        const before = d;
        if (line[s + 1] === LETTER_U) {
          const code = codePointAt(line, s, end);
          d = this.#write(code, d);
          s += code > 0xffff ? 12 : 6;
        } else {
          text[d++] = SHORT[line[s + 1]!]!;
          s += 2;
        }
        origin.fill(from, before, d);
        kind.fill(STRING, before, d);
        continue;
      }
      const isQuote = byte === QUOTE;
      kind[d] = isQuote ? STRUCTURE : inString ? STRING : isNumeric(byte) ? NUMBER : STRUCTURE;
      if (isQuote) inString = !inString;
      text[d] = byte;
      origin[d++] = s++;
    }
    origin[d] = end;
    kind[d] = STRUCTURE;
    this.length = d;
    this.#runsKnown = false;
  }

  /** Whether all bytes from `start` up to `end` are of one kind. */
  isOf(wanted: number, start: number, end: number): boolean {
    if (!this.#runsKnown) this.#findRuns();
    return this.kind[start] === wanted && this.#runEnds[start]! >= end;
  }

  /** For each byte where the run of its kind ends, so that asking costs the same however long a stretch is. */
  #findRuns(): void {
    if (this.#runEnds.length < this.length) this.#runEnds = new Uint32Array(this.text.length);
    for (let i = this.length - 1, end = this.length; i >= 0; i--) {
      if (this.kind[i] !== this.kind[i + 1]) end = i + 1;
      this.#runEnds[i] = end;
    }
    this.#runsKnown = true;
  }

  #write(code: number, at: number): number {
    return at + this.text.write(String.fromCodePoint(code), at, 'utf8');
  }

  #makeRoom(bytes: number): void {
    if (bytes < this.text.length) return;
    const room = Math.max(bytes + 1, 2 * this.text.length);
    this.text = Buffer.alloc(room);
    this.source = sourceOf(this.text);
    this.origin = new Uint32Array(room + 1);
    this.kind = new Uint8Array(room + 1);
  }
}

function isNumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || (byte | 0x20) === 0x65;
}

/** The character of `\uXXXX` at `at`, or of the pair that begins there. */
function codePointAt(line: Uint8Array, at: number, end: number): number {
  const first = unitAt(line, at, end);
  if (first < 0xd800 || first > 0xdbff || line[at + 6] !== BACKSLASH || line[at + 7] !== LETTER_U) return first;
  const second = unitAt(line, at + 6, end);
  return second >= 0xdc00 && second <= 0xdfff ? 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00) : first;
}

function unitAt(line: Uint8Array, at: number, end: number): number {
  const digits = Buffer.from(line.subarray(at + 2, Math.min(end, at + 6))).toString('latin1');
  const unit = Number.parseInt(digits, 16);
  return Number.isNaN(unit) ? 0xfffd : unit;
}

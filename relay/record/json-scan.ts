import { TRAIT_ESCAPE, TRAIT_HIGH, TRAIT_REWRITE, TRAIT_SPACE, TRAIT_SURROGATE } from './json-text.ts';
import type { Source } from './line-writer.ts';

/** Takes the members of an object as they are found. The key's range is the inside of its quotes. */
export interface MemberSink {
  member(
    source: Source,
    keyStart: number,
    keyEnd: number,
    keyTraits: number,
    start: number,
    end: number,
    traits: number,
  ): void;
}

/** `unfinished`: what is there is right so far, and more is missing. */
export type ScanFailure = 'malformed' | 'unfinished' | 'too_deep';

/**
 * Finds where JSON values begin and end, without building anything, and refuses what RFC 8259 does: raw control characters in strings,
 * leading zeros, trailing commas. That bytes are valid UTF-8 is not checked here: `TRAIT_HIGH` says that it must be.
 */
export class JsonScanner {
  failure: ScanFailure = 'malformed';
  /** What the value last scanned holds beside plain ASCII. */
  traits = 0;
  readonly #closers: Uint8Array;
  readonly #depthMax: number;

  constructor(depthMax: number) {
    this.#depthMax = depthMax;
    this.#closers = new Uint8Array(depthMax);
  }

  /** Scans the object that starts at `start`. Returns the place after it, or -1 with the reason in `failure`. */
  object(source: Source, start: number, end: number, sink: MemberSink): number {
    const { bytes } = source;
    let at = this.space(bytes, start + 1, end);
    if (bytes[at] === 0x7d && at < end) return at + 1;
    for (;;) {
      if (at >= end) return this.#fail('unfinished');
      if (bytes[at] !== 0x22) return this.#fail('malformed');
      this.traits = 0;
      const keyStart = at + 1;
      at = this.#string(source, keyStart, end);
      if (at < 0) return -1;
      const keyEnd = at - 1;
      const keyTraits = this.traits;
      at = this.space(bytes, at, end);
      if (at >= end) return this.#fail('unfinished');
      if (bytes[at] !== 0x3a) return this.#fail('malformed');
      const valueStart = this.space(bytes, at + 1, end);
      at = this.value(source, valueStart, end);
      if (at < 0) return -1;
      sink.member(source, keyStart, keyEnd, keyTraits, valueStart, at, this.traits);
      at = this.space(bytes, at, end);
      if (at >= end) return this.#fail('unfinished');
      const byte = bytes[at]!;
      if (byte === 0x7d) return at + 1;
      if (byte !== 0x2c) return this.#fail('malformed');
      at = this.space(bytes, at + 1, end);
    }
  }

  /** Scans the value that starts at `start`. Returns the place after it, or -1 with the reason in `failure`. */
  value(source: Source, start: number, end: number): number {
    this.traits = 0;
    if (start >= end) return this.#fail('unfinished');
    const byte = source.bytes[start]!;
    if (byte === 0x22) return this.#string(source, start + 1, end);
    if (byte === 0x7b || byte === 0x5b) return this.#nested(source, start, end);
    return this.#scalar(source.bytes, start, end);
  }

  /** The first place from `start` on that holds no white space. */
  space(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte > 0x20) break;
      if (byte === 0x20) continue;
      if (byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      this.traits |= TRAIT_SPACE;
    }
    return at;
  }

  /** An array or object, without recursion: how deep it is must not be a question of stack. */
  #nested(source: Source, start: number, end: number): number {
    const { bytes } = source;
    const closers = this.#closers;
    let depth = 0;
    let at = start;
    for (;;) {
      // Here a value begins.
      const byte = bytes[at]!;
      if (byte === 0x7b || byte === 0x5b) {
        if (depth >= this.#depthMax) return this.#fail('too_deep');
        const closer = byte + 2;
        closers[depth++] = closer;
        at = this.space(bytes, at + 1, end);
        if (at >= end) return this.#fail('unfinished');
        if (bytes[at] !== closer) {
          if (closer === 0x7d) at = this.#key(source, at, end);
          if (at < 0) return -1;
          if (at >= end) return this.#fail('unfinished');
          continue;
        }
        at++;
        depth--;
      } else {
        at = byte === 0x22 ? this.#string(source, at + 1, end) : this.#scalar(bytes, at, end);
        if (at < 0) return -1;
      }
      // Here a value has ended: close what it ends, or go on to the next one.
      for (;;) {
        if (depth === 0) return at;
        at = this.space(bytes, at, end);
        if (at >= end) return this.#fail('unfinished');
        if (bytes[at] !== closers[depth - 1]) break;
        depth--;
        at++;
      }
      if (bytes[at] !== 0x2c) return this.#fail('malformed');
      at = this.space(bytes, at + 1, end);
      if (closers[depth - 1] === 0x7d) at = this.#key(source, at, end);
      if (at < 0) return -1;
      if (at >= end) return this.#fail('unfinished');
    }
  }

  /** A key with its colon. Returns where its value begins. */
  #key(source: Source, start: number, end: number): number {
    if (start >= end) return this.#fail('unfinished');
    if (source.bytes[start] !== 0x22) return this.#fail('malformed');
    let at = this.#string(source, start + 1, end);
    if (at < 0) return -1;
    at = this.space(source.bytes, at, end);
    if (at >= end) return this.#fail('unfinished');
    if (source.bytes[at] !== 0x3a) return this.#fail('malformed');
    return this.space(source.bytes, at + 1, end);
  }

  /** The rest of a string, from after its first quote. Returns the place after its last one. */
  #string(source: Source, start: number, end: number): number {
    const { bytes, view } = source;
    const last = end - 4;
    let at = start;
    for (;;) {
      for (; at <= last; at += 4) {
        const four = view.getInt32(at, true);
        const quote = four ^ 0x22222222;
        const backslash = four ^ 0x5c5c5c5c;
        // "One of these four bytes is below n, or zero": exact as to whether, not as to which.
        const special =
          (four |
            ((four - 0x20202020) & ~four) |
            ((quote - 0x01010101) & ~quote) |
            ((backslash - 0x01010101) & ~backslash)) &
          0x80808080;
        if (special !== 0) break;
      }
      const stop = at <= last ? at + 4 : end;
      while (at < stop) {
        const byte = bytes[at]!;
        if (byte === 0x22) return at + 1;
        if (byte === 0x5c) {
          at = this.#escape(bytes, at, end);
          if (at < 0) return -1;
        } else {
          if (byte < 0x20) return this.#fail('malformed');
          if (byte >= 0x80) this.traits |= TRAIT_HIGH;
          at++;
        }
      }
      if (at >= end) return this.#fail('unfinished');
    }
  }

  #escape(bytes: Uint8Array, at: number, end: number): number {
    if (at + 1 >= end) return this.#fail('unfinished');
    const letter = bytes[at + 1]!;
    this.traits |= TRAIT_ESCAPE;
    if (letter !== 0x75) {
      if (IS_ESCAPE[letter] === 0) return this.#fail('malformed');
      if (letter === 0x2f) this.traits |= TRAIT_REWRITE;
      return at + 2;
    }
    this.traits |= TRAIT_REWRITE;
    for (let i = at + 2; i < at + 6; i++) {
      if (i >= end) return this.#fail('unfinished');
      if (IS_HEX[bytes[i]!] === 0) return this.#fail('malformed');
    }
    if ((bytes[at + 2]! | 0x20) === 0x64 && bytes[at + 3]! >= 0x38) this.traits |= TRAIT_SURROGATE;
    return at + 6;
  }

  /** A number, `true`, `false` or `null`. */
  #scalar(bytes: Uint8Array, start: number, end: number): number {
    switch (bytes[start]) {
      case 0x74:
        return this.#literal(bytes, start, end, TRUE);
      case 0x66:
        return this.#literal(bytes, start, end, FALSE);
      case 0x6e:
        return this.#literal(bytes, start, end, NULL);
    }
    let at = start;
    if (bytes[at] === 0x2d) at++;
    if (at >= end) return this.#fail('unfinished');
    if (bytes[at] === 0x30) {
      at++;
    } else {
      at = this.#digits(bytes, at, end);
      if (at < 0) return -1;
    }
    if (at < end && bytes[at] === 0x2e) {
      at = this.#digits(bytes, at + 1, end);
      if (at < 0) return -1;
    }
    if (at < end && (bytes[at]! | 0x20) === 0x65) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      at = this.#digits(bytes, at, end);
    }
    return at;
  }

  /** One digit or more. */
  #digits(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
    if (at === start) return this.#fail(at >= end ? 'unfinished' : 'malformed');
    return at;
  }

  #literal(bytes: Uint8Array, start: number, end: number, word: Uint8Array): number {
    for (let i = 0; i < word.length; i++) {
      if (start + i >= end) return this.#fail('unfinished');
      if (bytes[start + i] !== word[i]) return this.#fail('malformed');
    }
    return start + word.length;
  }

  #fail(failure: ScanFailure): -1 {
    this.failure = failure;
    return -1;
  }
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

const IS_ESCAPE = tableOf('"\\/bfnrt');
const IS_HEX = tableOf('0123456789abcdefABCDEF');

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

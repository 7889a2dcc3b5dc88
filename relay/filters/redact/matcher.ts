import { windowIn, windowInText, type Window } from './anchors.ts';
import { BASE64_URL, type ByteClass, byteClass, membersOf, runEnd, standsAt, WORD } from './byte-class.ts';

/** Where a matcher found something: the bytes to mask, from `start` up to `end`. */
export interface Found {
  start: number;
  end: number;
}

/**
 * Recognises one shape. Each is a few loops over bytes that look at every byte a bounded number of times, so that no text can make
 * them slow.
 */
export interface Matcher {
  /** What to look for; `match` is asked where the whole begins, by the window's offset. */
  readonly windows: readonly Window[];
  /** Whether it is there, in text without escapes, at `at`, which may be before `from`; then `found` says what to mask. */
  match(bytes: Uint8Array, at: number, from: number, end: number, found: Found): boolean;
  /** A look at JSON text, which may have escapes in it, to save the closer one: may say yes wrongly, never no. */
  plausible(bytes: Uint8Array, at: number, end: number): boolean;
}

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const HEX_DIGIT = byteClass('0-9A-Fa-f');

/** Whether a token may begin at `at`: no byte of `body` stands before it, unless it ends a `%2F`. */
function beginsAt(bytes: Uint8Array, at: number, from: number, body: ByteClass): boolean {
  if (at === from || body[bytes[at - 1]!] === 0) return true;
  return (
    at - 3 >= from && bytes[at - 3] === PERCENT && HEX_DIGIT[bytes[at - 2]!] === 1 && HEX_DIGIT[bytes[at - 1]!] === 1
  );
}

export interface TokenShape {
  readonly prefix: string;
  readonly body: ByteClass;
  /** Bytes after the prefix. */
  readonly min: number;
  readonly max: number;
  /** What may not stand before it; the same as `body` where it is not said. */
  readonly before?: ByteClass;
  /** True where the prefix says enough, whatever stands before it. */
  readonly anywhere?: boolean;
}

/** A prefix, and so many bytes of a set. Where `min` is `max`, no further byte of the set may follow. */
export function token({ prefix, body, min, max, before = body, anywhere = false }: TokenShape): Matcher {
  const start = Buffer.from(prefix);
  return {
    windows: [windowInText(start)],
    match(bytes, at, from, end, found) {
      if (!standsAt(bytes, at, end, start) || !(anywhere || beginsAt(bytes, at, from, before))) return false;
      const bodyStart = at + start.length;
      const bodyEnd = runEnd(bytes, bodyStart, Math.min(end, bodyStart + max + 1), body);
      if (bodyEnd - bodyStart < min || (min === max && bodyEnd - bodyStart > max)) return false;
      found.start = at;
      found.end = Math.min(bodyEnd, bodyStart + max);
      return true;
    },
    plausible: (bytes, at, end) => standsAt(bytes, at, end, start) && staysIn(bytes, at + start.length, end, body, min),
  };
}

/** Whether `least` bytes, 16 at most, are of the set, or an escape comes before that. */
function staysIn(bytes: Uint8Array, at: number, end: number, body: ByteClass, least: number): boolean {
  const enough = Math.min(end, at + Math.min(least, 16));
  const run = runEnd(bytes, at, enough, body);
  return run === enough || bytes[run] === BACKSLASH;
}

/** A literal text, and what to look for in JSON text. Writers of JSON may escape slashes or not. */
export function literal(text: string): { matcher: Matcher; inJson: Matcher[] } {
  const raw = Buffer.from(text);
  const json = JSON.stringify(text).slice(1, -1);
  const match: Matcher['match'] = (bytes, at, _from, end, found) => {
    if (at + raw.length > end || raw.compare(bytes, at, at + raw.length) !== 0) return false;
    found.start = at;
    found.end = at + raw.length;
    return true;
  };
  const forms = [...new Set([json, json.replaceAll('/', '\\/')])].map((form) => Buffer.from(form));
  return {
    matcher: { windows: [windowInText(raw)], match, plausible: () => true },
    inJson: forms.map((form) => ({
      windows: [windowInText(form)],
      match,
      plausible: (bytes, at, end) => standsAt(bytes, at, end, form),
    })),
  };
}

const SEPARATORS = byteClass(' \t\r\n"\'=:>`\\');
const SEPARATORS_MAX = 16;

export interface ContextShape {
  /** In lower case; any case is recognised. */
  readonly keyword: string;
  /** Words that may stand between the keyword and the value; one of them must, where there are any. In lower case. */
  readonly words?: readonly string[];
  readonly value: ByteClass;
  readonly min: number;
  readonly max: number;
}

/** A value that is secret for what stands before it: `aws_secret_access_key = "…"`. */
export function context({ keyword, words = [], value, min, max }: ContextShape): Matcher {
  const letters = Buffer.from(keyword);
  const wordBytes = words.map((word) => Buffer.from(word));
  const both = (byte: number): number[] => [...new Set([byte, String.fromCharCode(byte).toUpperCase().charCodeAt(0)])];
  return {
    windows: [windowIn([...letters].map(both))],
    match(bytes, at, _from, end, found) {
      if (!standsInAnyCase(bytes, at, end, letters)) return false;
      let valueStart = skipSeparators(bytes, at + letters.length, end);
      if (wordBytes.length > 0) {
        const word = wordBytes.find((candidate) => standsInAnyCase(bytes, valueStart, end, candidate));
        if (word === undefined) return false;
        valueStart = skipSeparators(bytes, valueStart + word.length, end);
      }
      const valueEnd = runEnd(bytes, valueStart, Math.min(end, valueStart + max + 1), value);
      if (valueEnd - valueStart < min || (min === max && valueEnd - valueStart > max)) return false;
      found.start = valueStart;
      found.end = Math.min(valueEnd, valueStart + max);
      return true;
    },
    plausible: (bytes, at, end) => standsInAnyCase(bytes, at, end, letters),
  };
}

function standsInAnyCase(bytes: Uint8Array, at: number, end: number, lower: Uint8Array): boolean {
  if (at < 0 || at + lower.length > end) return false;
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[at + i]!;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== lower[i]) return false;
  }
  return true;
}

function skipSeparators(bytes: Uint8Array, at: number, end: number): number {
  return runEnd(bytes, at, Math.min(end, at + SEPARATORS_MAX), SEPARATORS);
}

const DOT = 0x2e;
const JWT_PART_MAX = 16_384;

/** A JSON Web Token: `eyJ….….…` (RFC 7519 §3.1, RFC 7516 §3.1 with five parts). */
export function jsonWebToken(): Matcher {
  const start = Buffer.from('eyJ');
  return {
    windows: [windowInText(start)],
    match(bytes, at, from, end, found) {
      if (!standsAt(bytes, at, end, start)) return false;
      // What may stand in a part may not stand before it, so that each run of such bytes is looked at once.
      if (!beginsAt(bytes, at, from, BASE64_URL)) return false;
      let partEnd = runEnd(bytes, at, Math.min(end, at + JWT_PART_MAX), BASE64_URL);
      if (partEnd - at < 12) return false;
      found.start = at;
      found.end = at;
      for (let parts = 1; parts < 5 && partEnd < end && bytes[partEnd] === DOT; parts++) {
        const next = runEnd(bytes, partEnd + 1, Math.min(end, partEnd + JWT_PART_MAX), BASE64_URL);
        if (parts === 1 && (next - partEnd < 6 || bytes[next] !== DOT || next >= end)) return false;
        partEnd = next;
        found.end = partEnd;
      }
      return found.end > at;
    },
    plausible: (bytes, at, end) => standsAt(bytes, at, end, start) && staysIn(bytes, at + 3, end, BASE64_URL, 9),
  };
}

const COLON = 0x3a;
const AT = 0x40;
const STAR = 0x2a;
/** What ends the part of a URL that holds user and password (RFC 3986 §3.2), and what ends URLs in running text. */
const NOT_USERINFO = byteClass('/?# \t\r\n"\'<>`\\');
const USERINFO_MAX = 512;
const PASSWORD_MIN = 3;

/** The password of `scheme://user:password@host`. */
export function urlPassword(): Matcher {
  const letters = membersOf(WORD);
  const password = (bytes: Uint8Array, authority: number, end: number, found: Found): boolean => {
    let colon = -1;
    let at = -1;
    for (let i = authority, stop = Math.min(end, authority + USERINFO_MAX); i < stop; i++) {
      const byte = bytes[i]!;
      if (byte === COLON && colon < 0) colon = i;
      else if (byte === AT && colon >= 0) at = i;
      else if (NOT_USERINFO[byte] === 1) break;
    }
    found.start = colon + 1;
    found.end = at;
    return at - found.start >= PASSWORD_MIN && !bytes.subarray(found.start, at).every((byte) => byte === STAR);
  };
  const scratch: Found = { start: 0, end: 0 };
  return {
    windows: [
      { places: [letters, [COLON], [0x2f], [0x2f]], first: 1, offset: 0 },
      { places: [letters, [COLON], [BACKSLASH], [0x2f]], first: 1, offset: 0 },
    ],
    match: (bytes, at, _from, end, found) => bytes[at + 2] === 0x2f && password(bytes, at + 4, end, found),
    plausible: (bytes, at, end) => bytes[at + 2] === BACKSLASH || password(bytes, at + 4, end, scratch),
  };
}

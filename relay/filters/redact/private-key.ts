import { windowInText } from './anchors.ts';
import { BASE64, byteClass, runEnd, standsAt } from './byte-class.ts';
import type { Matcher } from './matcher.ts';

const BEGIN = Buffer.from('BEGIN');
const DASHES = Buffer.from('-----');
const LABEL = byteClass('A-Z0-9 ');
const LABEL_MAX = 64;
/** What a key holds (RFC 7468, and RFC 1421 for its headers), line ends written as `\n` too. */
const CONTENT = byteClass('A-Za-z0-9+/=, \t\r\n\\:-');
const CONTENT_MAX = 65_536;
/** A run of so many characters is no word. */
const RUN_MIN = 16;
const DASH = 0x2d;

/**
 * The content of `-----BEGIN … PRIVATE KEY-----`, up to the next such mark or, where none comes, to the end of the text. The marks
 * stay, so that a reader sees what was there and a second pass finds the same.
 */
export const privateKey: Matcher = {
  windows: [windowInText(BEGIN)],
  match(bytes, at, _from, end, found) {
    const start = contentStart(bytes, at, end);
    if (start < 0) return false;
    found.start = start;
    found.end = contentEnd(bytes, start, end);
    return holdsRun(bytes, start, found.end);
  },
  plausible: (bytes, at, end) => contentStart(bytes, at, end) >= 0,
};

/** Where the content begins whose `BEGIN` stands at `at`; -1 where no key begins there. */
function contentStart(bytes: Uint8Array, at: number, end: number): number {
  if (!standsAt(bytes, at - DASHES.length, end, DASHES) || !standsAt(bytes, at, end, BEGIN)) return -1;
  const labelEnd = runEnd(bytes, at + BEGIN.length, Math.min(end, at + LABEL_MAX), LABEL);
  // "PRIVATE KEY BLOCK" is what OpenPGP calls its own.
  const label = Buffer.from(bytes.subarray(at, labelEnd)).toString('latin1');
  return /PRIVATE KEY(?: BLOCK)?$/.test(label) && standsAt(bytes, labelEnd, end, DASHES)
    ? labelEnd + DASHES.length
    : -1;
}

function contentEnd(bytes: Uint8Array, start: number, end: number): number {
  const stop = Math.min(end, start + CONTENT_MAX);
  for (let i = start; i < stop; i++) {
    if (CONTENT[bytes[i]!] === 0) return i;
    if (bytes[i] === DASH && standsAt(bytes, i, end, DASHES)) return i;
  }
  return stop;
}

function holdsRun(bytes: Uint8Array, start: number, end: number): boolean {
  let run = 0;
  for (let i = start; i < end && run < RUN_MIN; i++) run = BASE64[bytes[i]!] === 1 ? run + 1 : 0;
  return run >= RUN_MIN;
}

/** Whether a text, such as a record's message, begins a private key that it does not end. */
export function leavesKeyOpen(text: string): boolean {
  const last = text.lastIndexOf('-----BEGIN ');
  if (last < 0 || text.includes('-----END', last)) return false;
  const bytes = Buffer.from(text.slice(last));
  const start = contentStart(bytes, DASHES.length, bytes.length);
  return start >= 0 && contentEnd(bytes, start, bytes.length) === bytes.length;
}

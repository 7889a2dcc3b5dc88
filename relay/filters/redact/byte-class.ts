/** A set of bytes: 1 at each that belongs to it. */
export type ByteClass = Uint8Array;

/** The set of what stands in `ranges`, written as within the brackets of a regular expression: `A-Za-z0-9_`. ASCII only. */
export function byteClass(ranges: string): ByteClass {
  const members = new Uint8Array(256);
  for (let i = 0; i < ranges.length; i++) {
    const isRange = ranges[i + 1] === '-' && i + 2 < ranges.length;
    const first = ranges.charCodeAt(i);
    const last = isRange ? ranges.charCodeAt(i + 2) : first;
    for (let byte = first; byte <= last; byte++) members[byte] = 1;
    if (isRange) i += 2;
  }
  return members;
}

/** The members of a set. */
export function membersOf(members: ByteClass): number[] {
  return [...members.keys()].filter((byte) => members[byte] === 1);
}

/** Where the run of members that begins at `at` ends; no further than `end`. */
export function runEnd(bytes: Uint8Array, at: number, end: number, members: ByteClass): number {
  let i = at;
  while (i < end && members[bytes[i]!] === 1) i++;
  return i;
}

/** Whether `text` stands at `at`. */
export function standsAt(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (at < 0 || at + text.length > end) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

export const WORD = byteClass('A-Za-z0-9_');
export const ALPHANUMERIC = byteClass('A-Za-z0-9');
export const UPPER = byteClass('A-Z0-9');
export const HEX = byteClass('0-9a-f');
export const BASE64 = byteClass('A-Za-z0-9+/=');
export const BASE64_URL = byteClass('A-Za-z0-9_-');

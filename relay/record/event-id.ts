/**
 * `event.id`: `node-boot-sequence`, 24 characters, for example `k3f9x2-7gq2m1z-0000002kd`.
 *
 * - node (6): drawn at random once for a data directory; tells replicas apart.
 * - boot (7): the second at which this process took the journal, or one more than the last boot's where the clock stood
 *   still or went back. So a sequence number used twice, after a power cut or a restored copy, still makes another id.
 * - sequence (9): the record's place in the journal.
 *
 * Crockford's base 32 in lower case, so that ids of one node sort as text in the order of their records.
 */
export const EVENT_ID_LENGTH = 24;
const SEQUENCE_LENGTH = 9;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const ALPHABET_BYTES = Buffer.from(ALPHABET);

/** Writes `value` as `length` base-32 digits. */
export function base32(value: number, length: number): string {
  let text = '';
  for (let rest = value, i = 0; i < length; i++) {
    text = ALPHABET[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The first 15 characters of every id of one process. */
export function eventIdPrefix(node: string, bootSeconds: number): string {
  return `${node}-${base32(bootSeconds, 7)}-`;
}

/** A node's name out of 4 random bytes. */
export function nodeName(random: Uint8Array): string {
  const value = ((random[0]! << 24) | (random[1]! << 16) | (random[2]! << 8) | random[3]!) >>> 2;
  return base32(value, 6);
}

/** Writes the sequence part of an id at `position` of `bytes`. */
export function writeSequence(bytes: Uint8Array, position: number, sequence: number): void {
  // Shifts work on 32 bits, so the number is taken apart into its lower 30 bits (6 digits) and the rest (3 digits).
  let low = sequence % 0x40000000;
  let high = (sequence - low) / 0x40000000;
  for (let i = SEQUENCE_LENGTH - 1; i >= 3; i--) {
    bytes[position + i] = ALPHABET_BYTES[low & 31]!;
    low >>= 5;
  }
  for (let i = 2; i >= 0; i--) {
    bytes[position + i] = ALPHABET_BYTES[high & 31]!;
    high >>= 5;
  }
}

/** The place in an id; undefined for what is no id. */
export function sequenceOf(id: string): number | undefined {
  if (!/^[0-9a-hjkmnp-tv-z]{6}-[0-9a-hjkmnp-tv-z]{7}-[0-9a-hjkmnp-tv-z]{9}$/.test(id)) return undefined;
  let sequence = 0;
  for (const digit of id.slice(-SEQUENCE_LENGTH)) sequence = sequence * 32 + ALPHABET.indexOf(digit);
  return sequence;
}

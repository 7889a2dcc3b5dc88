import type { Source } from '../record/line-writer.ts';

/**
 * MessagePack (github.com/msgpack/msgpack, spec.md) read in place: nothing is decoded into objects, values are places in the
 * bytes. `ValueScanner` finds where a value ends and checks every length on the way; only then may `readHead` and what builds
 * on it be used, which check nothing.
 */

/**
 * - `complete`: the value is all there.
 * - `incomplete`: it may become one when more bytes arrive.
 * - `malformed`: no bytes that follow can make it one.
 * - `too_large`: it says it is longer than allowed.
 */
export type ScanResult = 'complete' | 'incomplete' | 'malformed' | 'too_large';

/** For the first bytes 0xc0 to 0xdf: how many bytes of length field, or of a value of fixed size, follow. */
const HEADER_BYTES = new Uint8Array([
  0, 0, 0, 0, 1, 2, 4, 2, 3, 5, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 1, 2, 4, 2, 4, 2, 4,
]);

/** How long a value is that begins with a byte, its elements not counted; 0 where a length field says it. */
const FIXED_BYTES = Uint8Array.from({ length: 256 }, (_, first) => {
  if (first < 0xa0 || first >= 0xe0) return 1;
  if (first < 0xc0) return 1 + (first & 31);
  const hasLength = (first >= 0xc4 && first <= 0xc9) || first >= 0xd9;
  return first === 0xc1 || hasLength ? 0 : 1 + HEADER_BYTES[first - 0xc0]!;
});

/**
 * Finds the end of one value, and goes on where it stopped when more bytes have arrived, so that a value that comes a byte at
 * a time costs no more than one that comes at once. Keeps a count of the values still to come instead of a stack: nesting
 * costs no memory, and a count that cannot fit is refused as soon as it is read.
 */
export class ValueScanner {
  /** Where the value ends, once `scan` said `complete`. */
  position = 0;
  #pending = 1;

  /** Prepares for the value that begins at `position`. */
  reset(position: number): void {
    this.position = position;
    this.#pending = 1;
  }

  /** Moves by `offset`, for bytes that were moved. */
  shift(offset: number): void {
    this.position += offset;
  }

  /** Looks at the bytes up to `end`; the value must not reach beyond `endMax`. Never throws. */
  scan(bytes: Uint8Array, end: number, endMax: number): ScanResult {
    let at = this.position;
    let pending = this.#pending;
    let result: ScanResult = 'complete';
    while (pending > 0) {
      if (at >= end) break;
      const first = bytes[at]!;
      const fixed = FIXED_BYTES[first]!;
      let next = at + fixed;
      if (fixed === 0) {
        if (first === 0xc1) {
          result = 'malformed';
          break;
        }
        next = at + 1 + HEADER_BYTES[first - 0xc0]!;
        if (next > end) break;
        if (first === 0xd9) next += bytes[at + 1]!;
        else if (first < 0xdc) next += payloadBytes(bytes, at, first);
        else pending += elements(bytes, at, first);
      } else if (first >= 0x80 && first < 0xa0) {
        pending += first < 0x90 ? (first & 15) * 2 : first & 15;
      }
      pending--;
      at = next;
      // Each value that is still to come takes a byte at least.
      if (at + pending > endMax) {
        result = 'too_large';
        break;
      }
    }
    this.position = at;
    this.#pending = pending;
    if (result !== 'complete') return result;
    return pending > 0 || at > end ? 'incomplete' : 'complete';
  }
}

/** For array16, array32, map16 and map32: how many values are inside. */
function elements(bytes: Uint8Array, at: number, first: number): number {
  const count = bigEndian(bytes, at + 1, (first & 1) === 0 ? 2 : 4);
  return first >= 0xde ? count * 2 : count;
}

/** For str, bin and ext with a length field: how many bytes follow it (and the type). */
function payloadBytes(bytes: Uint8Array, at: number, first: number): number {
  if (first >= 0xd9) return bigEndian(bytes, at + 1, 1 << (first - 0xd9));
  return first >= 0xc7 ? bigEndian(bytes, at + 1, 1 << (first - 0xc7)) : bigEndian(bytes, at + 1, 1 << (first - 0xc4));
}

function bigEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + bytes[at + i]!;
  return value;
}

const shared = new ValueScanner();

/** The end of the value at `start`; -1 where there is none that ends by `end`. Never throws. */
export function valueEnd(bytes: Uint8Array, start: number, end: number): number {
  shared.reset(start);
  return shared.scan(bytes, end, end) === 'complete' ? shared.position : -1;
}

export type ValueKind =
  'nil' | 'false' | 'true' | 'unsigned' | 'signed' | 'float' | 'string' | 'binary' | 'array' | 'map' | 'extension';

/** What `readHead` found. One object is used again for each value, so read it before the next call. */
export interface ValueHead {
  kind: ValueKind;
  /** Where the value's own bytes begin: the digits of a number, the text of a string, the first element. */
  start: number;
  /** Bytes of a number, string, binary or extension; elements of an array; pairs of a map; else 0. */
  length: number;
  /** The type of an extension, -128 to 127. */
  extensionType: number;
}

export function newValueHead(): ValueHead {
  return { kind: 'nil', start: 0, length: 0, extensionType: 0 };
}

/** Reads what stands at `position`, which must be within a value that was scanned. */
export function readHead(bytes: Uint8Array, position: number, head: ValueHead): void {
  const first = bytes[position]!;
  if (first < 0x80) return setHead(head, 'unsigned', position, 1);
  if (first < 0x90) return setHead(head, 'map', position + 1, first & 15);
  if (first < 0xa0) return setHead(head, 'array', position + 1, first & 15);
  if (first < 0xc0) return setHead(head, 'string', position + 1, first & 31);
  if (first >= 0xe0) return setHead(head, 'signed', position, 1);
  const payload = position + 1 + HEADER_BYTES[first - 0xc0]!;
  if (first < 0xc4) {
    return setHead(head, first === 0xc0 ? 'nil' : first === 0xc2 ? 'false' : 'true', payload, 0);
  }
  if (first < 0xc7) return setHead(head, 'binary', payload, payloadBytes(bytes, position, first));
  if (first < 0xca) return setExtension(head, bytes, payload, payloadBytes(bytes, position, first));
  if (first < 0xcc) return setHead(head, 'float', position + 1, first === 0xca ? 4 : 8);
  if (first < 0xd0) return setHead(head, 'unsigned', position + 1, 1 << (first - 0xcc));
  if (first < 0xd4) return setHead(head, 'signed', position + 1, 1 << (first - 0xd0));
  if (first < 0xd9) return setExtension(head, bytes, position + 2, 1 << (first - 0xd4));
  if (first < 0xdc) return setHead(head, 'string', payload, payloadBytes(bytes, position, first));
  const count = bigEndian(bytes, position + 1, (first & 1) === 0 ? 2 : 4);
  return setHead(head, first < 0xde ? 'array' : 'map', payload, count);
}

function setHead(head: ValueHead, kind: ValueKind, start: number, length: number): void {
  head.kind = kind;
  head.start = start;
  head.length = length;
}

function setExtension(head: ValueHead, bytes: Uint8Array, start: number, length: number): void {
  setHead(head, 'extension', start, length);
  head.extensionType = (bytes[start - 1]! << 24) >> 24;
}

/** A number that `readHead` found, as exact as a double is; whole numbers beyond 2^53 are rounded. */
export function readNumber(source: Source, head: ValueHead): number {
  const { view } = source;
  const { kind, start, length } = head;
  if (kind === 'float') return length === 4 ? view.getFloat32(start) : view.getFloat64(start);
  if (kind === 'unsigned') {
    if (length === 1) return view.getUint8(start);
    if (length === 2) return view.getUint16(start);
    if (length === 4) return view.getUint32(start);
    return view.getUint32(start) * 0x1_0000_0000 + view.getUint32(start + 4);
  }
  if (length === 1) return view.getInt8(start);
  if (length === 2) return view.getInt16(start);
  if (length === 4) return view.getInt32(start);
  return view.getInt32(start) * 0x1_0000_0000 + view.getUint32(start + 4);
}

/** A moment as the protocols give it, to the nanosecond. */
export interface Moment {
  epochSeconds: number;
  nanos: number;
}

/** What some time stamps say that are none: Fluent Bit marks the start and end of a group of records with -1 and -2 seconds. */
const GROUP_MARKER_SECONDS = 0xffff_fffe;
/** The end of the year 9999, beyond which ISO 8601 needs more digits. */
const EPOCH_SECONDS_MAX = 253_402_300_799;
const head = newValueHead();

/**
 * Reads a time: Fluentd's EventTime (extension type 0, 8 bytes: seconds and nanoseconds, unsigned 32 bits each; Forward
 * protocol v1, "EventTime Ext Format"), MessagePack's own timestamp (extension type -1, 4, 8 or 12 bytes), whole seconds, or
 * a float of seconds. Returns false where it is none of them, or none that a calendar has.
 */
export function readTime(source: Source, position: number, moment: Moment): boolean {
  readHead(source.bytes, position, head);
  if (head.kind === 'extension') readTimeExtension(source, moment);
  else if (head.kind === 'unsigned' || head.kind === 'signed' || head.kind === 'float') {
    const seconds = readNumber(source, head);
    moment.epochSeconds = Math.floor(seconds);
    moment.nanos = Math.floor((seconds - moment.epochSeconds) * 1e9);
  } else return false;
  return moment.epochSeconds >= 0 && moment.epochSeconds <= EPOCH_SECONDS_MAX && moment.nanos < 1e9;
}

function readTimeExtension({ view }: Source, moment: Moment): void {
  const { start, length, extensionType } = head;
  moment.epochSeconds = Number.NaN;
  if (extensionType === 0 && length === 8) {
    const seconds = view.getUint32(start);
    moment.epochSeconds = seconds >= GROUP_MARKER_SECONDS ? Number.NaN : seconds;
    moment.nanos = view.getUint32(start + 4);
  } else if (extensionType === -1 && length === 4) {
    moment.epochSeconds = view.getUint32(start);
    moment.nanos = 0;
  } else if (extensionType === -1 && length === 8) {
    // 30 bits of nanoseconds, then 34 bits of seconds.
    const high = view.getUint32(start);
    moment.nanos = high >>> 2;
    moment.epochSeconds = (high & 3) * 0x1_0000_0000 + view.getUint32(start + 4);
  } else if (extensionType === -1 && length === 12) {
    moment.nanos = view.getUint32(start);
    moment.epochSeconds = view.getInt32(start + 4) * 0x1_0000_0000 + view.getUint32(start + 8);
  }
}

import type { Source } from '../record/line-writer.ts';
import { newValueHead, readHead, readNumber, valueEnd, type ValueKind } from './msgpack.ts';

/**
 * Messages of the Fluentd Forward Protocol, version 1 (github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1), read
 * in place. All positions are places in the bytes that the message was read from.
 */

/** A chunk id that is longer is none: Fluent Bit's has 24 characters, fluentd's too. */
const CHUNK_BYTES_MAX = 256;

export type Compression = 'none' | 'gzip' | 'zstd' | 'unknown';

/** Fluent Bit's `fluent_signal`: what the entries are. The protocol itself knows logs only. */
export const SIGNAL_LOGS = 0;

export interface ForwardMessage {
  /**
   * - `message`: one entry, its time at `start` and its record after it (Message mode).
   * - `entries`: an array of entries begins at `start` (Forward mode).
   * - `packed`: entries, one after the other, fill `start` to `end` (PackedForward, CompressedPackedForward).
   */
  readonly mode: 'message' | 'entries' | 'packed';
  readonly tagStart: number;
  readonly tagEnd: number;
  readonly start: number;
  readonly end: number;
  readonly compression: Compression;
  /** The `chunk` option as it stands in the message, with its MessagePack header; equal where the sender wants no ack. */
  readonly chunkStart: number;
  readonly chunkEnd: number;
  readonly signal: number;
}

const head = newValueHead();

/** What stands at `position`; its place is then in `head`. */
function kindAt(source: Source, position: number): ValueKind {
  readHead(source.bytes, position, head);
  return head.kind;
}

/**
 * Reads the message from `start` to `end`, one value that was scanned. `heartbeat` is the nil that keeps a connection alive;
 * undefined says that it is no message of this protocol.
 */
export function readMessage(source: Source, start: number, end: number): ForwardMessage | 'heartbeat' | undefined {
  const { bytes } = source;
  const kind = kindAt(source, start);
  if (kind === 'nil') return 'heartbeat';
  const parts = head.length;
  if (kind !== 'array' || parts < 2 || parts > 4) return undefined;
  if (!isText(kindAt(source, head.start))) return undefined;
  const tagStart = head.start;
  const tagEnd = tagStart + head.length;
  const payload = kindAt(source, tagEnd);
  const payloadEnd = valueEnd(bytes, tagEnd, end);
  let message = { mode: 'packed' as ForwardMessage['mode'], tagStart, tagEnd, start: head.start, end: payloadEnd };
  let optionsAt = payloadEnd;
  let optionsPlace = 3;
  if (payload === 'array') message = { ...message, mode: 'entries', start: tagEnd };
  else if (!isText(payload)) {
    if (parts < 3 || !isTime(payload)) return undefined;
    optionsAt = valueEnd(bytes, payloadEnd, end);
    optionsPlace = 4;
    message = { ...message, mode: 'message', start: tagEnd, end: optionsAt };
  }
  if (parts > optionsPlace) return undefined;
  const options = parts < optionsPlace ? NO_OPTIONS : readOptions(source, optionsAt);
  return options && { ...message, ...options };
}

type Options = Pick<ForwardMessage, 'compression' | 'chunkStart' | 'chunkEnd' | 'signal'>;

const NO_OPTIONS: Options = { compression: 'none', chunkStart: 0, chunkEnd: 0, signal: SIGNAL_LOGS };

/** `size` is not looked at: the entries are counted as they are read. */
function readOptions(source: Source, position: number): Options | undefined {
  const { bytes } = source;
  const kind = kindAt(source, position);
  if (kind === 'nil') return NO_OPTIONS;
  if (kind !== 'map') return undefined;
  let { compression, chunkStart, chunkEnd, signal } = NO_OPTIONS;
  let at = head.start;
  for (let left = head.length; left > 0; left--) {
    const valueAt = valueEnd(bytes, at, bytes.length);
    const key = shortText(source, at);
    at = valueEnd(bytes, valueAt, bytes.length);
    const value = kindAt(source, valueAt);
    if (key === 'chunk' && value !== 'nil') {
      if (!isText(value) || head.length === 0 || head.length > CHUNK_BYTES_MAX) return undefined;
      chunkStart = valueAt;
      chunkEnd = at;
    } else if (key === 'compressed' && value !== 'nil') {
      compression = compressionNamed(shortText(source, valueAt));
    } else if (key === 'fluent_signal') {
      signal = value === 'unsigned' || value === 'signed' ? readNumber(source, head) : Number.NaN;
    }
  }
  return { compression, chunkStart, chunkEnd, signal };
}

/** fluentd says `text` where a sender said that nothing is compressed. */
function compressionNamed(name: string): Compression {
  if (name === 'gzip' || name === 'zstd') return name;
  return name === '' || name === 'text' ? 'none' : 'unknown';
}

/** A string of at most 32 bytes; empty for anything else. */
function shortText(source: Source, position: number): string {
  if (!isText(kindAt(source, position)) || head.length > 32) return '';
  return String.fromCharCode(...source.bytes.subarray(head.start, head.start + head.length));
}

/** Senders that know only the old MessagePack write text where binary is meant, and the other way round. */
function isText(kind: ValueKind): boolean {
  return kind === 'string' || kind === 'binary';
}

function isTime(kind: ValueKind): boolean {
  return kind === 'extension' || kind === 'unsigned' || kind === 'signed' || kind === 'float';
}

/** Where the parts of an entry are. One object is used again for each entry, so read it before the next call. */
export interface Entry {
  /** 0 where a record comes without a time. */
  timeAt: number;
  /** Fluent Bit's metadata; 0 where there is none, or an empty map. */
  metadataAt: number;
  recordAt: number;
}

export function newEntry(): Entry {
  return { timeAt: 0, metadataAt: 0, recordAt: 0 };
}

/**
 * Reads the entry that begins at `position`, in bytes that were scanned: `[time, record]`, or `[[time, metadata], record]` as
 * Fluent Bit sends it. Returns false where something else stands there. Where the record ends is left to whoever reads it.
 */
export function readEntry(source: Source, position: number, entry: Entry): boolean {
  if (kindAt(source, position) !== 'array' || head.length !== 2) return false;
  entry.timeAt = head.start;
  entry.metadataAt = 0;
  const isNested = kindAt(source, entry.timeAt) === 'array';
  if (isNested) {
    if (head.length !== 2) return false;
    entry.timeAt = head.start;
  }
  const timeEnd = isLeaf(kindAt(source, entry.timeAt))
    ? head.start + head.length
    : valueEnd(source.bytes, entry.timeAt, source.bytes.length);
  entry.recordAt = timeEnd;
  if (!isNested) return true;
  const empty = isEmpty(source, timeEnd);
  if (!empty) entry.metadataAt = timeEnd;
  entry.recordAt = empty ? head.start : valueEnd(source.bytes, timeEnd, source.bytes.length);
  return true;
}

function isLeaf(kind: ValueKind): boolean {
  return kind !== 'array' && kind !== 'map';
}

/** An empty map or nil; `head.start` is then where it ends. */
function isEmpty(source: Source, position: number): boolean {
  const kind = kindAt(source, position);
  return kind === 'nil' || (kind === 'map' && head.length === 0);
}

/** The ack for a message: `{"ack": chunk}`, the chunk id exactly as the sender wrote it. */
export function writeAck(bytes: Uint8Array, chunkStart: number, chunkEnd: number): Buffer {
  return Buffer.concat([ACK_HEAD, bytes.subarray(chunkStart, chunkEnd)]);
}

const ACK_HEAD = Buffer.from([0x81, 0xa3, 0x61, 0x63, 0x6b]);

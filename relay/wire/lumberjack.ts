import { RelayError } from '../errors.ts';

/**
 * Lumberjack version 2, the protocol of Logstash's `beats` and `elastic_agent` inputs: what a sender needs. What a receiver needs is in
 * lumberjack-reader.ts. Source: github.com/logstash-plugins/logstash-input-beats, PROTOCOL.md and BeatsParser.java (7.0.9), and
 * github.com/elastic/go-lumber, protocol/v2.
 *
 * Every frame begins with the version, ASCII `2`, and a letter. Numbers are 32 bits, big-endian, unsigned.
 *
 *     window      2 W count              how many records the following frames hold together
 *     json        2 J seq length JSON    one record, an object in UTF-8
 *     compressed  2 C length zlib        whole json frames
 *     ack         2 A seq                from the receiver: it has the records of the oldest window up to this seq
 *
 * `seq` begins at 1 in each window. An ack of 0 says that the receiver is alive and busy; it also answers a window of 0 records.
 */
export const VERSION = 0x32;
export const WINDOW = 0x57;
export const JSON_RECORD = 0x4a;
export const COMPRESSED = 0x43;
export const ACK = 0x41;

/** Of a window frame, and of an ack. */
export const SHORT_FRAME_BYTES = 6;
const JSON_HEADER_BYTES = 10;
const LF = 0x0a;

/**
 * A window of JSON frames around lines of JSON, each ended by LF. The lines' bytes are taken as they are: a stored line is an object in
 * valid UTF-8 without raw control characters, and nothing is gained by parsing it again for each endpoint.
 *
 * Throws an `Error` where `records` is not the number of lines: a window that announces what never comes is never acknowledged.
 */
export function encodeWindow(lines: Buffer, records: number): Buffer {
  const frames = Buffer.allocUnsafe(
    SHORT_FRAME_BYTES + records * JSON_HEADER_BYTES + Math.max(0, lines.length - records),
  );
  let at = writeShortFrame(frames, 0, WINDOW, records);
  let seq = 0;
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(LF, start);
    if (end < 0 || seq === records) throw new Error('a delivery must hold as many whole lines as it says');
    const length = end - start;
    frames[at] = VERSION;
    frames[at + 1] = JSON_RECORD;
    writeUint32(frames, at + 2, ++seq);
    writeUint32(frames, at + 6, length);
    at += JSON_HEADER_BYTES;
    frames.set(lines.subarray(start, end), at);
    at += length;
    start = end + 1;
  }
  if (seq !== records) throw new Error('a delivery must hold as many whole lines as it says');
  return frames;
}

/** What goes before a window's JSON frames once those are compressed to `compressedBytes`: the window and the frame's header. */
export function compressedWindowHeader(records: number, compressedBytes: number): Buffer {
  const header = Buffer.allocUnsafe(SHORT_FRAME_BYTES * 2);
  writeShortFrame(header, writeShortFrame(header, 0, WINDOW, records), COMPRESSED, compressedBytes);
  return header;
}

export function encodeAck(seq: number): Buffer {
  const frame = Buffer.allocUnsafe(SHORT_FRAME_BYTES);
  writeShortFrame(frame, 0, ACK, seq);
  return frame;
}

/** Reads acks out of what a receiver sends, however it is split. Holds at most one incomplete frame. */
export class AckReader {
  readonly #frame = Buffer.alloc(SHORT_FRAME_BYTES);
  #filled = 0;

  /** Calls `visit` with the seq of each ack that `chunk` completes. Throws `OUTPUT_PROTOCOL` at anything that is no ack. */
  push(chunk: Uint8Array, visit: (seq: number) => void): void {
    const frame = this.#frame;
    for (const byte of chunk) {
      const expected = this.#filled === 0 ? VERSION : this.#filled === 1 ? ACK : byte;
      if (byte !== expected) {
        throw new RelayError('OUTPUT_PROTOCOL', 'the server sent something that is no lumberjack acknowledgement');
      }
      frame[this.#filled++] = byte;
      if (this.#filled < SHORT_FRAME_BYTES) continue;
      this.#filled = 0;
      visit(frame.readUInt32BE(2));
    }
  }
}

/** Writes a frame that is a letter and a number; returns where it ends. */
function writeShortFrame(to: Buffer, at: number, letter: number, value: number): number {
  to[at] = VERSION;
  to[at + 1] = letter;
  writeUint32(to, at + 2, value);
  return at + SHORT_FRAME_BYTES;
}

function writeUint32(to: Buffer, at: number, value: number): void {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
}

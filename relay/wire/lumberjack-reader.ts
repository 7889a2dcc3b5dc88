import { inflateSync } from 'node:zlib';
import { RelayError } from '../errors.ts';
import { COMPRESSED, JSON_RECORD, VERSION, WINDOW } from './lumberjack.ts';

/** What a receiver takes at most. Whatever exceeds it fails with `INPUT_TOO_LARGE`, before memory is spent on it. */
export interface LumberjackLimits {
  readonly windowRecordsMax: number;
  /** Of one frame as it is on the wire, header left out. */
  readonly frameBytesMax: number;
  /** Of what one compressed frame unpacks to. */
  readonly inflatedBytesMax: number;
  /** Of the records of one window together. */
  readonly windowBytesMax: number;
}

export const defaultLumberjackLimits: LumberjackLimits = {
  windowRecordsMax: 10_000,
  frameBytesMax: 64 << 20,
  inflatedBytesMax: 128 << 20,
  windowBytesMax: 128 << 20,
};

export type LumberjackFrame =
  | { readonly type: 'window'; readonly count: number }
  | { readonly type: 'json'; readonly seq: number; readonly payload: Buffer }
  | { readonly type: 'compressed'; readonly payload: Buffer };

/** Splits a stream of bytes into frames, however it is cut. */
export class LumberjackFrameReader {
  readonly #limits: LumberjackLimits;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** No frame can be complete before this many bytes are there, so that a large one is put together once, not at each read. */
  #wanted = 6;

  constructor(limits: LumberjackLimits = defaultLumberjackLimits) {
    this.#limits = limits;
  }

  /** The frames that `chunk` completes. Throws `INPUT_UNDECODABLE` or `INPUT_TOO_LARGE`; the stream is then of no more use. */
  push(chunk: Buffer): LumberjackFrame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return [];
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    const frames: LumberjackFrame[] = [];
    let at = 0;
    for (;;) {
      const next = readFrame(bytes, at, this.#limits);
      if (typeof next === 'number') {
        this.#wanted = next;
        break;
      }
      frames.push(next.frame);
      at = next.end;
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return frames;
  }
}

/** The JSON frames of a compressed frame. Throws `INPUT_UNDECODABLE` or `INPUT_TOO_LARGE`. */
export function inflateFrames(
  payload: Buffer,
  limits: LumberjackLimits = defaultLumberjackLimits,
): Array<Extract<LumberjackFrame, { type: 'json' }>> {
  const bytes = inflate(payload, limits.inflatedBytesMax);
  const frames: Array<Extract<LumberjackFrame, { type: 'json' }>> = [];
  for (let at = 0; at < bytes.length;) {
    const next = readFrame(bytes, at, limits);
    // A compressed frame within a compressed frame is how a small message would become a very large one.
    if (typeof next === 'number' || next.frame.type !== 'json') {
      throw new RelayError('INPUT_UNDECODABLE', 'a compressed lumberjack frame must hold whole JSON frames only');
    }
    frames.push(next.frame);
    at = next.end;
  }
  return frames;
}

export interface LumberjackWindow {
  /** The JSON of each record, as it came. */
  readonly payloads: readonly Buffer[];
  /** What to acknowledge. 0 for an empty window, which asks for a sign of life. */
  readonly highestSeq: number;
}

/** Puts windows together out of a stream of bytes: all that a receiver needs but the answer, `encodeAck(window.highestSeq)`. */
export class LumberjackWindowReader {
  readonly #limits: LumberjackLimits;
  readonly #frames: LumberjackFrameReader;
  #open = false;
  #left = 0;
  #bytes = 0;
  #highestSeq = 0;
  #payloads: Buffer[] = [];

  constructor(limits: LumberjackLimits = defaultLumberjackLimits) {
    this.#limits = limits;
    this.#frames = new LumberjackFrameReader(limits);
  }

  /** The windows that `chunk` completes. Throws `INPUT_UNDECODABLE` or `INPUT_TOO_LARGE`; the connection is then to be dropped. */
  push(chunk: Buffer): LumberjackWindow[] {
    const windows: LumberjackWindow[] = [];
    for (const frame of this.#frames.push(chunk)) {
      if (frame.type === 'window') this.#begin(frame.count);
      else if (frame.type === 'json') this.#add(frame.seq, frame.payload);
      else for (const inner of inflateFrames(frame.payload, this.#limits)) this.#add(inner.seq, inner.payload);
      if (!this.#open || this.#left > 0) continue;
      windows.push({ payloads: this.#payloads, highestSeq: this.#highestSeq });
      this.#open = false;
    }
    return windows;
  }

  #begin(count: number): void {
    if (this.#open) throw new RelayError('INPUT_UNDECODABLE', 'a lumberjack window began before the last one was full');
    this.#open = true;
    this.#left = count;
    this.#bytes = 0;
    this.#highestSeq = 0;
    this.#payloads = [];
  }

  #add(seq: number, payload: Buffer): void {
    if (!this.#open || this.#left === 0) {
      throw new RelayError('INPUT_UNDECODABLE', 'a lumberjack window held more records than it announced');
    }
    this.#bytes += payload.length;
    if (this.#bytes > this.#limits.windowBytesMax) {
      throw new RelayError('INPUT_TOO_LARGE', `a lumberjack window is over ${this.#limits.windowBytesMax} bytes`);
    }
    this.#left--;
    this.#highestSeq = Math.max(this.#highestSeq, seq);
    this.#payloads.push(payload);
  }
}

/** The frame at `at` and where it ends, or how many bytes from `at` it needs at least. */
function readFrame(
  bytes: Buffer,
  at: number,
  limits: LumberjackLimits,
): { frame: LumberjackFrame; end: number } | number {
  const have = bytes.length - at;
  if (have > 0 && bytes[at] !== VERSION) {
    throw new RelayError('INPUT_UNDECODABLE', 'this is not lumberjack version 2');
  }
  if (have < 6) return 6;
  const number = bytes.readUInt32BE(at + 2);
  switch (bytes[at + 1]) {
    case WINDOW:
      if (number > limits.windowRecordsMax) {
        throw new RelayError('INPUT_TOO_LARGE', `a lumberjack window is over ${limits.windowRecordsMax} records`);
      }
      return { frame: { type: 'window', count: number }, end: at + 6 };
    case COMPRESSED: {
      const end = 6 + checkLength(number, limits);
      if (have < end) return end;
      return { frame: { type: 'compressed', payload: bytes.subarray(at + 6, at + end) }, end: at + end };
    }
    case JSON_RECORD: {
      if (have < 10) return 10;
      const end = 10 + checkLength(bytes.readUInt32BE(at + 6), limits);
      if (have < end) return end;
      return { frame: { type: 'json', seq: number, payload: bytes.subarray(at + 10, at + end) }, end: at + end };
    }
    default:
      throw new RelayError('INPUT_UNDECODABLE', 'a lumberjack frame of an unknown type');
  }
}

function checkLength(length: number, limits: LumberjackLimits): number {
  if (length > limits.frameBytesMax) {
    throw new RelayError('INPUT_TOO_LARGE', `a lumberjack frame is over ${limits.frameBytesMax} bytes`);
  }
  return length;
}

function inflate(payload: Buffer, bytesMax: number): Buffer {
  try {
    return inflateSync(payload, { maxOutputLength: bytesMax });
  } catch (cause) {
    const large = cause instanceof RangeError;
    const message = large ? `a lumberjack frame unpacks to over ${bytesMax} bytes` : 'a lumberjack frame is not zlib';
    throw new RelayError(large ? 'INPUT_TOO_LARGE' : 'INPUT_UNDECODABLE', message, { cause });
  }
}

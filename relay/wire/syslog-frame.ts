import { sourceOf, type Source } from '../record/line-writer.ts';
import {
  COUNT_DIGITS_MAX,
  CR,
  LESS_THAN,
  LF,
  NUL,
  SPACE,
  beginsMessage,
  canBegin,
  characterBoundary,
  isDigit,
  searchable,
  withoutLineEnd,
} from './syslog-frame-bytes.ts';

/** Why a stream cannot be read on: the frames before that point have been handed over. */
export type StreamFault = 'frame_invalid' | 'tls';

export interface SyslogFramerOptions {
  /** Longer messages are handed over in parts of at most this many bytes. */
  readonly messageBytesMax: number;
  /** Takes a message's bytes, which are valid during the call only. The framer's own fields tell what is odd about it. */
  readonly onFrame: (source: Source, start: number, end: number) => void;
}

/** A number this long at the start of a message is neither an octet count nor a time: reading on would only feed it. */
const DIGITS_MAX = 32;
/** No octet count above this is believed. */
const COUNT_MAX = 1024 * 1024 * 1024;
/** How much of the next chunk is joined to a message's beginning at first. */
const BRIDGE_BYTES = 1_024;

const START = 0;
const DELIMITED = 1;
const COUNTED = 2;
const COUNTED_PARTS = 3;
/** What follows a counted message and cannot begin one: the count was too small, so this is a rest. */
const REST = 4;

/**
 * Cuts a TCP stream into syslog messages. The framing is found for each message anew:
 *
 * - `123 <…`: octet counting (RFC 6587 §3.4.1), with up to 10 digits, the first from 1 to 9. A LF that ends the counted bytes, or
 *   stands between messages, belongs to the framing.
 * - anything else ends at LF, a CR before it dropped, or at NUL (RFC 6587 §3.4.2). Empty messages are passed over. Where the last message
 *   ended in LF, a NUL ends this one only if a message begins right behind it: such senders put NULs into their text.
 *
 * An octet count that lies: when a counted message holds a LF followed by what begins a message (`<34>`, `123 <`), the next
 * byte after it decides. Where that byte can begin a message the count is right, and the inner line is text that someone put into
 * a message; where it cannot, the message is read again as ended by LF. A count that is too small leaves a rest that cannot begin a
 * message; it goes up to a LF, a NUL or the next `123 <`. Bytes are neither merged into another message nor lost.
 *
 * The same bytes give the same frames however they are split into chunks, and in time linear in their number.
 */
export class SyslogFramer {
  /** Of the frame being handed over: 0 for a whole message, else the number of this part, from 1. */
  part = 0;
  /** Of the frame being handed over: the message's own length where it is known and this is not all of it, else 0. */
  totalBytes = 0;
  /** Of the frame being handed over: true where the stream ended before the message did. */
  cut = false;
  /** Of the frame being handed over: how many bytes behind it are the delimiter that ended it; 0 where it was counted. */
  delimiterBytes = 0;
  /** Set by whoever takes the frames: what follows is lines, none of them counted. Empty ones, otherwise passed over, are handed over too. */
  linesOnly = false;

  readonly #onFrame: (source: Source, start: number, end: number) => void;
  readonly #bytesMax: number;

  // The beginning of a message whose end has not arrived.
  #carry: Source | undefined;
  #carryLength = 0;

  #mode = START;
  #begun = false;
  #afterCounted = false;
  /** True where the last message ended in LF. */
  #endsLines = false;
  #bodyOffset = 0;
  #count = 0;
  #handedOver = 0;
  /** Bytes of the current message that are known to hold neither LF nor NUL. */
  #scanned = 0;
  // Where the next LF and NUL of the buffer at hand are; -1 while not looked for.
  #lf = -1;
  #nul = -1;
  #fault: StreamFault | undefined;

  constructor({ messageBytesMax, onFrame }: SyslogFramerOptions) {
    this.#bytesMax = messageBytesMax;
    this.#onFrame = onFrame;
  }

  /** True while a message has begun and its end has not arrived. */
  get pending(): boolean {
    return this.#carryLength > 0 || this.#mode !== START;
  }

  /** Takes the next bytes of the stream. After a fault the stream is to be given up: what follows is not read. */
  push(chunk: Buffer): StreamFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    let at = 0;
    if (this.#carryLength > 0) {
      at = this.#bridge(chunk);
      if (at < 0 || this.#fault !== undefined) return this.#fault;
    }
    this.#lf = -1;
    this.#nul = -1;
    at = this.#scan(sourceOf(chunk), chunk, at, chunk.length, false);
    if (this.#fault === undefined && at < chunk.length) this.#append(chunk, at, chunk.length);
    return this.#fault;
  }

  /** The stream has ended: hands over the message that has no end. Returns whether there was one. */
  end(): boolean {
    const source = this.#carry;
    const length = this.#carryLength;
    if (this.#fault !== undefined || source === undefined || length === 0) return false;
    const bytes = searchable(source, length);
    this.#carryLength = 0;
    this.#carry = undefined;
    this.#lf = -1;
    this.#nul = -1;
    this.#scanned = 0;
    const at = this.#scan(source, bytes, 0, length, true);
    if (at >= length || this.#fault !== undefined) return false;
    this.cut = true;
    if (this.#mode === COUNTED) this.#emitCut(source, at + this.#bodyOffset, length, this.#count);
    else if (this.#mode === COUNTED_PARTS) this.#emitPart(source, at, length, this.#count);
    else if (this.part > 0) this.#emitPart(source, at, length, 0);
    else this.#emitCut(source, at, length, 0);
    this.cut = false;
    this.#reset();
    return true;
  }

  /**
   * Joins the chunk's first bytes to what was carried over until the message they belong to is complete. Returns where in the chunk to
   * go on, or -1 when all of it has been taken.
   */
  #bridge(chunk: Buffer): number {
    let carried = this.#carryLength;
    for (let taken = 0; ;) {
      const step = Math.min(chunk.length - taken, Math.max(BRIDGE_BYTES, this.#carryLength));
      this.#append(chunk, taken, taken + step);
      taken += step;
      this.#lf = -1;
      this.#nul = -1;
      const source = this.#carry!;
      const at = this.#scan(source, searchable(source, this.#carryLength), 0, this.#carryLength, false);
      if (this.#fault !== undefined) return -1;
      if (at >= carried) {
        const next = taken - (this.#carryLength - at);
        this.#carryLength = 0;
        this.#carry = undefined;
        return next;
      }
      if (at > 0) {
        source.bytes.copyWithin(0, at, this.#carryLength);
        this.#carryLength -= at;
        carried -= at;
      }
      if (taken === chunk.length) return -1;
    }
  }

  #append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#carryLength + end - start;
    if (this.#carry === undefined || this.#carry.bytes.length < needed) {
      // Memory of its own, so that a waiting connection does not hold on to a whole chunk.
      const grown = sourceOf(Buffer.allocUnsafeSlow(Math.max(2 * needed, 256)));
      if (this.#carry !== undefined) grown.bytes.set(this.#carry.bytes.subarray(0, this.#carryLength));
      this.#carry = grown;
    }
    chunk.copy(this.#carry.bytes, this.#carryLength, start, end);
    this.#carryLength = needed;
  }

  /** Hands over the messages between `start` and `end`; returns where the first incomplete one begins. */
  #scan(source: Source, bytes: Buffer, start: number, end: number, final: boolean): number {
    let at = start;
    while (at < end) {
      if (this.#mode === START && !this.#begin(bytes, at, end, final)) return at;
      const next =
        this.#mode <= DELIMITED
          ? this.#delimited(source, bytes, at, end, end, final)
          : this.#mode === REST
            ? this.#rest(source, bytes, at, end, final)
            : this.#mode === COUNTED
              ? this.#counted(source, bytes, at, end, final)
              : this.#countedPart(source, at, end);
      if (next < 0) return at;
      at = next;
    }
    return at;
  }

  /** Finds the framing of the message that begins at `at`; false where more bytes are needed, or at a fault. */
  #begin(bytes: Buffer, at: number, end: number, final: boolean): boolean {
    const first = bytes[at]!;
    if ((first === LESS_THAN && this.#begun) || this.linesOnly) {
      this.#mode = DELIMITED;
      return true;
    }
    if (!this.#begun) {
      // A TLS client's first record (RFC 8446 §5.1): type 22, version 3.x.
      if (first === 0x16 && at + 1 >= end && !final) return false;
      if (first === 0x16 && bytes[at + 1] === 0x03 && at + 1 < end) {
        this.#fault = 'tls';
        return false;
      }
      this.#begun = true;
    }
    if (isDigit(first)) return this.#beginWithDigit(bytes, at, end, final);
    this.#mode = this.#afterCounted ? REST : DELIMITED;
    return true;
  }

  #beginWithDigit(bytes: Buffer, at: number, end: number, final: boolean): boolean {
    let value = 0;
    let i = at;
    for (; i < end && isDigit(bytes[i]!); i++) {
      value = value * 10 + bytes[i]! - 0x30;
      if (i - at >= DIGITS_MAX && !final) {
        this.#fault = 'frame_invalid';
        return false;
      }
    }
    if (i === end || (bytes[i] === SPACE && i + 1 === end)) {
      if (!final) return false;
      i = end;
    }
    this.#mode = this.#afterCounted ? REST : DELIMITED;
    if (i === end || bytes[i] !== SPACE || bytes[i + 1] !== LESS_THAN) return true;
    if (i - at > COUNT_DIGITS_MAX || bytes[at] === 0x30 || value > COUNT_MAX) {
      // A time in digits may stand before `<info>`; before a priority it can only be a count.
      if (i + 2 === end && !final) {
        this.#mode = START;
        return false;
      }
      if (final || !isDigit(bytes[i + 2]!)) return true;
      this.#fault = 'frame_invalid';
      return false;
    }
    this.#mode = COUNTED;
    this.#count = value;
    this.#bodyOffset = i + 1 - at;
    return true;
  }

  /** A message that ends at LF or NUL, or at `limit` where that is before `end`. Returns -1 where its end is not there. */
  #delimited(source: Source, bytes: Buffer, at: number, end: number, limit: number, final: boolean): number {
    let stop = this.#lf;
    if (stop < at) {
      stop = bytes.indexOf(LF, at + this.#scanned);
      if (stop < 0 || stop > end) stop = end;
      this.#lf = stop;
    }
    let nul = this.#nul;
    if (nul < at) nul = this.#findNul(bytes, at + this.#scanned, end);
    // What stands behind `limit` does not matter here: it may not have arrived yet.
    if (nul < Math.min(stop, limit)) {
      if (this.#endsLines) nul = this.#skipNuls(bytes, nul, stop, end, final);
      if (nul < 0) {
        // What stands behind this NUL is not there yet.
        if (~nul - at <= this.#bytesMax + 1) {
          this.#scanned = ~nul - at;
          return -1;
        }
        nul = ~nul;
      }
      if (nul < stop) stop = nul;
    }
    const bounded = limit < stop;
    if (bounded) stop = limit;
    const found = bounded || stop < end;
    const stopsAtLf = found && !bounded && stop === this.#lf;
    const last = stopsAtLf && stop > at && bytes[stop - 1] === CR ? stop - 1 : stop;
    // A CR and a LF may still follow a message that has just the length allowed.
    if (last - at > this.#bytesMax && (found || stop - at > this.#bytesMax + 1)) {
      const cutAt = characterBoundary(bytes, at, at + this.#bytesMax);
      this.#handOverPart(source, at, cutAt);
      return cutAt;
    }
    if (!found) {
      this.#scanned = end - at;
      return -1;
    }
    this.#scanned = 0;
    this.#mode = START;
    if (!bounded) this.#endsLines = stopsAtLf;
    if (last > at) this.#afterCounted = false;
    this.delimiterBytes = bounded ? 0 : stop + 1 - last;
    if (this.part > 0) this.#emitPart(source, at, last, 0);
    else if (last > at || this.linesOnly) this.#onFrame(source, at, last);
    return bounded ? stop : stop + 1;
  }

  #findNul(bytes: Buffer, from: number, end: number): number {
    const nul = bytes.indexOf(NUL, from);
    this.#nul = nul < 0 || nul > end ? end : nul;
    return this.#nul;
  }

  /**
   * Where lines end in LF, a NUL is text unless a message begins behind it. Returns the first NUL from `first` on that is not text; `stop` where
   * there is none before it; the complement of a NUL of which that cannot be told yet.
   */
  #skipNuls(bytes: Buffer, first: number, stop: number, end: number, final: boolean): number {
    let nul = first;
    for (; nul < stop; nul = this.#findNul(bytes, nul + 1, end)) {
      const begins = beginsMessage(bytes, nul + 1, end);
      if (begins || (final && nul + 1 === end)) return nul;
      if (begins === undefined && !final) return ~nul;
    }
    return stop;
  }

  /** What a count that was too small has left over: up to a delimiter or the next octet count. */
  #rest(source: Source, bytes: Buffer, at: number, end: number, final: boolean): number {
    const window = Math.min(end, at + this.#bytesMax + 2);
    for (
      let i = bytes.indexOf(LESS_THAN, at + this.#scanned);
      i >= 0 && i < window;
      i = bytes.indexOf(LESS_THAN, i + 1)
    ) {
      if (bytes[i - 1] !== SPACE) continue;
      let digits = i - 1;
      while (digits > at && i - 1 - digits < COUNT_DIGITS_MAX && isDigit(bytes[digits - 1]!)) digits--;
      if (digits < i - 1 && digits > at) return this.#delimited(source, bytes, at, end, digits, final);
    }
    return this.#delimited(source, bytes, at, end, end, final);
  }

  #counted(source: Source, bytes: Buffer, at: number, end: number, final: boolean): number {
    const body = at + this.#bodyOffset;
    if (this.#count > this.#bytesMax) {
      this.#mode = COUNTED_PARTS;
      return body;
    }
    const next = body + this.#count;
    if (next > end) {
      if (final && this.#holdsLine(bytes, body, end, end)) return this.#notCounted(at);
      return -1;
    }
    if (this.#holdsLine(bytes, body, next, end)) {
      if (next === end && !final) return -1;
      if (next < end && !canBegin(bytes[next]!)) return this.#notCounted(at);
    }
    this.#scanned = 0;
    this.#mode = START;
    this.#afterCounted = true;
    const last = withoutLineEnd(bytes, body, next);
    this.delimiterBytes = 0;
    if (last > body) this.#onFrame(source, body, last);
    return next;
  }

  #notCounted(at: number): number {
    this.#mode = DELIMITED;
    this.#scanned = 0;
    this.#lf = -1;
    return at;
  }

  /** Whether the bytes hold a LF that is followed by what begins a message. */
  #holdsLine(bytes: Buffer, start: number, stop: number, end: number): boolean {
    for (let i = start; ;) {
      let lf = this.#lf;
      if (lf < i) {
        lf = bytes.indexOf(LF, i);
        if (lf < 0 || lf > end) lf = end;
        this.#lf = lf;
      }
      if (lf >= stop - 1) return false;
      if (beginsMessage(bytes, lf + 1, stop) === true) return true;
      i = lf + 1;
    }
  }

  /** The next part of a counted message that is longer than allowed; `#count` is its length, `#handedOver` what went out. */
  #countedPart(source: Source, at: number, end: number): number {
    const left = this.#count - this.#handedOver;
    if (left > this.#bytesMax) {
      if (end - at <= this.#bytesMax) return -1;
      const cutAt = characterBoundary(source.bytes, at, at + this.#bytesMax);
      this.totalBytes = this.#count;
      this.#handOverPart(source, at, cutAt);
      return cutAt;
    }
    if (end - at < left) return -1;
    const last = withoutLineEnd(source.bytes, at, at + left);
    this.#afterCounted = true;
    this.#mode = START;
    this.#emitPart(source, at, last, this.#count);
    return at + left;
  }

  #handOverPart(source: Source, start: number, end: number): void {
    this.part++;
    this.delimiterBytes = 0;
    this.#handedOver += end - start;
    this.#scanned = 0;
    this.#onFrame(source, start, end);
  }

  /** The last part of a message. */
  #emitPart(source: Source, start: number, end: number, total: number): void {
    this.part++;
    this.totalBytes = total > 0 ? total : this.cut ? 0 : this.#handedOver + end - start;
    if (end > start) this.#onFrame(source, start, end);
    this.part = 0;
    this.totalBytes = 0;
    this.#handedOver = 0;
  }

  #emitCut(source: Source, start: number, end: number, total: number): void {
    this.totalBytes = total;
    this.delimiterBytes = 0;
    if (end > start) this.#onFrame(source, start, end);
    this.totalBytes = 0;
  }

  #reset(): void {
    this.#mode = START;
    this.#scanned = 0;
    this.#handedOver = 0;
    this.part = 0;
  }
}

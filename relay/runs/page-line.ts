import { sourceOf } from '../record/line-writer.ts';
import { parseRfc3339, rfc3339Time } from '../record/time.ts';

/**
 * A physical line of a page, taken apart. The runner writes `DateTime.UtcNow` in "O" form, a space and the message (`Logging.cs`); a
 * message of several lines goes on without a stamp. A page begins with a byte order mark.
 */
export interface LineParts {
  readonly bom: boolean;
  /** `2026-11-22T08:14:59.1234567Z`; undefined for the continuation of a message. */
  readonly stamp: string | undefined;
  /** The stamp as a number, see `ticksOf`. */
  readonly ticks: number | undefined;
  /** What follows the stamp and its space; without a stamp, all but the byte order mark. */
  readonly text: Buffer;
}

export const BOM = Buffer.from('\ufeff');
export const BOM_LENGTH = BOM.length;
const STAMP_LENGTH = 28;
const FRACTION_DIGITS = 7;
const SPACE = 0x20;

const TICKS_PER_SECOND = 10_000_000;
/** Ticks are counted from here, so that a number holds them exactly until 2052. */
const BASE_SECONDS = 1_700_000_000;

/** Takes a line, without its ending, apart. Any bytes will do. */
export function readPageLine(bytes: Buffer): LineParts {
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const start = bom ? BOM_LENGTH : 0;
  const end = start + STAMP_LENGTH;
  const source = sourceOf(bytes);
  if (bytes[end] !== SPACE || bytes[end - 1] !== 0x5a || !parseRfc3339(source, start, end))
    return { bom, stamp: undefined, ticks: undefined, text: bom ? bytes.subarray(start) : bytes };
  const { epochMs, fractionStart, fractionEnd } = rfc3339Time;
  if (fractionEnd - fractionStart !== FRACTION_DIGITS)
    return { bom, stamp: undefined, ticks: undefined, text: bom ? bytes.subarray(start) : bytes };
  const stamp = bytes.toString('latin1', start, end);
  const ticks = ticksOf(epochMs, Number(stamp.slice(-1 - FRACTION_DIGITS, -1)));
  return { bom, stamp, ticks, text: bytes.subarray(end + 1) };
}

/** Ticks of 100 ns since a moment in 2023, of a time's whole second and its fraction in ticks. */
export function ticksOf(ms: number, fractionTicks = 0): number {
  return (Math.floor(ms / 1_000) - BASE_SECONDS) * TICKS_PER_SECOND + fractionTicks;
}

/** The whole second of ticks, since 1970. */
export function secondOf(ticks: number): number {
  return Math.floor(ticks / TICKS_PER_SECOND) + BASE_SECONDS;
}

/** Milliseconds since 1970, rounded down. */
export function msOf(ticks: number): number {
  return Math.floor(ticks / (TICKS_PER_SECOND / 1_000)) + BASE_SECONDS * 1_000;
}

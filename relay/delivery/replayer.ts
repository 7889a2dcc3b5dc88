import type { DeliveryLimits, Output } from '../component/output.ts';
import { RelayError, describeError } from '../errors.ts';
import { sleep, type Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import { eventIdOf, lineOffsets } from '../record/lines.ts';
import { nextDelayMs } from './backoff.ts';

/** How much of the rate goes at once, in seconds. */
const PIECE_S = 0.2;

/** Records of the journal, in order. Between them may be others that are not meant. */
export interface ReplayedLines {
  readonly firstSeq: number;
  readonly records: number;
  /** Lines, each ended by LF. */
  readonly lines: Buffer;
  /** The place of the last record looked at. */
  readonly lastSeq: number;
}

export interface ReplayerOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends it between two deliveries. */
  readonly signal: AbortSignal;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  /** 0: as fast as the endpoint takes them. */
  readonly recordsPerSecond: number;
  readonly fromSeq: number;
  /** The endpoint does not take records at present; it is tried again for ever. */
  readonly onTrouble: (reason: string) => void;
  /** The endpoint refused one record for good; the others go on. */
  readonly onRefused: (id: string, reason: string) => void;
}

/** Sends records of the journal to an endpoint once more, in order, past its cursor, waiting out failures. */
export class Replayer {
  sent = 0;
  refused = 0;
  /** Where to go on. */
  nextSeq: number;
  readonly #options: ReplayerOptions;
  #readyMs = 0;

  constructor(options: ReplayerOptions) {
    this.#options = options;
    this.nextSeq = options.fromSeq;
  }

  /** False where it was interrupted. */
  async send(found: ReplayedLines): Promise<boolean> {
    this.nextSeq = found.firstSeq;
    const offsets = lineOffsets(found.lines, found.records);
    for (let from = 0; from < found.records;) {
      const to = pieceEnd(offsets, from, this.#limits);
      await this.#pace(to - from);
      if (!(await this.#deliver(found.lines, offsets, from, to))) return false;
      from = to;
    }
    this.nextSeq = found.lastSeq + 1;
    return !this.#options.signal.aborted;
  }

  /** A rate is kept by small pieces, not by large ones with long rests between them. */
  get #limits(): DeliveryLimits {
    const { output, recordsPerSecond } = this.#options;
    if (recordsPerSecond === 0) return output.limits;
    const recordsMax = Math.min(output.limits.recordsMax, Math.max(1, Math.floor(recordsPerSecond * PIECE_S)));
    return { ...output.limits, recordsMax };
  }

  async #deliver(lines: Buffer, offsets: Uint32Array, from: number, to: number): Promise<boolean> {
    const { output, signal, clock, random, backoff, onTrouble } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      const piece = {
        firstSeq: this.nextSeq + from,
        records: to - from,
        lines: lines.subarray(offsets[from], offsets[to]),
      };
      try {
        await output.deliver(piece, signal);
        this.sent += to - from;
        return true;
      } catch (error) {
        if (!(error instanceof RelayError)) throw error;
        if (error.disposition === 'reject') return this.#afterRefusal(error, lines, offsets, from, to);
        if (signal.aborted) break;
        failures++;
        if (failures === 1) onTrouble(describeError(error));
        await sleep(clock, nextDelayMs(failures, backoff, random.fraction(), error.retryAfterMs), signal);
      }
    }
    return false;
  }

  /** Finds the record at fault, if need be by halves; that one is left out and told of. */
  async #afterRefusal(
    error: RelayError,
    lines: Buffer,
    offsets: Uint32Array,
    from: number,
    to: number,
  ): Promise<boolean> {
    const known = to - from === 1 ? 0 : error.recordIndex;
    if (known === undefined) {
      const middle = from + ((to - from) >> 1);
      return (await this.#deliver(lines, offsets, from, middle)) && this.#deliver(lines, offsets, middle, to);
    }
    // What stands before the one at fault was taken with it.
    const at = Math.min(from + known, to - 1);
    this.sent += at - from;
    this.refused++;
    this.#options.onRefused(eventIdOf(lines, offsets[at]!), describeError(error));
    return at + 1 === to || this.#deliver(lines, offsets, at + 1, to);
  }

  async #pace(records: number): Promise<void> {
    const { recordsPerSecond, clock, signal } = this.#options;
    if (recordsPerSecond === 0) return;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#readyMs - nowMs;
    this.#readyMs = Math.max(nowMs, this.#readyMs) + (records / recordsPerSecond) * 1_000;
    if (waitMs > 0) await sleep(clock, waitMs, signal);
  }
}

/** Where a piece that begins at `from` ends, within the output's limits. */
function pieceEnd(offsets: Uint32Array, from: number, limits: DeliveryLimits): number {
  const records = offsets.length - 1;
  let to = from + 1;
  while (to < records && to - from < limits.recordsMax && offsets[to + 1]! - offsets[from]! <= limits.bytesMax) to++;
  return to;
}

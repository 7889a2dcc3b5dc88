import type { Progress } from '../journal/journal.ts';
import type { Pin } from './page-order.ts';

/** Where nothing of runners comes the cursor is moved this rarely, or after so many records: a relay without runners must not pay for it. */
const IDLE_MOVE_MS = 5_000;
const IDLE_RECORDS = 20_000;

/** A stretch of the journal that was read: it can be left behind once none of its lines is held. */
interface Stretch extends Pin {
  readonly fromSeq: number;
  toSeq: number;
  /** How many of its records are lines of runners. */
  readonly taken: number;
  /** Of its lines, none for stretches without lines of runners. */
  readonly bytes: number;
  readonly sinceMs: number;
}

/** What was read of the journal at once. */
export interface ReadStretch {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly taken: number;
  readonly bytes: number;
  readonly nowMs: number;
}

/** What was read of the journal and is not left behind yet. */
export class Stretches {
  readonly #stretches: Stretch[] = [];
  readonly #heldMsMax: number;
  #cursor: number;
  #movedMs = Number.NEGATIVE_INFINITY;
  /** Of runners' lines that were read and are not left behind. */
  bytes = 0;

  /**
   * `heldMsMax` is how long a stretch may keep the cursor: a job of many hours must not keep everybody's raw lines in the journal for what
   * it may still need of its own. It must be so long that all is written by then but copies of lines that were written.
   */
  constructor(cursor: number, heldMsMax: number) {
    this.#cursor = cursor;
    this.#heldMsMax = heldMsMax;
  }

  /** Adds what was read; `pin` counts its lines that are held. */
  add({ fromSeq, toSeq, taken, bytes, nowMs }: ReadStretch, pin: Pin): void {
    const last = this.#stretches.at(-1);
    this.bytes += bytes;
    // Stretches without lines of runners are many and say little: they become one.
    if (taken === 0 && last !== undefined && last.taken === 0 && last.toSeq === fromSeq) last.toSeq = toSeq;
    else this.#stretches.push(Object.assign(pin, { fromSeq, toSeq, taken, bytes, sinceMs: nowMs }));
  }

  /** Leaves behind what is done with: all before the first stretch with lines that are held, and not for too long. Returns the moves of the cursor. */
  leave(nowMs: number): Progress[] {
    const [, ...others] = this.#stretches;
    const end = this.#stretches.at(-1)?.toSeq ?? this.#cursor;
    const isIdle = others.length === 0 && this.#stretches[0]?.taken === 0 && end - this.#cursor < IDLE_RECORDS;
    if (isIdle && nowMs - this.#movedMs < IDLE_MOVE_MS) return [];
    this.#movedMs = nowMs;
    const held = this.#stretches.findIndex(({ held, sinceMs }) => held > 0 && nowMs - sinceMs < this.#heldMsMax);
    const left = this.#stretches.splice(0, held < 0 ? this.#stretches.length : held);
    const moves: Progress[] = [];
    for (const stretch of left) {
      const { fromSeq, toSeq, taken } = stretch;
      stretch.left = true;
      this.bytes -= stretch.bytes;
      const move = { fromSeq, toSeq, delivered: taken, filtered: toSeq - fromSeq - taken, refused: [] };
      const last = moves.at(-1);
      // Between two that do not touch lies what has gone from the journal, which counts it.
      if (last === undefined || last.toSeq !== fromSeq) moves.push(move);
      else moves[moves.length - 1] = joined(last, move);
      this.#cursor = toSeq;
    }
    return moves;
  }
}

function joined(first: Progress, second: Progress): Progress {
  return {
    fromSeq: first.fromSeq,
    toSeq: second.toSeq,
    delivered: first.delivered + second.delivered,
    filtered: first.filtered + second.filtered,
    refused: [],
  };
}

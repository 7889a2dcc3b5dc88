import type { Clock } from '../io/clock.ts';
import type { Piece } from './piece.ts';

/** Records received within this time are not backlog. */
const FRESH_MS = 5_000;

/** Holds back the working-off of a backlog, so that an endpoint that has just come back is not run over. Fresh records pass. */
export class RateLimit {
  readonly #recordsPerSecond: number;
  readonly #clock: Clock;
  #readyMs = 0;

  /** 0: no limit. */
  constructor(recordsPerSecond: number, clock: Clock) {
    this.#recordsPerSecond = recordsPerSecond;
    this.#clock = clock;
  }

  /** How long the piece must wait. 0: it may be sent, and is counted. */
  pass(piece: Piece): number {
    if (this.#recordsPerSecond === 0 || piece.records === 0) return 0;
    if (this.#clock.nowMs() - piece.receivedLastMs < FRESH_MS) return 0;
    const nowMs = this.#clock.monotonicMs();
    if (this.#readyMs > nowMs) return this.#readyMs - nowMs;
    this.#readyMs = nowMs + (piece.records / this.#recordsPerSecond) * 1_000;
    return 0;
  }
}

import { sleep, type Clock } from '../io/clock.ts';
import type { Piece } from './piece.ts';

/** Records received within this time are not backlog. */
const FRESH_MS = 5_000;

/** Holds back the working-off of a backlog, so that an endpoint that has just come back is not run over. Fresh records pass. */
export class RateLimit {
  readonly #recordsPerSecond: number;
  #readyMs = 0;

  /** 0: no limit. */
  constructor(recordsPerSecond: number) {
    this.#recordsPerSecond = recordsPerSecond;
  }

  /** Resolves when the piece may be sent, or when `signal` is aborted. */
  async pass(piece: Piece, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#recordsPerSecond === 0 || piece.records === 0) return;
    if (clock.nowMs() - piece.receivedLastMs < FRESH_MS) return;
    const nowMs = clock.monotonicMs();
    const waitMs = this.#readyMs - nowMs;
    this.#readyMs = Math.max(nowMs, this.#readyMs) + (piece.records / this.#recordsPerSecond) * 1_000;
    if (waitMs > 0) await sleep(clock, waitMs, signal);
  }
}

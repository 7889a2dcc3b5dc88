import type { Clock } from '../io/clock.ts';
import type { Stretches } from './stretches.ts';

/** New records wait no longer than this for a backlog that is being worked off. */
const BACKLOG_FIRST_MS = 30_000;

/** Decides when new records stop waiting for a backlog: not before it had its time, and once for each outage. */
export class Interleave {
  readonly #wanted: boolean;
  readonly #clock: Clock;
  /** On the monotonic clock; undefined where there was no outage, or it has been dealt with. */
  #partAtMs: number | undefined;

  constructor(drain: 'in_order' | 'interleave', clock: Clock) {
    this.#wanted = drain === 'interleave';
    this.#clock = clock;
  }

  /** The endpoint takes records again. */
  outageEnded(): void {
    this.#partAtMs = this.#clock.monotonicMs() + BACKLOG_FIRST_MS;
  }

  outageBegan(): void {
    this.#partAtMs = undefined;
  }

  /** Has new records sent beside the backlog where that has taken its time. */
  partIfDue(stretches: Stretches, endSeq: number): void {
    if (this.#partAtMs === undefined || !this.#wanted) return;
    const near = stretches.last.nearEnd(endSeq);
    if (!near && this.#clock.monotonicMs() < this.#partAtMs) return;
    this.#partAtMs = undefined;
    if (!near) stretches.part(endSeq);
  }
}

import type { Progress } from '../journal/journal.ts';
import { Stretch, type StretchOptions } from './stretch.ts';

/** Each long outage that comes before the last one was worked off makes one more. */
const STRETCHES_MAX = 16;
/** What was refused in a stretch is kept in memory until the cursor gets there: at this many it takes no more records. */
const REFUSED_HELD_MAX = 1_000;

/**
 * What an endpoint has not taken yet, as stretches of the journal one after the other. Mostly there is one. After a long outage there
 * are two that are worked off side by side: the backlog, at whose front the cursor is, and what has come since. What arrives of the
 * second is kept in memory until the cursor gets there, so that the journal sees one cursor that moves in order.
 */
export class Stretches {
  readonly #options: StretchOptions;
  readonly #all: Stretch[];
  readonly #endPurges: () => void;
  #lastTurn: Stretch | undefined;

  constructor(cursorSeq: number, options: StretchOptions) {
    this.#options = options;
    this.#all = [new Stretch(cursorSeq, options)];
    this.#endPurges = options.journal.onPurge((seqs) => {
      for (const stretch of this.#all) stretch.leaveOut(seqs);
    });
  }

  get all(): readonly Stretch[] {
    return this.#all;
  }

  get first(): Stretch {
    return this.#all[0]!;
  }

  get last(): Stretch {
    return this.#all.at(-1)!;
  }

  /** Those that read on: what is new before the backlog. One between them waits until the backlog has come to it. */
  get reading(): readonly Stretch[] {
    if (this.#all.length === 1) return this.#all;
    return this.last.refusedHeld < REFUSED_HELD_MAX ? [this.last, this.first] : [this.first];
  }

  /** Records that the endpoint is not known to have, in a journal that ends at `endSeq`. */
  waitingRecords(endSeq: number): number {
    return this.#all.reduce((sum, stretch) => sum + Math.max(0, stretch.end(endSeq) - stretch.cursor), 0);
  }

  idle(endSeq: number): boolean {
    return this.#all.every((stretch) => stretch.idle(endSeq));
  }

  /** True where the endpoint gets what is new as it comes, and nothing else is left. */
  caughtUp(endSeq: number): boolean {
    return this.#all.length === 1 && this.last.nearEnd(endSeq);
  }

  /** Who is next to send, of those that have something to: each in its turn. */
  turn(hasPiece: (stretch: Stretch) => boolean): Stretch | undefined {
    const at = this.#lastTurn === undefined ? -1 : this.#all.indexOf(this.#lastTurn);
    const count = this.#all.length;
    for (let step = 1; step <= count; step++) {
      const stretch = this.#all[(at + step) % count]!;
      if (!hasPiece(stretch)) continue;
      this.#lastTurn = stretch;
      return stretch;
    }
    return undefined;
  }

  /** From now on what is committed after `endSeq` is worked off beside what came before. */
  part(endSeq: number): void {
    const { last } = this;
    if (this.#all.length >= STRETCHES_MAX || last.cursor >= endSeq) return;
    last.untilSeq = endSeq;
    if (last !== this.first) last.rest();
    this.#all.push(new Stretch(endSeq, this.#options));
  }

  /**
   * What the cursor may move over, in order. Where the first stretch has come to its end the next one takes its place, with what
   * has arrived of it already.
   */
  takeConfirmed(endSeq: number): Progress[] {
    const confirmed = this.first.takeConfirmed();
    while (this.#all.length > 1 && this.first.finished(endSeq)) {
      this.#all.shift();
      confirmed.push(...this.first.takeConfirmed());
    }
    return confirmed;
  }

  /** All go back to the first record that is not known to have arrived. Returns how many were sent since. */
  goBack(): number {
    return this.#all.reduce((sum, stretch) => sum + stretch.goBack(), 0);
  }

  release(): void {
    this.#endPurges();
    for (const stretch of this.#all) stretch.release();
  }
}

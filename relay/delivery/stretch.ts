import type { DeliveryLimits } from '../component/output.ts';
import type { Journal, Progress } from '../journal/journal.ts';
import { joinProgress } from '../journal/progress.ts';
import { endSeq } from '../record/batch.ts';
import type { Matcher } from './match.ts';
import { cutBatch, type Piece } from './piece.ts';
import { Unconfirmed } from './unconfirmed.ts';
import { Window } from './window.ts';

export interface StretchOptions {
  readonly journal: Journal;
  readonly matcher: Matcher;
  /** How much may be unconfirmed, and for how long, where the protocol has no acknowledgement. */
  readonly recordsMax: number;
  readonly holdMs: number;
}

const NEAR_RECORDS = 1_000;

/**
 * A run of the journal that is worked off in order: from a place up to another one, or without an end. Knows what was read, what is
 * under way and what the endpoint has; not how anything is sent.
 */
export class Stretch {
  readonly window = new Window();
  /** Where it ends; undefined for the one that goes on with the journal. */
  untilSeq: number | undefined;
  readonly #options: StretchOptions;
  readonly #unconfirmed: Unconfirmed;
  /** Pieces cut from a batch that do not fit the window yet. */
  #queued: Piece[] = [];
  /** Up to where records were read from the journal. */
  #position: number;
  #cursor: number;
  /** How often a purge took something that may have been read. */
  #purges = 0;
  /** What has arrived, for whoever moves the endpoint's cursor. Neighbours are joined, so it does not grow with the records. */
  readonly #confirmed: Progress[] = [];

  constructor(fromSeq: number, options: StretchOptions) {
    this.#options = options;
    this.#position = fromSeq;
    this.#cursor = fromSeq;
    this.#unconfirmed = new Unconfirmed(options);
  }

  /** The first record that the endpoint is not known to have. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The piece that comes next. */
  get next(): Piece | undefined {
    return this.#queued[0];
  }

  /** The first piece that was read and is not settled. */
  get oldest(): Piece | undefined {
    return this.window.first ?? this.#queued[0];
  }

  /** True where all but the last few records of a journal that ends at `endSeq` are settled. */
  nearEnd(endSeq: number): boolean {
    return endSeq - (this.oldest?.fromSeq ?? this.#position) <= NEAR_RECORDS;
  }

  /** Where it ends in a journal that ends at `endSeq`. */
  end(journalEndSeq: number): number {
    return Math.min(this.untilSeq ?? Number.MAX_SAFE_INTEGER, journalEndSeq);
  }

  /** True where there is something to send, or to read. */
  waits(journalEndSeq: number): boolean {
    return this.#queued.length > 0 || this.#position < this.end(journalEndSeq);
  }

  /** True where nothing waits and nothing is under way. */
  idle(journalEndSeq: number): boolean {
    return this.window.length === 0 && !this.waits(journalEndSeq);
  }

  /** True where it has an end, and the endpoint is known to have all up to there. */
  finished(journalEndSeq: number): boolean {
    return this.untilSeq !== undefined && this.idle(journalEndSeq) && this.#unconfirmed.firstSeq === undefined;
  }

  /** Reads the next batch. False where there was none, or where a lost connection or a purge came in between: then to be asked again. */
  async read(journalEndSeq: number, limits: DeliveryLimits): Promise<boolean> {
    const { journal, matcher } = this.#options;
    const position = this.#position;
    const purges = this.#purges;
    const batch = await journal.read(position);
    if (this.#position !== position || this.#purges !== purges) {
      batch?.release();
      return false;
    }
    // It may have got an end, or another one, while we waited.
    const end = this.end(journalEndSeq);
    if (batch === undefined || batch.firstSeq >= end) {
      batch?.release();
      // What lay there has gone from the journal, which counts it.
      this.#position = end;
      return false;
    }
    this.#position = Math.min(endSeq(batch), end);
    this.#queued.push(...cutBatch(batch, position, matcher, limits, end));
    return true;
  }

  /** Has the next piece wait to be sent. Returns how many records are in it. */
  admit(): number {
    const piece = this.#queued.shift();
    if (piece !== undefined) this.window.add(piece);
    return piece?.records ?? 0;
  }

  /** Has records not be sent that were purged since they were read. */
  leaveOut(seqs: readonly number[]): void {
    this.#purges++;
    const from = this.oldest?.fromSeq ?? this.#position;
    this.window.leaveOut(seqs.filter((seq) => seq >= from && seq < this.#position));
  }

  /** Puts aside what is settled, until `confirm` says that it has arrived. */
  settle(nowMs: number): Progress[] {
    const settled: Progress[] = [];
    for (let progress = this.window.settle(); progress !== undefined; progress = this.window.settle()) {
      settled.push(progress);
      this.#unconfirmed.add(progress, nowMs);
    }
    return settled;
  }

  /** Counts as arrived what may be taken as such by now. Returns how many records that are. */
  confirm(nowMs: number): number {
    let delivered = 0;
    for (const progress of this.#unconfirmed.confirm(nowMs)) {
      delivered += progress.delivered;
      this.#cursor = progress.toSeq;
      const last = this.#confirmed.at(-1);
      if (last?.toSeq === progress.fromSeq) this.#confirmed[this.#confirmed.length - 1] = joinProgress(last, progress);
      else this.#confirmed.push(progress);
    }
    return delivered;
  }

  /** What has arrived and was not taken over yet, in order. */
  takeConfirmed(): Progress[] {
    return this.#confirmed.splice(0);
  }

  /** Refused records that nobody has taken over yet. */
  get refusedHeld(): number {
    return this.#confirmed.reduce((sum, { refused }) => sum + refused.length, 0);
  }

  /** Goes back to the first record that is not known to have arrived. Returns how many were sent since. */
  goBack(): number {
    const again = this.#unconfirmed.clear();
    this.#forgetQueued();
    this.window.clear();
    this.#position = this.#cursor;
    return again;
  }

  /** Reads nothing for now; what is under way goes on. */
  rest(): void {
    this.#position = this.next?.fromSeq ?? this.#position;
    this.#forgetQueued();
  }

  /** Gives up what it holds of the journal. */
  release(): void {
    this.#forgetQueued();
    this.window.clear();
  }

  #forgetQueued(): void {
    for (const piece of this.#queued) piece.release();
    this.#queued = [];
  }
}

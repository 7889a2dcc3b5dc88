import type { Output } from '../component/output.ts';
import { RelayError } from '../errors.ts';
import { sleep, type Clock, type Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Journal, Progress } from '../journal/journal.ts';
import { endSeq, type Batch } from '../record/batch.ts';
import { nextDelayMs } from './backoff.ts';
import type { DeliveryEvents } from './events.ts';
import { Health } from './health.ts';
import type { Matcher } from './match.ts';
import { cutBatch, type Piece } from './piece.ts';
import type { RateLimit } from './rate-limit.ts';
import { Unconfirmed } from './unconfirmed.ts';
import { Window } from './window.ts';

export interface DispatcherOptions {
  readonly endpoint: string;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: DeliveryEvents;
  /** The output to use now: with several addresses this changes from attempt to attempt. */
  readonly output: () => Output;
  /** Told after a failed attempt; may choose another address. True where the next attempt goes elsewhere, so need not wait. */
  readonly onFailure: () => boolean;
  readonly matcher: Matcher;
  readonly acknowledged: boolean;
  readonly resendRecords: number;
  readonly resendHoldMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly downAfterMs: number;
  readonly reminderIntervalMs: number;
  readonly rateLimit: RateLimit;
  readonly cursorSeq: number;
  /** Takes nothing from this place on: for an endpoint that is being retired. */
  readonly untilSeq: number | undefined;
}

const DOWN_AFTER_FAILURES = 5;
/** An endpoint this close to the journal's end has caught up. */
const CAUGHT_UP_RECORDS = 1_000;
const CONFIRM_INTERVAL_MS = 1_000;
const READ_RETRY_MS = 1_000;

/**
 * Keeps one endpoint fed: reads on from its cursor, sends, moves the cursor, waits out failures for as long as they last. One of
 * these never waits for another.
 */
export class Dispatcher {
  readonly health: Health;
  readonly #options: DispatcherOptions;
  readonly #window = new Window();
  readonly #unconfirmed: Unconfirmed;
  readonly #sending = new Set<Promise<void>>();
  /** Pieces cut from a batch that do not fit the window yet. */
  #queued: Piece[] = [];
  /** Up to where records were read from the journal. */
  #position: number;
  #cursor: number;
  /** Failed attempts since the last success. */
  #failures = 0;
  #mustWait = false;
  /** The journal's end at which a read found nothing: what lay before it has gone. */
  #dryUpTo = 0;
  #oldestReceivedMs: number | undefined;
  #paused = false;
  #wake = Promise.withResolvers<void>();
  readonly #abort = new AbortController();
  readonly #stopping = new AbortController();
  readonly #timers: Timer[] = [];
  #loop: Promise<void> | undefined;
  #endCommits: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#position = options.cursorSeq;
    this.#cursor = options.cursorSeq;
    this.#unconfirmed = new Unconfirmed({
      recordsMax: options.acknowledged ? 0 : options.resendRecords,
      holdMs: options.acknowledged ? 0 : options.resendHoldMs,
    });
    this.health = new Health({
      endpoint: options.endpoint,
      clock: options.clock,
      events: options.events,
      policy: { downAfterMs: options.downAfterMs, downAfterFailures: DOWN_AFTER_FAILURES },
      backlog: () => ({
        backlogRecords: Math.max(0, this.#endSeq - this.#cursor),
        oldestReceivedMs: this.#oldestReceivedMs,
      }),
    });
  }

  /** The first record that the endpoint is not known to have. */
  get cursor(): number {
    return this.#cursor;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** True where nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#window.length === 0 && this.#position >= this.#endSeq;
  }

  start(): void {
    const { journal, clock, reminderIntervalMs } = this.#options;
    this.#endCommits = journal.onCommit(() => this.#wake.resolve());
    this.#timers.push(
      clock.every(CONFIRM_INTERVAL_MS, () => this.#confirm()),
      clock.every(reminderIntervalMs, () => this.health.remind()),
    );
    this.#loop = this.#run();
  }

  /** Ends once what is being sent was answered, at the latest after `deadlineMs`. What was not answered is sent again next time. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    const cut = this.#options.clock.after(deadlineMs, () => this.#abort.abort());
    await this.#loop;
    cut.cancel();
    for (const timer of this.#timers) timer.cancel();
    this.#endCommits?.();
    this.#forgetQueued();
    this.#window.clear();
  }

  /** Resolves once what is being sent at this moment has been answered. */
  async whenAnswered(): Promise<void> {
    await Promise.allSettled(this.#sending);
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#wake.resolve();
  }

  /** A connection without acknowledgements was lost: what was sent last is sent again. */
  connectionLost(): void {
    if (this.#options.acknowledged) return;
    const again = this.#unconfirmed.clear();
    if (again > 0) this.#options.events.sentAgain(this.#options.endpoint, again);
    this.#forgetQueued();
    this.#window.clear();
    this.#position = this.#cursor;
    this.#wake.resolve();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      if (this.#paused) {
        await this.#wake.promise;
      } else if (this.#mustWait) {
        await this.#waitOutFailure();
      } else {
        await this.#fill();
        if (this.#stopping.signal.aborted) break;
        this.#sendWaiting();
        if (!this.#canFill() && !this.#mustWait) await this.#idleUntilNext();
      }
    }
    await Promise.allSettled(this.#sending);
  }

  /** The place after the last record that is there for this endpoint. */
  get #endSeq(): number {
    return Math.min(this.#options.journal.nextSeq, this.#options.untilSeq ?? Number.MAX_SAFE_INTEGER);
  }

  /** Nothing can be read and nothing be sent until a delivery is answered or more is committed. */
  async #idleUntilNext(): Promise<void> {
    if (this.#sending.size > 0) {
      await Promise.race([...this.#sending, this.#wake.promise]);
      return;
    }
    if (this.#window.hasWaiting()) return;
    if (this.health.state.name === 'recovering' && this.#caughtUp()) this.health.succeeded(true);
    await this.#wake.promise;
  }

  /** Lets everything under way end, then waits before the next attempt. */
  async #waitOutFailure(): Promise<void> {
    await Promise.allSettled(this.#sending);
    this.#mustWait = false;
    const failure = this.health.lastFailure!;
    const { clock, random, events, endpoint, backoffMinMs, backoffMaxMs } = this.#options;
    const elsewhere = this.#options.onFailure();
    const delayMs = elsewhere
      ? 0
      : nextDelayMs(
          Math.max(1, this.#failures),
          { minMs: backoffMinMs, maxMs: backoffMaxMs },
          random.fraction(),
          failure.retryAfterMs,
        );
    events.retrying(endpoint, failure, delayMs);
    await sleep(clock, delayMs, this.#stopping.signal);
  }

  #canFill(): boolean {
    const room = this.#window.length < this.#options.output().limits.inFlightMax;
    return room && (this.#queued.length > 0 || Math.max(this.#position, this.#dryUpTo) < this.#endSeq);
  }

  /** Has the window hold as much as may be in flight. */
  async #fill(): Promise<void> {
    while (this.#canFill() && !this.#stopping.signal.aborted && !this.#mustWait) {
      if (this.#queued.length === 0 && !(await this.#readMore())) return;
      const piece = this.#queued.shift();
      if (piece === undefined) return;
      this.#window.add(piece);
      if (piece.records === 0) this.#settle();
      else this.#sendWaiting();
    }
  }

  async #readMore(): Promise<boolean> {
    const { journal, rateLimit, clock, matcher } = this.#options;
    const position = this.#position;
    const end = journal.nextSeq;
    let batch: Batch | undefined;
    try {
      batch = await journal.read(position);
    } catch (error) {
      await this.#readFailed(error);
      return false;
    }
    if (batch === undefined) {
      this.#dryUpTo = end;
      return false;
    }
    await rateLimit.pass(batch, clock, this.#stopping.signal);
    // A lost connection may have sent the position back while we waited.
    if (this.#position !== position) {
      batch.release();
      return false;
    }
    this.#position = endSeq(batch);
    this.#oldestReceivedMs = batch.receivedFirstMs;
    this.#queued.push(...cutBatch(batch, position, matcher, this.#options.output().limits));
    return true;
  }

  async #readFailed(error: unknown): Promise<void> {
    // What is damaged has been set aside and told of; the next read goes on after it. Anything else may pass.
    if (!(error instanceof RelayError && error.code === 'JOURNAL_DAMAGED'))
      await sleep(this.#options.clock, READ_RETRY_MS, this.#stopping.signal);
  }

  #sendWaiting(): void {
    const output = this.#options.output();
    while (this.#sending.size < output.limits.inFlightMax && !this.#mustWait) {
      const piece = this.#window.take();
      if (piece === undefined) return;
      const sending: Promise<void> = this.#send(output, piece).finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
    }
  }

  async #send(output: Output, piece: Piece): Promise<void> {
    try {
      await output.deliver({ firstSeq: piece.fromSeq, records: piece.records, lines: piece.lines }, this.#abort.signal);
    } catch (error) {
      this.#failed(piece, asRelayError(error));
      return;
    }
    this.#failures = 0;
    const { events, endpoint, clock } = this.#options;
    const ageMs = Math.max(0, clock.nowMs() - piece.receivedLastMs);
    events.delivered(endpoint, { records: piece.records, bytes: piece.lines.length, ageMs });
    this.#window.done(piece);
    this.#settle();
    this.health.succeeded(this.#caughtUp());
  }

  #failed(piece: Piece, failure: RelayError): void {
    if (failure.code === 'OUTPUT_REFUSED_BATCH' && piece.records > 1) {
      this.#window.halve(piece);
    } else if (failure.disposition === 'reject') {
      const refused = this.#window.refuse(piece, Math.min(failure.recordIndex ?? 0, piece.records - 1), failure);
      if (refused !== undefined) this.#options.events.refused(this.#options.endpoint, refused);
      this.#settle();
    } else {
      this.#window.again(piece);
      if (this.#stopping.signal.aborted) return;
      this.#failures++;
      this.#mustWait = true;
      this.health.failed(failure);
    }
  }

  /** Moves the cursor over what is done. */
  #settle(): void {
    const progress = this.#window.settle();
    if (progress === undefined) return;
    if (progress.filtered > 0) this.#options.events.filtered(this.#options.endpoint, progress.filtered);
    if (this.#options.acknowledged) {
      this.#advance(progress);
      return;
    }
    this.#unconfirmed.add(progress, this.#options.clock.monotonicMs());
    this.#confirm();
  }

  #confirm(): void {
    for (const progress of this.#unconfirmed.confirm(this.#options.clock.monotonicMs())) this.#advance(progress);
  }

  #advance(progress: Progress): void {
    this.#cursor = progress.toSeq;
    this.#options.journal.advance(this.#options.endpoint, progress);
  }

  #forgetQueued(): void {
    for (const piece of this.#queued) piece.release();
    this.#queued = [];
  }

  #caughtUp(): boolean {
    return this.#endSeq - this.#cursor - this.#unconfirmed.records <= CAUGHT_UP_RECORDS;
  }
}

function asRelayError(error: unknown): RelayError {
  return error instanceof RelayError
    ? error
    : new RelayError('OUTPUT_UNREACHABLE', 'the delivery failed unexpectedly', { cause: error });
}

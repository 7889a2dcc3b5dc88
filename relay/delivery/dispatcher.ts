import type { Output } from '../component/output.ts';
import { RelayError } from '../errors.ts';
import { sleep, type Clock, type Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Journal, Progress } from '../journal/journal.ts';
import { endSeq, type Batch } from '../record/batch.ts';
import { lineOffsets } from '../record/lines.ts';
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
  /** Dead letters that the endpoint has already, and how many it may have before delivery waits for an operator. */
  readonly deadLetters: number;
  readonly deadLettersMax: number;
  /** Takes nothing from this place on: for an endpoint that is being retired. */
  readonly untilSeq: number | undefined;
}

const DOWN_AFTER_FAILURES = 5;
/** An endpoint this close to the journal's end has caught up. */
const CAUGHT_UP_RECORDS = 1_000;
const CONFIRM_INTERVAL_MS = 1_000;
const READ_RETRY_MS = 1_000;
/** How often it is looked whether an operator has made room for dead letters. */
const DEAD_LETTERS_CHECK_MS = 10_000;
/** An output that does not give up at once when it is told to is not waited for longer than this. */
const ABORT_GRACE_MS = 1_000;

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
  /** Failed attempts since the last success; what was in flight together counts as one. */
  #failures = 0;
  #lastFailure: RelayError | undefined;
  #mustWait = false;
  #deadLetters: number;
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
    this.#deadLetters = options.deadLetters;
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
        oldestReceivedMs: (this.#window.first ?? this.#queued[0])?.receivedFirstMs,
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
    return this.#window.length === 0 && this.#queued.length === 0 && this.#position >= this.#endSeq;
  }

  start(): void {
    const { journal, clock, reminderIntervalMs } = this.#options;
    this.#endCommits = journal.onCommit(() => this.#wake.resolve());
    this.#timers.push(clock.every(reminderIntervalMs, () => this.health.remind()));
    if (!this.#options.acknowledged) this.#timers.push(clock.every(CONFIRM_INTERVAL_MS, () => this.#confirm()));
    this.#loop = this.#run();
  }

  /** Ends once what is being sent was answered, at the latest after `deadlineMs`. What was not answered is sent again next time. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    const { clock } = this.#options;
    const ended = new AbortController();
    const cut = clock.after(deadlineMs, () => this.#abort.abort());
    await Promise.race([this.#loop, sleep(clock, deadlineMs + ABORT_GRACE_MS, ended.signal)]);
    ended.abort();
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

  /** A connection without acknowledgements was lost: what was sent last is sent again, after a pause. */
  connectionLost(): void {
    // A peer that takes everything and hangs up each time must not be offered the same records as fast as it can hang up.
    if (this.sendAgain() > 0)
      this.#attemptFailed(
        new RelayError('OUTPUT_CONNECTION_LOST', 'the connection was lost before what went over it could have arrived'),
      );
  }

  /** Has all that may not have arrived sent again, over the output that is in use then. Returns how many records that are. */
  sendAgain(): number {
    if (this.#options.acknowledged || this.#stopping.signal.aborted) return 0;
    const again = this.#unconfirmed.clear();
    if (again > 0) this.#options.events.sentAgain(this.#options.endpoint, again);
    this.#forgetQueued();
    this.#window.clear();
    this.#position = this.#cursor;
    this.#wake.resolve();
    return again;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      if (this.#paused) {
        await this.#wake.promise;
      } else if (this.#mustWait) {
        await this.#waitOutFailure();
      } else if (this.#deadLettersFull) {
        await this.#waitForOperator();
      } else {
        await this.#fill();
        this.#sendWaiting();
        if (!this.#canFill() && !this.#halted) await this.#idleUntilNext();
      }
    }
    await Promise.allSettled(this.#sending);
  }

  /** True where nothing more may be sent for now. */
  get #halted(): boolean {
    return this.#stopping.signal.aborted || this.#paused || this.#mustWait || this.#deadLettersFull;
  }

  get #deadLettersFull(): boolean {
    return this.#deadLetters >= Math.max(1, this.#options.deadLettersMax);
  }

  /** The place after the last record that is there for this endpoint. */
  get #endSeq(): number {
    return Math.min(this.#options.journal.nextSeq, this.#options.untilSeq ?? Number.MAX_SAFE_INTEGER);
  }

  /** Nothing can be read and nothing be sent until a delivery is answered or more is committed: both wake. */
  async #idleUntilNext(): Promise<void> {
    if (this.#sending.size === 0 && this.health.state.name === 'recovering' && this.#caughtUp())
      this.health.succeeded(true);
    await this.#wake.promise;
  }

  /** Lets everything under way end, then waits before the next attempt. */
  async #waitOutFailure(): Promise<void> {
    await Promise.allSettled(this.#sending);
    this.#mustWait = false;
    const failure = this.#lastFailure;
    if (failure === undefined || this.#stopping.signal.aborted) return;
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

  /** Somebody must look at the dead letters before there may be more of them. */
  async #waitForOperator(): Promise<void> {
    const { clock, events, endpoint, journal } = this.#options;
    await Promise.allSettled(this.#sending);
    events.deadLettersFull(endpoint, this.#deadLetters);
    while (this.#deadLettersFull && !this.#stopping.signal.aborted) {
      await sleep(clock, DEAD_LETTERS_CHECK_MS, this.#stopping.signal);
      const cursors = await journal.cursors().catch(() => []);
      this.#deadLetters = cursors.find((cursor) => cursor.endpoint === endpoint)?.deadLettered ?? this.#deadLetters;
    }
  }

  #canFill(): boolean {
    const room = this.#window.length < this.#options.output().limits.inFlightMax;
    return room && (this.#queued.length > 0 || this.#position < this.#endSeq);
  }

  /** Has the window hold as much as may be in flight. */
  async #fill(): Promise<void> {
    const { rateLimit, clock } = this.#options;
    while (this.#canFill() && !this.#halted) {
      const piece = this.#queued[0];
      if (piece === undefined) {
        if (!(await this.#readMore())) return;
        continue;
      }
      await rateLimit.pass(piece, clock, this.#stopping.signal);
      // While we waited a connection may have been lost, and all be read anew.
      if (this.#halted || this.#queued[0] !== piece) continue;
      this.#queued.shift();
      this.#window.add(piece);
      if (piece.records === 0) this.#settle();
      else this.#sendWaiting();
    }
  }

  async #readMore(): Promise<boolean> {
    const { journal, matcher, untilSeq } = this.#options;
    const position = this.#position;
    const end = this.#endSeq;
    let batch: Batch | undefined;
    try {
      batch = await journal.read(position);
    } catch (error) {
      await this.#readFailed(error);
      return false;
    }
    // A lost connection may have sent the position back while we waited.
    if (this.#position !== position) {
      batch?.release();
      return false;
    }
    if (batch === undefined || (untilSeq !== undefined && batch.firstSeq >= untilSeq)) {
      batch?.release();
      // What lay there has gone from the journal, which counts it.
      this.#position = end;
      return false;
    }
    this.#position = Math.min(endSeq(batch), untilSeq ?? Number.MAX_SAFE_INTEGER);
    this.#queued.push(...cutBatch(batch, position, matcher, this.#options.output().limits, untilSeq));
    return true;
  }

  async #readFailed(error: unknown): Promise<void> {
    // What is damaged has been set aside and told of; the next read goes on after it. Anything else may pass.
    if (error instanceof RelayError && error.code === 'JOURNAL_DAMAGED') return;
    this.#options.events.readFailed(this.#options.endpoint, error);
    await sleep(this.#options.clock, READ_RETRY_MS, this.#stopping.signal);
  }

  #sendWaiting(): void {
    const output = this.#options.output();
    while (this.#sending.size < output.limits.inFlightMax && !this.#halted) {
      const piece = this.#window.take();
      if (piece === undefined) return;
      const sending: Promise<void> = this.#send(output, piece).finally(() => {
        this.#sending.delete(sending);
        this.#wake.resolve();
      });
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
    this.#taken(piece, piece.records, piece.lines.length);
    this.#window.done(piece);
    this.#settle();
    if (this.#options.acknowledged) this.#succeeded();
  }

  #failed(piece: Piece, failure: RelayError): void {
    if (failure.disposition !== 'reject') {
      this.#window.again(piece);
      this.#attemptFailed(failure);
      return;
    }
    const culprit = culpritOf(piece, failure);
    if (culprit === undefined) this.#window.halve(piece);
    else this.#refused(piece, culprit, failure);
  }

  #refused(piece: Piece, index: number, failure: RelayError): void {
    const refused = this.#window.refuse(piece, index, failure);
    if (refused === undefined) return;
    if (index > 0) this.#taken(piece, index, lineOffsets(piece.lines, piece.records)[index]!);
    this.#deadLetters++;
    this.#options.events.refused(this.#options.endpoint, refused);
    this.#settle();
  }

  #taken(piece: Piece, records: number, bytes: number): void {
    const { events, endpoint, clock } = this.#options;
    events.delivered(endpoint, { records, bytes, ageMs: Math.max(0, clock.nowMs() - piece.receivedLastMs) });
  }

  /** What is in flight together fails together, so that counts once. */
  #attemptFailed(failure: RelayError): void {
    if (this.#mustWait || this.#stopping.signal.aborted) return;
    this.#failures++;
    this.#lastFailure = failure;
    this.#mustWait = true;
    this.health.failed(failure);
    this.#wake.resolve();
  }

  #succeeded(): void {
    this.#failures = 0;
    this.health.succeeded(this.#caughtUp());
  }

  /** Moves the cursor over what is done. */
  #settle(): void {
    const { events, endpoint, acknowledged, clock } = this.#options;
    for (let progress = this.#window.settle(); progress !== undefined; progress = this.#window.settle()) {
      if (progress.filtered > 0) events.filtered(endpoint, progress.filtered);
      if (acknowledged) this.#advance(progress);
      else this.#unconfirmed.add(progress, clock.monotonicMs());
    }
    this.#confirm();
  }

  /** Moves the cursor over what was sent without acknowledgement and may be taken as arrived. */
  #confirm(): void {
    const confirmed = this.#unconfirmed.confirm(this.#options.clock.monotonicMs());
    for (const progress of confirmed) this.#advance(progress);
    if (confirmed.some((progress) => progress.delivered > 0)) this.#succeeded();
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
    const unsettled = this.#window.first ?? this.#queued[0];
    return this.#endSeq - (unsettled?.fromSeq ?? this.#position) <= CAUGHT_UP_RECORDS;
  }
}

/** The record that was refused; undefined where that is not known. */
function culpritOf(piece: Piece, { code, recordIndex = -1 }: RelayError): number | undefined {
  if (piece.records === 1) return 0;
  return code === 'OUTPUT_REFUSED_BATCH' || recordIndex < 0 || recordIndex >= piece.records ? undefined : recordIndex;
}

function asRelayError(error: unknown): RelayError {
  return error instanceof RelayError
    ? error
    : new RelayError('OUTPUT_UNREACHABLE', 'the delivery failed unexpectedly', { cause: error });
}

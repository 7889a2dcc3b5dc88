import type { Output } from '../component/output.ts';
import { RelayError } from '../errors.ts';
import { sleep, type Timer } from '../io/clock.ts';
import { lineOffsets } from '../record/lines.ts';
import { DeadLetterLimit } from './dead-letter-limit.ts';
import type { DispatcherOptions } from './dispatcher-options.ts';
import { asRelayError, culpritOf } from './failure.ts';
import { Health } from './health.ts';
import { Interleave } from './interleave.ts';
import type { Piece } from './piece.ts';
import { Retry } from './retry.ts';
import type { Stretch } from './stretch.ts';
import { Stretches } from './stretches.ts';

const DOWN_AFTER_FAILURES = 5;
const CONFIRM_INTERVAL_MS = 1_000;
const READ_RETRY_MS = 1_000;
/** An output that does not give up at once when it is told to is not waited for longer than this. */
const ABORT_GRACE_MS = 1_000;

/**
 * Keeps one endpoint fed: reads on from its cursor, sends, moves the cursor, waits out failures for as long as they last. One of
 * these never waits for another.
 */
export class Dispatcher {
  readonly health: Health;
  readonly #options: DispatcherOptions;
  readonly #stretches: Stretches;
  readonly #sending = new Set<Promise<void>>();
  readonly #interleave: Interleave;
  readonly #retry: Retry;
  readonly #deadLetters: DeadLetterLimit;
  #paused = false;
  #wake = Promise.withResolvers<void>();
  readonly #abort = new AbortController();
  readonly #stopping = new AbortController();
  readonly #timers: Timer[] = [];
  #loop: Promise<void> | undefined;
  #endCommits: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#interleave = new Interleave(options.drain, options.clock);
    this.#retry = new Retry(options);
    this.#deadLetters = new DeadLetterLimit(options);
    this.#stretches = new Stretches(options.cursorSeq, {
      journal: options.journal,
      matcher: options.matcher,
      recordsMax: options.acknowledged ? 0 : options.resendRecords,
      holdMs: options.acknowledged ? 0 : options.resendHoldMs,
    });
    this.health = new Health({
      endpoint: options.endpoint,
      clock: options.clock,
      events: options.events,
      policy: { downAfterMs: options.downAfterMs, downAfterFailures: DOWN_AFTER_FAILURES },
      backlog: () => ({
        backlogRecords: this.#stretches.waitingRecords(this.#endSeq),
        oldestReceivedMs: this.#stretches.first.oldest?.receivedFirstMs,
      }),
    });
  }

  /** The first record that the endpoint is not known to have. */
  get cursor(): number {
    return this.#stretches.first.cursor;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** True where nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#stretches.idle(this.#endSeq);
  }

  start(): void {
    const { journal, clock, reminderIntervalMs } = this.#options;
    this.#endCommits = journal.onCommit(() => this.#wake.resolve());
    this.#timers.push(clock.every(reminderIntervalMs, () => this.health.remind()));
    if (!this.#options.acknowledged) this.#timers.push(clock.every(CONFIRM_INTERVAL_MS, () => this.#confirm()));
    this.#interleave.outageEnded();
    this.#loop = this.#run();
  }

  /** Ends once what is being sent was answered, at the latest after `deadlineMs`. What was not answered is sent again next time. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    const ended = new AbortController();
    const cut = this.#options.clock.after(deadlineMs, () => this.#abort.abort());
    await Promise.race([this.#loop, sleep(this.#options.clock, deadlineMs + ABORT_GRACE_MS, ended.signal)]);
    ended.abort();
    cut.cancel();
    for (const timer of this.#timers) timer.cancel();
    this.#endCommits?.();
    this.#stretches.release();
  }

  /** Resolves once what is being sent at this moment has been answered. */
  async whenAnswered(): Promise<void> {
    await Promise.allSettled(this.#sending);
  }

  setPaused(paused: boolean): void {
    if (this.#paused && !paused) this.#interleave.outageEnded();
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
    const again = this.#stretches.goBack();
    if (again > 0) this.#options.events.sentAgain(this.#options.endpoint, again);
    this.#wake.resolve();
    return again;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      if (this.#paused) {
        await this.#wake.promise;
      } else if (this.#retry.due) {
        await Promise.allSettled(this.#sending);
        await this.#retry.wait(this.#stopping.signal);
      } else if (this.#deadLetters.reached) {
        await Promise.allSettled(this.#sending);
        await this.#deadLetters.waitForRoom(this.#stopping.signal);
      } else {
        this.#interleave.partIfDue(this.#stretches, this.#endSeq);
        const waitMs = await this.#fill();
        // What was left of a stretch may have turned out to be gone.
        this.#confirm();
        this.#sendWaiting();
        const more = waitMs === 0 && this.#stretches.reading.some((stretch) => this.#canFill(stretch));
        if (!more && !this.#halted) await this.#idleUntilNext(waitMs);
      }
    }
    await Promise.allSettled(this.#sending);
  }

  /** True where nothing more may be sent for now. */
  get #halted(): boolean {
    return this.#stopping.signal.aborted || this.#paused || this.#retry.due || this.#deadLetters.reached;
  }

  /** The place after the last record that is there for this endpoint. */
  get #endSeq(): number {
    return Math.min(this.#options.journal.nextSeq, this.#options.untilSeq ?? Number.MAX_SAFE_INTEGER);
  }

  /** Nothing can be read and nothing be sent until a delivery is answered or more is committed: both wake. So does `waitMs`. */
  async #idleUntilNext(waitMs: number): Promise<void> {
    if (this.#sending.size === 0 && this.health.state.name === 'recovering' && this.#stretches.caughtUp(this.#endSeq))
      this.health.succeeded(true);
    const timer = waitMs > 0 ? this.#options.clock.after(waitMs, () => this.#wake.resolve()) : undefined;
    await this.#wake.promise;
    timer?.cancel();
  }

  #canFill(stretch: Stretch): boolean {
    return stretch.window.length < this.#options.output().limits.inFlightMax && stretch.waits(this.#endSeq);
  }

  /** Has the windows hold as much as may be in flight. Returns how long what comes next must still wait for its turn; 0: not at all. */
  async #fill(): Promise<number> {
    const waits: number[] = [];
    for (const stretch of this.#stretches.reading) waits.push(await this.#fillOne(stretch));
    return Math.max(...waits);
  }

  async #fillOne(stretch: Stretch): Promise<number> {
    while (this.#canFill(stretch) && !this.#halted) {
      if (stretch.next === undefined) {
        if (!(await this.#read(stretch))) return 0;
        continue;
      }
      const waitMs = this.#options.rateLimit.pass(stretch.next);
      if (waitMs > 0) return waitMs;
      if (stretch.admit() === 0) this.#settle(stretch);
      else this.#sendWaiting();
    }
    return 0;
  }

  async #read(stretch: Stretch): Promise<boolean> {
    try {
      return await stretch.read(this.#endSeq, this.#options.output().limits);
    } catch (error) {
      // What is damaged has been set aside and told of; the next read goes on after it. Anything else may pass.
      if (error instanceof RelayError && error.code === 'JOURNAL_DAMAGED') return false;
      this.#options.events.readFailed(this.#options.endpoint, error);
      await sleep(this.#options.clock, READ_RETRY_MS, this.#stopping.signal);
      return false;
    }
  }

  #sendWaiting(): void {
    const output = this.#options.output();
    while (this.#sending.size < output.limits.inFlightMax && !this.#halted) {
      const stretch = this.#stretches.turn(({ window }) => window.waiting);
      if (stretch === undefined) return;
      const piece = stretch.window.take();
      // All that waited was purged meanwhile.
      if (piece === undefined) this.#settle(stretch);
      if (piece === undefined) continue;
      const sending: Promise<void> = this.#send(output, stretch, piece).finally(() => {
        this.#sending.delete(sending);
        this.#wake.resolve();
      });
      this.#sending.add(sending);
    }
  }

  async #send(output: Output, stretch: Stretch, piece: Piece): Promise<void> {
    try {
      await output.deliver({ firstSeq: piece.fromSeq, records: piece.records, lines: piece.lines }, this.#abort.signal);
    } catch (error) {
      this.#failed(stretch, piece, asRelayError(error));
      return;
    }
    this.#taken(piece, piece.records, piece.lines.length);
    stretch.window.done(piece);
    this.#settle(stretch);
    if (this.#options.acknowledged) this.#succeeded();
  }

  #failed(stretch: Stretch, piece: Piece, failure: RelayError): void {
    if (failure.disposition !== 'reject') {
      stretch.window.again(piece);
      this.#attemptFailed(failure);
      return;
    }
    const culprit = culpritOf(piece, failure);
    if (culprit === undefined) stretch.window.halve(piece);
    else this.#refused(stretch, piece, culprit, failure);
  }

  #refused(stretch: Stretch, piece: Piece, index: number, failure: RelayError): void {
    const refused = stretch.window.refuse(piece, index, failure);
    if (refused === undefined) return;
    if (index > 0) this.#taken(piece, index, lineOffsets(piece.lines, piece.records)[index]!);
    this.#deadLetters.add();
    this.#options.events.refused(this.#options.endpoint, refused);
    this.#settle(stretch);
  }

  #taken(piece: Piece, records: number, bytes: number): void {
    const { events, endpoint, clock } = this.#options;
    events.delivered(endpoint, { records, bytes, ageMs: Math.max(0, clock.nowMs() - piece.receivedLastMs) });
  }

  /** What is in flight together fails together, so that counts once. */
  #attemptFailed(failure: RelayError): void {
    if (this.#retry.due || this.#stopping.signal.aborted) return;
    this.#retry.failed(failure);
    this.health.failed(failure);
    if (this.health.state.name === 'down') this.#interleave.outageBegan();
    this.#wake.resolve();
  }

  #succeeded(): void {
    this.#retry.succeeded();
    if (this.health.state.name === 'down') this.#interleave.outageEnded();
    this.health.succeeded(this.#stretches.caughtUp(this.#endSeq));
  }

  /** Counts what is done. */
  #settle(stretch: Stretch): void {
    const { events, endpoint, clock } = this.#options;
    for (const { filtered } of stretch.settle(clock.monotonicMs()))
      if (filtered > 0) events.filtered(endpoint, filtered);
    this.#confirm();
  }

  /** Moves the cursor over what has arrived, or was sent without acknowledgement and may be taken as arrived. */
  #confirm(): void {
    const { clock, journal, endpoint, acknowledged } = this.#options;
    let delivered = 0;
    for (const stretch of this.#stretches.all) delivered += stretch.confirm(clock.monotonicMs());
    const stretches = this.#stretches.all.length;
    for (const progress of this.#stretches.takeConfirmed(this.#endSeq)) journal.advance(endpoint, progress);
    // One that waited for its turn may be the first one now.
    if (stretches !== this.#stretches.all.length) this.#wake.resolve();
    if (!acknowledged && delivered > 0) this.#succeeded();
  }
}

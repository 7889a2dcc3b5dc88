import { describeError } from '../errors.ts';
import { sleep, type Clock } from '../io/clock.ts';
import type { PurgeRun, RetentionStore, StepBudget } from '../journal/retention-store.ts';
import type { Log } from '../telemetry/logger.ts';
import type { RetentionOptions } from './options.ts';
import { isOpen, nextOpening } from './windows.ts';
import { number, resultInWords, ruleInWords, span, time } from './words.ts';

export interface RunnerOptions {
  readonly store: RetentionStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Read at each step, so that a change of the config counts at once. */
  readonly options: () => RetentionOptions;
}

/** Others may wait for the journal's writer no longer than 50 ms; steps are made for less than half of that. */
const HELD_MS_AIM = 15;
const HELD_MS_LIMIT = 25;
const BATCHES_START = 4;
const BATCHES_MAX = 64;
const LOOK_MS = 25;
const REST_MS_MAX = 2_000;
const STALE_REST_MS = 20;
/** For how long it rests at least, in times of what it had to wait: that is about what senders wait for, too. */
const REST_PER_WAIT = 4;
const WINDOW_LOOK_MS = 15_000;
const PAGES_START = 16;
const PAGES_MAX = 512;
/** How often the log tells how far it has come. */
const PROGRESS_INTERVAL_MS = 30_000;

/** One purge at work, from where it stands to its end. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #stopping = new AbortController();
  readonly #suspending = new AbortController();
  readonly #halting = AbortSignal.any([this.#stopping.signal, this.#suspending.signal]);
  readonly #ignoreWindows: boolean;
  #run: PurgeRun;
  #batchesMax = BATCHES_START;
  #heldMsMax = 0;
  #toldMs: number;
  #stoppedBy = '';

  constructor(run: PurgeRun, options: RunnerOptions) {
    this.#run = run;
    this.#options = options;
    this.#toldMs = options.clock.monotonicMs();
    this.#ignoreWindows = run.dryRun || run.parameters['ignore_windows'] === true;
  }

  /** How it stood after its last step. */
  get run(): PurgeRun {
    return this.#run;
  }

  /** The longest that one step kept others from writing, in milliseconds. */
  get heldMsMax(): number {
    return this.#heldMsMax;
  }

  /** Ends it after the step that is under way. */
  stop(who: string): void {
    this.#stoppedBy = who;
    this.#stopping.abort();
  }

  /** Leaves it as it is, to be gone on with at the next start. */
  suspend(): void {
    this.#suspending.abort();
  }

  /** Resolves when it has ended or was suspended. Never rejects. */
  async work(goesOn: boolean): Promise<PurgeRun> {
    const { store, log } = this.#options;
    try {
      await this.#begin(goesOn);
      const finished = (await this.#take()) && (await this.#giveBack());
      if (this.#suspending.signal.aborted) return this.#run;
      if (!finished) await this.#note('received the stop signal, stop the purge job', `stopped by ${this.#stoppedBy}`);
      await this.#note(...resultInWords(this.#run));
      this.#run = await store.end(this.#run.id, finished ? 'done' : 'stopped');
      await this.#note(this.#ending());
    } catch (error) {
      if (this.#suspending.signal.aborted) return this.#run;
      const reason = describeError(error);
      log.error('a purge failed', { purge: this.#run.id, reason });
      await this.#fail(reason).catch(() => undefined);
    } finally {
      await store.rest().catch(() => undefined);
    }
    return this.#run;
  }

  async #fail(reason: string): Promise<void> {
    await this.#note(`failed to purge audit log, error: ${reason}`, ...resultInWords(this.#run));
    this.#run = await this.#options.store.end(this.#run.id, 'failed', reason);
  }

  get #halted(): boolean {
    return this.#halting.aborted;
  }

  async #begin(goesOn: boolean): Promise<void> {
    const { id, plan, cause, who, dryRun, position, parameters } = this.#run;
    if (goesOn) {
      // It may have been waiting; whether it still must is looked at anew.
      this.#run = await this.#options.store.setWaiting(id, false);
      return this.#note(`goes on at record ${number(position)} after the relay was away`);
    }
    const { rules, untilSeq } = plan;
    await this.#note(
      'Purge audit job start',
      `purge ${id}, ${cause} by ${who}${dryRun ? ', dry run: nothing is taken' : ''}`,
      `job parameters ${JSON.stringify(parameters)}`,
      ...(rules.length === 0 ? ['there are no rules, so nothing goes'] : rules.map(ruleInWords)),
      ...(dryRun ? [] : ['what this purge takes cannot be recovered']),
      `looks at records ${number(position)} to ${number(untilSeq - 1)}`,
    );
  }

  /** Looks and takes, step by step. False where it was halted. */
  async #take(): Promise<boolean> {
    const { store, clock } = this.#options;
    for (;;) {
      if (!(await this.#windowIsOpen())) return false;
      const budget: StepBudget = { batchesMax: this.#batchesMax, lookMs: LOOK_MS };
      const before = this.#run.position;
      const startMs = clock.monotonicMs();
      const { run, done, heldMs, tookMs, changed } = await store.step(this.#run, budget);
      const waitedMs = Math.max(0, clock.monotonicMs() - startMs - tookMs);
      this.#run = run;
      // Somebody ended it behind our back.
      if (run.endedMs !== undefined) return false;
      this.#batchesMax = this.#sized(this.#batchesMax, heldMs, changed, BATCHES_MAX);
      if (done) return true;
      const stale = run.position === before;
      await this.#rest(stale ? Math.max(STALE_REST_MS, tookMs) : tookMs, waitedMs);
      await this.#tellProgress();
    }
  }

  /** Gives the pages that became free back to the disk. False where it was halted. */
  async #giveBack(): Promise<boolean> {
    if (this.#run.dryRun || this.#run.tally.records === 0) return !this.#halted;
    const { store, clock } = this.#options;
    let pages = PAGES_START;
    for (let left = Number.POSITIVE_INFINITY; left > 0;) {
      if (this.#halted) return false;
      const startMs = clock.monotonicMs();
      const { pagesLeft, heldMs } = await store.giveBack(pages);
      const waitedMs = Math.max(0, clock.monotonicMs() - startMs - heldMs);
      // Whoever writes meanwhile uses them up as well; and where none goes, nothing more is to be had.
      if (pagesLeft >= left) break;
      left = pagesLeft;
      pages = this.#sized(pages, heldMs, pages, PAGES_MAX);
      await this.#rest(heldMs, waitedMs);
    }
    return true;
  }

  /** How much the next step may do, by how long the last one kept others from writing. */
  #sized(size: number, heldMs: number, done: number, most: number): number {
    this.#heldMsMax = Math.max(this.#heldMsMax, heldMs);
    if (heldMs > HELD_MS_LIMIT) return Math.max(1, Math.floor(size / 2));
    if (heldMs < HELD_MS_AIM && done >= size) return Math.min(most, Math.ceil(size * 1.25));
    return size;
  }

  /** Leaves the processor to others for as long as the config says, and for longer where it had to wait for the writer or the disk. */
  async #rest(workedMs: number, waitedMs: number): Promise<void> {
    const { clock, options } = this.#options;
    const share = options().load_percent / 100;
    const restMs = Math.min(REST_MS_MAX, Math.max(workedMs * (1 / share - 1), waitedMs * REST_PER_WAIT));
    if (restMs > 0) await sleep(clock, restMs, this.#halting);
  }

  /** Waits while no window is open. False where it was halted. */
  async #windowIsOpen(): Promise<boolean> {
    const { clock, options, store } = this.#options;
    const open = (): boolean => this.#ignoreWindows || isOpen(options().windows, options().time_zone, clock.nowMs());
    if (this.#halted) return false;
    if (open()) return true;
    const opens = nextOpening(options().windows, options().time_zone, clock.nowMs());
    this.#run = await store.setWaiting(this.#run.id, true);
    await this.#note(`no purge window is open; goes on about ${time(opens)}`);
    while (!this.#halted && !open()) await sleep(clock, WINDOW_LOOK_MS, this.#halting);
    if (this.#suspending.signal.aborted) return false;
    this.#run = await store.setWaiting(this.#run.id, false);
    if (this.#halted) return false;
    await this.#note('a purge window is open; goes on');
    return true;
  }

  async #tellProgress(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#toldMs < PROGRESS_INTERVAL_MS) return;
    this.#toldMs = nowMs;
    const { position, plan, tally } = this.#run;
    await this.#note(
      `has come to record ${number(position)} of ${number(plan.untilSeq)}; ${number(tally.records)} ${this.#run.dryRun ? 'would go' : 'went'}`,
    );
  }

  #ending(): string {
    const { state, startedMs, endedMs = startedMs } = this.#run;
    const held = this.#run.dryRun
      ? ''
      : `; no step kept others from writing for more than ${Math.ceil(this.#heldMsMax)} ms`;
    return `Purge audit job ${state === 'done' ? 'success' : state}, after ${span(endedMs - startedMs)}${held}`;
  }

  async #note(...lines: readonly string[]): Promise<void> {
    await this.#options.store.note(this.#run.id, lines);
  }
}

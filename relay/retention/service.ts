import { RelayError, describeError } from '../errors.ts';
import type { Timer } from '../io/clock.ts';
import type { Hold, HoldScope, PurgeRun } from '../journal/retention-store.ts';
import { Anchors } from './anchors.ts';
import { tellCertificates } from './certificates.ts';
import { ClockGuard } from './clock-guard.ts';
import type { PurgeRequest, PurgeStatus, RetentionWorld } from './contract.ts';
import { confirmedInWords, countedBy } from './confirmation.ts';
import { cronSchedule } from './cron.ts';
import { forecastOf, type Forecast } from './forecast.ts';
import type { RetentionOptions, RuleOptions } from './options.ts';
import { keepPolicy, planRules } from './plan.ts';
import { Runner } from './runner.ts';
import { Schedules, type ScheduleDocument, type ScheduleInput, type ScheduleStatus } from './schedules.ts';
import { statusOf } from './status.ts';
import { time, span } from './words.ts';

const UPKEEP_INTERVAL_MS = 600_000;

/** All that is done with retention while the relay runs: whoever offers it to people or programs asks here. */
export class RetentionService {
  readonly #world: RetentionWorld;
  readonly #schedules: Schedules;
  readonly #guard: ClockGuard;
  readonly #anchors: Anchors;
  /** Told of each purge that failed. */
  onFailed: (run: PurgeRun) => void = () => {};
  /** Since the relay started; dry runs not counted. */
  readonly counters = { ended: { done: 0, stopped: 0, failed: 0 }, records: 0, heldMsMax: 0 };
  #options: RetentionOptions;
  #runner: Runner | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RetentionOptions, world: RetentionWorld) {
    this.#options = options;
    this.#world = world;
    const { journal, clock, log, tell } = world;
    const store = journal.retention;
    this.#schedules = new Schedules({
      store,
      make: world.makeSchedule ?? cronSchedule,
      log,
      retention: options,
      onDue: (name, document) => void this.#due(name, document),
    });
    this.#guard = new ClockGuard(store, clock);
    this.#anchors = new Anchors({ journal, clock, log, tell });
  }

  /** Goes on with a purge that the last stop interrupted, tells certificates that were not told yet, and arms the schedules. */
  async open(): Promise<void> {
    const store = this.#world.journal.retention;
    await store.protect(keepPolicy(this.#options));
    await this.#schedules.open();
    const [last] = await store.runs(1);
    if (last !== undefined && last.endedMs === undefined) this.#begin(last, true);
    this.#timer = this.#world.clock.every(UPKEEP_INTERVAL_MS, () => void this.#upkeep());
    await this.#checkClock();
    this.#anchors.start(this.#options.anchor_interval_ms);
    // What a certificate says must not wait for the next purge, and nobody waits for it here.
    void this.#tellCertificates();
  }

  async configure(options: RetentionOptions): Promise<void> {
    this.#options = options;
    await this.#world.journal.retention.protect(keepPolicy(options));
    this.#schedules.configure(options);
    this.#anchors.start(options.anchor_interval_ms);
  }

  /** Suspends a purge that is under way; it goes on at the next start. Tells a last anchor. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#schedules.close();
    this.#runner?.suspend();
    await this.#working;
    await this.#anchors.stop();
  }

  /**
   * Begins a purge; resolves once it has begun. Throws `PURGE_RUNNING` while there is another, and `PURGE_REFUSED` where a guard stands
   * in its way: the least keep time, an unknown rule, a clock that jumped.
   */
  async start(request: PurgeRequest): Promise<PurgeRun> {
    if (this.#closed) throw new RelayError('JOURNAL_CLOSED', 'the relay is stopping');
    const { clock, journal, log } = this.#world;
    if (request.dryRun !== true) await this.#refuseAfterJump();
    const rules = planRules(this.#options, request, clock.nowMs());
    const { cause, who, dryRun = false, rule, ignoreWindows = false } = request;
    const parameters = {
      ...request.parameters,
      ...(rule === undefined ? {} : { rule }),
      ...(ignoreWindows ? { ignore_windows: true } : {}),
    };
    const run = await journal.retention.begin({ dryRun, cause, who, rules, parameters });
    const about = { purge: run.id, cause, who, dry_run: dryRun };
    if (dryRun || cause === 'schedule') log.info('a purge begins', about);
    else log.warn('a purge begins that somebody asked for; what it takes cannot be recovered', about);
    this.#begin(run, false);
    return run;
  }

  /**
   * Begins a purge by hand: only with the word of a dry run of the same rules that ended a few minutes ago, so that nobody takes away what
   * he has not seen counted. Throws `PURGE_UNCONFIRMED`, and what `start` throws.
   */
  async startConfirmed(request: PurgeRequest): Promise<PurgeRun> {
    const store = this.#world.journal.retention;
    const nowMs = this.#world.clock.nowMs();
    const { confirm: word, rule, parameters } = request;
    const counted = await countedBy(store, { word, rule, rules: planRules(this.#options, request, nowMs) }, nowMs);
    const run = await this.start({ ...request, parameters: { ...parameters, counted: counted.id } });
    await store.note(run.id, [confirmedInWords(counted)]);
    return run;
  }

  /** Stops a purge after the step that is under way. One that has ended stays as it is. Throws `PURGE_UNKNOWN`. */
  async stop(id: number, who: string): Promise<PurgeRun> {
    await this.run(id);
    if (this.#runner?.run.id === id) {
      this.#runner.stop(who);
      await this.#working;
    }
    return this.run(id);
  }

  /** The purge that is under way. */
  get active(): PurgeStatus | undefined {
    const run = this.#runner?.run;
    return run === undefined ? undefined : this.#status(run);
  }

  /** Newest first. */
  async history(limit = 100, beforeId?: number): Promise<PurgeStatus[]> {
    return (await this.#world.journal.retention.runs(limit, beforeId)).map((run) => this.#status(run));
  }

  /** Throws `PURGE_UNKNOWN`. */
  async run(id: number): Promise<PurgeStatus> {
    const run = await this.#world.journal.retention.run(id);
    if (run === undefined) throw new RelayError('PURGE_UNKNOWN', `there is no purge ${id} in the history`);
    return this.#status(run);
  }

  /** The log of a purge as text, one line for each thing that happened. Throws `PURGE_UNKNOWN`. */
  async log(id: number): Promise<string> {
    const lines = await this.run(id).then(() => this.#world.journal.retention.log(id));
    return lines.map(({ atMs, text }) => `${time(atMs)} [INFO] ${text}\n`).join('');
  }

  /** Resolves when no purge is under way. */
  async idle(): Promise<void> {
    await this.#working;
  }

  schedules(): ScheduleStatus[] {
    return this.#schedules.list();
  }

  schedule(name: string): ScheduleStatus | undefined {
    return this.schedules().find((schedule) => schedule.name === name);
  }

  /**
   * Sets or, with undefined, removes a schedule while the relay runs; it is kept in the journal. The name `config` takes the place of the
   * config file's. Throws `PURGE_REFUSED` for one that would not work.
   */
  async setSchedule(name: string, schedule: ScheduleInput | undefined, who: string): Promise<void> {
    const nowMs = this.#world.clock.nowMs();
    if (schedule?.rules !== undefined) planRules(this.#options, { rules: schedule.rules as RuleOptions[] }, nowMs);
    await this.#schedules.set(name, schedule, { who, nowMs });
  }

  get rules(): readonly RuleOptions[] {
    return this.#options.rules;
  }

  get options(): RetentionOptions {
    return this.#options;
  }

  forecast(): Forecast {
    return forecastOf(this.#options, this.schedules(), this.#world.clock.nowMs());
  }

  holds(lifted = false): Promise<Hold[]> {
    return this.#world.journal.retention.holds(lifted);
  }

  addHold(hold: { readonly scope: HoldScope; readonly who: string; readonly why: string }): Promise<Hold> {
    return this.#world.journal.retention.addHold(hold);
  }

  /** Throws `HOLD_UNKNOWN`. */
  liftHold(id: number, lift: { readonly who: string; readonly why: string }): Promise<Hold> {
    return this.#world.journal.retention.liftHold(id, lift);
  }

  /** A person says that the clock is right, though it jumped. */
  acceptClock(): Promise<void> {
    return this.#guard.accept();
  }

  #status(run: PurgeRun): PurgeStatus {
    return statusOf(run, this.#world.clock.nowMs());
  }

  #begin(run: PurgeRun, goesOn: boolean): void {
    const { journal, clock, log } = this.#world;
    const store = journal.retention;
    const runner = new Runner(run, { store, clock, log, options: () => this.#options });
    this.#runner = runner;
    const before = run.tally.records;
    this.#working = runner.work(goesOn).then((ended) => {
      if (!ended.dryRun) this.counters.heldMsMax = runner.heldMsMax;
      if (!ended.dryRun) this.counters.records += ended.tally.records - before;
      return this.#ended(ended);
    });
  }

  async #ended(run: PurgeRun): Promise<void> {
    this.#runner = undefined;
    if (run.endedMs === undefined) return;
    if (!run.dryRun && (run.state === 'done' || run.state === 'stopped' || run.state === 'failed'))
      this.counters.ended[run.state]++;
    if (run.state === 'failed') this.onFailed(run);
    const { log, journal, clock } = this.#world;
    const { records, storedBytes } = run.tally;
    log.info('a purge ended', {
      purge: run.id,
      state: run.state,
      dry_run: run.dryRun,
      records,
      stored_bytes: storedBytes,
    });
    if (this.#closed) return;
    await this.#tellCertificates();
    const { keep_hours, runs_max } = this.#options.history;
    await journal.retention.forget(clock.nowMs() - keep_hours * 3_600_000, runs_max).catch(() => 0);
  }

  async #due(name: string, document: ScheduleDocument | undefined): Promise<void> {
    const { log } = this.#world;
    try {
      const parameters = document === undefined ? { schedule: name } : { ...document.parameters, schedule: name };
      const who = document?.setBy ?? 'the config';
      await this.start({
        cause: 'schedule',
        who,
        rules: document?.rules,
        dryRun: document?.dryRun ?? false,
        parameters,
      });
    } catch (error) {
      log.warn('a purge that was due did not begin', { schedule: name, reason: describeError(error) });
    }
  }

  async #refuseAfterJump(): Promise<void> {
    const most = this.#options.clock_jump_hours_max;
    const aheadMs = await this.#guard.check(most);
    if (aheadMs <= most * 3_600_000) return;
    throw new RelayError(
      'PURGE_REFUSED',
      `the clock is ${span(aheadMs)} ahead of where the relay last knew it to be (it says ${time(this.#world.clock.nowMs())}); ` +
        'if it is right, say so with "spillway purge --accept-clock"',
    );
  }

  async #upkeep(): Promise<void> {
    await this.#checkClock();
    // Those that could not be told while the journal was full.
    if (this.#runner === undefined) await this.#tellCertificates();
  }

  async #checkClock(): Promise<void> {
    const { log } = this.#world;
    const most = this.#options.clock_jump_hours_max;
    const aheadMs = await this.#guard.check(most).catch(() => 0);
    if (aheadMs > most * 3_600_000)
      log.warn('the clock is far ahead of where it was; no purge begins until somebody says that it is right', {
        ahead_h: Math.round(aheadMs / 3_600_000),
      });
  }

  async #tellCertificates(): Promise<void> {
    const { journal, tell, log } = this.#world;
    try {
      await tellCertificates(journal.retention, tell);
    } catch (error) {
      log.warn('a certificate is not in the stream yet; it is told at the next start', {
        reason: describeError(error),
      });
    }
  }
}

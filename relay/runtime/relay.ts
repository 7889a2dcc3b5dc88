import { Acceptor } from '../accept/acceptor.ts';
import { isStored, type Config } from '../config/config.ts';
import { configDifference, type ConfigChange } from '../config/difference.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import { RelayError, describeError } from '../errors.ts';
import { sleep, type Clock, type Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Journal, JournalLimits } from '../journal/journal.ts';
import { SqliteJournal } from '../journal/sqlite/client.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { changeOver, type ChangeFailure } from './changeover.ts';
import { Endpoints, refuseToForget } from './endpoints.ts';
import type { InputHost } from './input-host.ts';
import { Inputs } from './inputs.ts';
import { QuotaForecast } from './quota-forecast.ts';
import { RelayEvents } from './relay-events.ts';
import { registerMetrics } from './relay-metrics.ts';
import { readStatus, type RelayStatus } from './status.ts';

export interface RelayWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The relay can do nothing more: the process should end. */
  readonly onFatal: () => void;
}

/** How long `accept` waits on a journal that takes nothing, before the sender is told to come back. */
const PATIENCE_MS = 20_000;
const ENDPOINT_STOP_MS = 5_000;
/** What an input may take of the time to stop: its senders must not use up what the journal and the endpoints need. */
const INPUT_STOP_MS = 3_000;
const JOURNAL_CLOSE_MS = 5_000;
const RETIREMENT_INTERVAL_MS = 1_000;

/** What a reload did. */
export interface Reloaded {
  /** What differed, also where it could not be changed. */
  readonly changes: readonly ConfigChange[];
  readonly failures: readonly ChangeFailure[];
}

/** The whole relay: built from a config, started and stopped in order, changed while it runs. */
export class Relay {
  readonly events: RelayEvents;
  readonly journal: Journal;
  readonly startedMs: number;
  readonly #world: RelayWorld;
  readonly #acceptor: Acceptor;
  readonly #inputs: Inputs;
  readonly #endpoints: Endpoints;
  #retirements: Timer | undefined;
  #config: Config;
  #stopping = false;
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(config: Config, world: RelayWorld, journal: Journal, events: RelayEvents) {
    this.#config = config;
    this.#world = world;
    this.journal = journal;
    this.events = events;
    this.startedMs = world.clock.nowMs();
    this.#acceptor = new Acceptor({
      journal,
      clock: world.clock,
      batchBytesMax: config.journal.max_batch_bytes,
      inFlightBytesMax: config.journal.max_in_flight_bytes,
      commitDelayMsMax: config.journal.max_commit_delay_ms,
      receiptsWindowMs: Math.max(1_000, config.journal.receipts_window_ms),
      patienceMs: PATIENCE_MS,
    });
    this.#inputs = new Inputs({
      acceptor: this.#acceptor,
      clock: world.clock,
      random: world.random,
      log: world.log,
      isStored: (dataset) => isStored(config.store, dataset),
    });
    this.#endpoints = new Endpoints({ ...world, journal, events });
  }

  /**
   * Opens the journal, then the endpoints, then the inputs, so that nothing comes in before it can be kept. Throws what stops it; then
   * nothing is left open.
   */
  static async start(config: Config, world: RelayWorld): Promise<Relay> {
    let relay: Relay | undefined;
    const events = new RelayEvents({
      log: world.log,
      clock: world.clock,
      observeAge: world.metrics.histogram(
        'spillway_endpoint_record_age_seconds',
        'Time from the receipt of a batch’s last record to its delivery.',
        ['endpoint'],
        [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600, 3_600],
      ),
      onReclaimed: (records, firstSeq) => {
        if (relay !== undefined) relay.#noteGap(records, firstSeq);
      },
      onFailed: world.onFatal,
      secondsToFull: () => forecast.secondsLeft(),
    });
    const forecast = new QuotaForecast({
      clock: world.clock,
      stats: () => journal.stats(),
      limits: () => limitsOf(relay?.config ?? config),
    });
    const journal = await SqliteJournal.open(
      {
        directory: config.data_dir,
        sync: config.journal.sync,
        compressionLevel: config.journal.compression_level,
        limits: limitsOf(config),
        receiptsWindowMs: config.journal.receipts_window_ms,
      },
      events,
    );
    const opened = new Relay(config, world, journal, events);
    relay = opened;
    try {
      await opened.#acceptor.open();
      registerMetrics(world.metrics, opened);
      await opened.#endpoints.warnOfForgotten(config.endpoints);
      for (const endpoint of config.endpoints) await opened.#endpoints.start(endpoint);
      await opened.#inputs.startAll(config.inputs);
      opened.#retirements = world.clock.every(RETIREMENT_INTERVAL_MS, () => opened.#finishRetired());
      return opened;
    } catch (error) {
      await opened.stop(INPUT_STOP_MS);
      throw error;
    }
  }

  get config(): Config {
    return this.#config;
  }

  get clock(): Clock {
    return this.#world.clock;
  }

  get inputs(): ReadonlyMap<string, InputHost> {
    return this.#inputs.hosts;
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints.running;
  }

  get acceptor(): Acceptor {
    return this.#acceptor;
  }

  /** True while inputs take records and the journal commits them. */
  get ready(): boolean {
    return !this.#stopping && this.events.journalFailure === undefined && this.#acceptor.refusal === undefined;
  }

  /** Why the relay is not as it should be, though it works; empty where it is. */
  get degradations(): string[] {
    const reasons: string[] = [];
    if (this.events.journalFull !== '') reasons.push(this.events.journalFull);
    if (this.events.damagedRecords > 0 || this.events.salvages > 0)
      reasons.push(`the journal was damaged: ${this.events.damagedRecords} records were set aside`);
    for (const [name, endpoint] of this.#endpoints.running) {
      const state = endpoint.dispatcher.health.state;
      if (state.name === 'down') reasons.push(`endpoint ${name} is down`);
    }
    return reasons;
  }

  status(): Promise<RelayStatus> {
    return readStatus(this);
  }

  /**
   * Takes over a new config while running. Throws, and changes nothing, where an endpoint would go that is still owed records. Returns
   * what changed, what of it waits for the next start, and what could not be changed and so is as it was.
   */
  reload(config: Config): Promise<Reloaded> {
    return this.#inTurn(() => this.#reload(config));
  }

  /** Ends in order and in bounded time: inputs, what they received, deliveries, journal. What takes longer is left where it is. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#retirements?.cancel();
    const { clock, log } = this.#world;
    const until = clock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, until - clock.monotonicMs());
    await this.#within(left(), this.#changing, 'a reload');
    await this.#within(Math.min(left(), INPUT_STOP_MS), this.#inputs.stopAll(), 'an input');
    const lost = await this.#acceptor.drain(left());
    if (lost > 0)
      log.error('records that were not acknowledged could not be committed before the end', { records: lost });
    await this.#endpoints.stopAll(Math.min(left(), ENDPOINT_STOP_MS));
    await this.#within(JOURNAL_CLOSE_MS, this.journal.close(), 'the journal');
  }

  /** Waits for a part of the end that must not hold up the rest. Never rejects. */
  async #within(deadlineMs: number, work: Promise<unknown>, what: string): Promise<void> {
    const { clock, log } = this.#world;
    const enough = new AbortController();
    const outcome = await Promise.race([
      work.then(
        () => 'done',
        (error: unknown) => describeError(error),
      ),
      sleep(clock, deadlineMs, enough.signal).then(() => 'it took too long'),
    ]);
    enough.abort();
    if (outcome !== 'done') log.warn('a part of the relay did not end in order', { what, reason: outcome });
  }

  async #reload(config: Config): Promise<Reloaded> {
    if (this.#stopping) throw new RelayError('ADMIN_UNREACHABLE', 'the relay is stopping');
    const before = this.#config;
    const changes = configDifference(before, config);
    const removed = changes.filter(({ part, change }) => part === 'endpoint' && change === 'removed');
    if (removed.length > 0) {
      const gone = new Set(removed.map(({ name }) => name));
      refuseToForget((await this.journal.cursors()).filter(({ endpoint }) => gone.has(endpoint)));
    }
    this.journal.configure(limitsOf(config));
    const endpoints = await changeOver(
      this.#endpoints,
      'endpoint',
      { before: before.endpoints, after: config.endpoints },
      changes,
    );
    const inputs = await changeOver(this.#inputs, 'input', { before: before.inputs, after: config.inputs }, changes);
    this.#config = { ...config, inputs: inputs.inEffect, endpoints: endpoints.inEffect };
    return { changes, failures: [...endpoints.failures, ...inputs.failures] };
  }

  #finishRetired(): void {
    this.#inTurn(() => (this.#stopping ? Promise.resolve() : this.#endpoints.finishRetired())).catch((error: unknown) =>
      this.#world.log.warn('an endpoint could not be retired yet', { reason: describeError(error) }),
    );
  }

  /** What changes the relay's parts happens one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#changing.then(work);
    this.#changing = run.catch(() => undefined);
    return run;
  }

  #noteGap(records: number, firstSeq: number): void {
    try {
      this.#acceptor.note(
        { name: 'spillway.gap', stored: true },
        `${records} records that endpoints had not got yet were dropped: the journal was at its limit`,
        { gap: { records, first_seq: firstSeq, reason: 'quota' } },
      );
    } catch (error) {
      this.#world.log.error('the gap could not be told in the stream', { reason: describeError(error) });
    }
  }
}

function limitsOf({ journal }: Config): JournalLimits {
  return { bytesMax: journal.max_bytes, freeBytesMin: journal.min_free_bytes, whenFull: journal.when_full };
}

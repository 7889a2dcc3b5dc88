import type { AlertBoard } from '../alerts/board.ts';
import type { Acceptor } from '../accept/acceptor.ts';
import type { Config } from '../config/config.ts';
import { configDifference, type ConfigChange } from '../config/difference.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import { RelayError, describeError } from '../errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { PurgeableJournal } from '../journal/journal.ts';
import { Searches } from '../query/searches.ts';
import { RetentionService } from '../retention/service.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { changeOver, type ChangeFailure } from './changeover.ts';
import { Datasets } from './datasets.ts';
import { Endpoints, refuseToForget } from './endpoints.ts';
import { Filters } from './filters.ts';
import type { InputHost } from './input-host.ts';
import { Inputs } from './inputs.ts';
import { QuotaForecast } from './quota-forecast.ts';
import { RelayEvents } from './relay-events.ts';
import { registerMetrics } from './relay-metrics.ts';
import { Alerts } from './alerts.ts';
import { within } from './within.ts';
import { OwnRecords } from './own-records.ts';
import { giveUpRuns, RAW_DATASETS, Runs } from './runs.ts';
import { Replays } from './replays.ts';
import { acceptorFor, limitsOf, openJournal } from './storage.ts';
import { readStatus, type RelayStatus } from './status.ts';

export interface RelayWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The relay can do nothing more: the process should end. */
  readonly onFatal: () => void;
}

const ENDPOINT_STOP_MS = 5_000;
/** What an input may take of the time to stop: its senders must not use up what the journal and the endpoints need. */
const INPUT_STOP_MS = 3_000;
const RUNS_STOP_MS = 2_000;
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
  readonly journal: PurgeableJournal;
  readonly retention: RetentionService;
  readonly startedMs: number;
  /** What the relay itself has to say in the stream. */
  readonly ownRecords: OwnRecords;
  /** Searches over what the journal holds. */
  readonly searches: Searches;
  /** Records that are sent to an endpoint once more. */
  readonly replays: Replays;
  /** The assembly of GitHub Actions jobs; undefined where it is switched off. */
  readonly runs: Runs | undefined;
  readonly #world: RelayWorld;
  readonly filters: Filters;
  readonly #acceptor: Acceptor;
  readonly #datasets: Datasets;
  readonly #inputs: Inputs;
  readonly #endpoints: Endpoints;
  #alerts: Alerts | undefined;
  #retirements: Timer | undefined;
  #config: Config;
  #stopping = false;
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(config: Config, world: RelayWorld, journal: PurgeableJournal, events: RelayEvents) {
    this.#config = config;
    this.#world = world;
    this.journal = journal;
    this.events = events;
    this.startedMs = world.clock.nowMs();
    this.#acceptor = acceptorFor(config, journal, world.clock);
    this.ownRecords = new OwnRecords(this.#acceptor, world.log);
    this.filters = new Filters(world);
    this.#datasets = new Datasets(config.store, (dataset) => this.filters.datasetName(dataset));
    this.#inputs = new Inputs({
      acceptor: this.#acceptor,
      clock: world.clock,
      random: world.random,
      log: world.log,
      datasets: this.#datasets,
      runner: config.runs.enabled ? RAW_DATASETS : undefined,
    });
    this.replays = new Replays(this, world);
    this.#endpoints = new Endpoints({ ...world, journal, events, forwardWorkerLog: config.runs.forward_worker_log });
    this.searches = new Searches({
      clock: world.clock,
      directory: config.data_dir,
      freeBytesMin: config.journal.min_free_bytes,
      indexBytesMax: config.journal.search_index_max_bytes,
      nextSeq: () => journal.nextSeq,
    });
    if (config.runs.enabled) this.runs = new Runs(config, { ...world, journal, sink: this.#acceptor });
    this.retention = new RetentionService(config.retention, {
      journal,
      clock: world.clock,
      log: world.log,
      tell: (dataset, message, fields) => this.ownRecords.tell(dataset, message, fields),
    });
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
        if (relay !== undefined) relay.ownRecords.gap(records, firstSeq);
      },
      onFailed: world.onFatal,
      secondsToFull: () => forecast.secondsLeft(),
    });
    const forecast = new QuotaForecast({
      clock: world.clock,
      room: () => journal.room(),
      limits: () => limitsOf(relay?.config ?? config),
    });
    const journal = await openJournal(config, events);
    const opened = new Relay(config, world, journal, events);
    relay = opened;
    try {
      opened.#acceptor.filter = opened.filters.build(config);
      await opened.#acceptor.open();
      registerMetrics(world.metrics, opened);
      if (opened.runs === undefined) await giveUpRuns(journal, world.log);
      else await opened.runs.consumer.start();
      await opened.#endpoints.warnOfForgotten(config.endpoints);
      for (const endpoint of config.endpoints) await opened.#endpoints.start(endpoint);
      await opened.retention.open();
      await opened.#inputs.startAll(config.inputs);
      opened.#alerts = new Alerts(opened, world, config.alerts);
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

  /** What people are warned of at present. */
  get alerts(): AlertBoard | undefined {
    return this.#alerts?.board;
  }

  /** Looks at once for what is wrong, without waiting for the next look. */
  async look(): Promise<void> {
    await this.#alerts?.look();
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
    for (const { rule, suspended } of this.filters.counts)
      if (suspended)
        reasons.push(`the redact rule ${rule} hit too many records and masks nothing until the next reload`);
    for (const [name, endpoint] of this.#endpoints.running) {
      const state = endpoint.dispatcher.health.state;
      if (state.name === 'down') reasons.push(`endpoint ${name} is down`);
    }
    for (const { name, counters } of this.#inputs.hosts.values())
      if (counters.harbor.silent)
        reasons.push(`Harbor is silent on input ${name} since ${new Date(counters.harbor.lastMs).toISOString()}`);
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
    this.#alerts?.stop();
    this.replays.stopAll();
    const { clock, log } = this.#world;
    const until = clock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, until - clock.monotonicMs());
    await within(this.#world, left(), this.#changing, 'a reload');
    await within(this.#world, left(), this.searches.close(), 'a search');
    await within(this.#world, Math.min(left(), INPUT_STOP_MS), this.#inputs.stopAll(), 'an input');
    if (this.runs !== undefined)
      await within(this.#world, Math.min(left(), RUNS_STOP_MS), this.runs.consumer.stop(), 'the assembly of jobs');
    await within(this.#world, Math.min(left(), INPUT_STOP_MS), this.retention.close(), 'a purge');
    await this.#endpoints.deliverLast(left());
    const lost = await this.#acceptor.drain(left());
    if (lost > 0)
      log.error('records that were not acknowledged could not be committed before the end', { records: lost });
    await this.#endpoints.stopAll(Math.min(left(), ENDPOINT_STOP_MS));
    await within(this.#world, JOURNAL_CLOSE_MS, this.journal.close(), 'the journal');
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
    this.#acceptor.filter = this.filters.build(config);
    this.journal.configure(limitsOf(config));
    this.#datasets.configure(config.store);
    await this.retention.configure(config.retention);
    this.#alerts?.configure(config.alerts);
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
}

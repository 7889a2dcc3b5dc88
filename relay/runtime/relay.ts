import { Acceptor } from '../accept/acceptor.ts';
import { isStored, type Config, type ConfiguredEndpoint, type ConfiguredInput } from '../config/config.ts';
import { configDifference, type ConfigChange } from '../config/difference.ts';
import { Endpoint } from '../delivery/endpoint.ts';
import { RelayError, describeError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Journal, JournalLimits } from '../journal/journal.ts';
import { SqliteJournal } from '../journal/sqlite/client.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { InputHost } from './input-host.ts';
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

/** The whole relay: built from a config, started and stopped in order, changed while it runs. */
export class Relay {
  readonly events: RelayEvents;
  readonly journal: Journal;
  readonly startedMs: number;
  readonly #world: RelayWorld;
  readonly #acceptor: Acceptor;
  readonly #inputs = new Map<string, InputHost>();
  readonly #endpoints = new Map<string, Endpoint>();
  #config: Config;
  #stopping = false;
  #reloading: Promise<unknown> = Promise.resolve();

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
      await opened.#warnOfForgottenCursors();
      for (const endpoint of config.endpoints) await opened.#startEndpoint(endpoint);
      await Promise.all(config.inputs.map((input) => opened.#startInput(input)));
      return opened;
    } catch (error) {
      await opened.stop(0);
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
    return this.#inputs;
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints;
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
    for (const [name, endpoint] of this.#endpoints) {
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
   * what changed, and what of it waits for the next start.
   */
  reload(config: Config): Promise<ConfigChange[]> {
    const run = this.#reloading.then(() => this.#reload(config));
    this.#reloading = run.catch(() => undefined);
    return run;
  }

  /** Ends in order and within `deadlineMs`: inputs, what they received, deliveries, journal. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { clock, log } = this.#world;
    const until = clock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, until - clock.monotonicMs());
    await Promise.all([...this.#inputs.values()].map((input) => input.stop()));
    const lost = await this.#acceptor.drain(left());
    if (lost > 0)
      log.error('records that were not acknowledged could not be committed before the end', { records: lost });
    await Promise.all(
      [...this.#endpoints.values()].map((endpoint) => endpoint.stop(Math.min(left(), ENDPOINT_STOP_MS))),
    );
    await this.journal.close();
  }

  async #reload(config: Config): Promise<ConfigChange[]> {
    const changes = configDifference(this.#config, config);
    await this.#refuseToForget(config, changes);
    this.journal.configure(limitsOf(config));
    for (const { part, name, change } of changes) {
      if (part === 'endpoint') await this.#changeEndpoint(config, name, change);
      else if (part === 'input') await this.#changeInput(config, name, change);
    }
    this.#config = config;
    return changes;
  }

  async #refuseToForget(config: Config, changes: readonly ConfigChange[]): Promise<void> {
    const removed = changes.filter(({ part, change }) => part === 'endpoint' && change === 'removed');
    if (removed.length === 0) return;
    const cursors = await this.journal.cursors();
    const owed = removed.flatMap(({ name }) => {
      const backlog = cursors.find((cursor) => cursor.endpoint === name)?.backlogRecords ?? 0;
      return backlog > 0 ? [`${name} (${backlog} records)`] : [];
    });
    if (owed.length > 0) {
      throw new RelayError(
        'ENDPOINT_HAS_BACKLOG',
        `${config.file} no longer names endpoints that are still owed records: ${owed.join(', ')}. ` +
          'Put them back with `retire: drain` to deliver these first, or `retire: discard` to give them up',
      );
    }
  }

  async #changeEndpoint(config: Config, name: string, change: ConfigChange['change']): Promise<void> {
    const running = this.#endpoints.get(name);
    this.#endpoints.delete(name);
    await running?.stop(ENDPOINT_STOP_MS);
    const configured = config.endpoints.find((endpoint) => endpoint.name === name);
    if (change === 'removed' || configured === undefined) await this.journal.removeCursor(name);
    else await this.#startEndpoint(configured);
  }

  async #changeInput(config: Config, name: string, change: ConfigChange['change']): Promise<void> {
    const running = this.#inputs.get(name);
    this.#inputs.delete(name);
    await running?.stop();
    const configured = config.inputs.find((input) => input.name === name);
    if (change !== 'removed' && configured !== undefined) await this.#startInput(configured, running);
  }

  async #startEndpoint({ name, definition, options, delivery }: ConfiguredEndpoint): Promise<void> {
    if (delivery.retire === 'discard') {
      await this.journal.removeCursor(name);
      this.#world.log.warn('endpoint is retired; what it was owed is given up', { endpoint: name });
      return;
    }
    const endpoint = await Endpoint.start(
      {
        name,
        match: delivery.match,
        paused: delivery.paused,
        startAt: delivery.start_at,
        backoffMinMs: delivery.backoff_min_ms,
        backoffMaxMs: delivery.backoff_max_ms,
        downAfterMs: delivery.down_after_ms,
        reminderIntervalMs: delivery.reminder_interval_ms,
        drainRecordsPerSecondMax: delivery.drain_records_per_s_max,
        resendRecords: delivery.resend_records,
        deadLettersMax: delivery.dead_letters_max,
        untilSeq: delivery.retire === 'drain' ? this.journal.nextSeq : undefined,
      },
      definition,
      options,
      { ...this.#world, journal: this.journal, events: this.events },
    );
    this.#endpoints.set(name, endpoint);
  }

  async #startInput(configured: ConfiguredInput, before?: InputHost): Promise<void> {
    const host = new InputHost(
      configured,
      {
        acceptor: this.#acceptor,
        clock: this.#world.clock,
        random: this.#world.random,
        log: this.#world.log,
        isStored: (dataset) => isStored(this.#config.store, dataset),
      },
      before?.counters,
    );
    await host.start();
    this.#inputs.set(configured.name, host);
  }

  /** Cursors without an endpoint hold the journal's records back for ever; somebody must decide about them. */
  async #warnOfForgottenCursors(): Promise<void> {
    const named = new Set(this.#config.endpoints.map((endpoint) => endpoint.name));
    for (const cursor of await this.journal.cursors()) {
      if (named.has(cursor.endpoint)) continue;
      if (cursor.backlogRecords === 0) {
        await this.journal.removeCursor(cursor.endpoint);
        continue;
      }
      this.#world.log.error('an endpoint that the config does not name is still owed records', {
        endpoint: cursor.endpoint,
        backlog_records: cursor.backlogRecords,
        advice: 'put it back with `retire: drain` or `retire: discard`',
      });
    }
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

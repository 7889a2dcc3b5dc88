import type { ConfiguredEndpoint } from '../config/config.ts';
import { Endpoint, type EndpointWorld } from '../delivery/endpoint.ts';
import { RelayError } from '../errors.ts';
import { sleep } from '../io/clock.ts';
import type { Cursor } from '../journal/journal.ts';
import type { Workplace } from './changeover.ts';

/** How long an endpoint that changes may take to have what is under way answered. */
const CHANGE_STOP_MS = 5_000;

const LAST_DELIVERY_MS = 500;
const LAST_DELIVERY_LOOK_MS = 10;

/** The endpoints at work, and what becomes of their cursors when they go. */
export class Endpoints implements Workplace<ConfiguredEndpoint> {
  readonly #world: EndpointWorld;
  readonly #running = new Map<string, Endpoint>();
  /** Those that get no new records, and the place where their last one is. */
  readonly #retiring = new Map<string, number>();
  readonly #told = new Set<string>();

  constructor(world: EndpointWorld) {
    this.#world = world;
  }

  get running(): ReadonlyMap<string, Endpoint> {
    return this.#running;
  }

  async start(configured: ConfiguredEndpoint): Promise<void> {
    const { name, delivery, definition, options } = configured;
    if (delivery.retire === 'discard') return this.#discard(name);
    if (delivery.retire === 'drain' && (await this.#cursor(name)) === undefined) return this.#tellRetired(name);
    // The end is that of the first start: what comes while it drains, over however many starts, is not for it any more.
    const untilSeq = await this.#world.journal.cursorEnd(name, delivery.retire === 'drain' ? 'set' : 'clear');
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
        drain: delivery.drain,
        drainRecordsPerSecondMax: delivery.drain_records_per_s_max,
        resendRecords: delivery.resend_records,
        deadLettersMax: delivery.dead_letters_max,
        untilSeq,
      },
      definition,
      options,
      this.#world,
    );
    this.#running.set(name, endpoint);
    if (untilSeq !== undefined) this.#retiring.set(name, untilSeq);
  }

  async stop(name: string, deadlineMs = CHANGE_STOP_MS): Promise<void> {
    const endpoint = this.#running.get(name);
    this.#running.delete(name);
    this.#retiring.delete(name);
    this.#told.delete(name);
    await endpoint?.stop(deadlineMs);
  }

  async stopAll(deadlineMs: number): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map((endpoint) => endpoint.stop(deadlineMs)));
  }

  /** Waits a moment until those that keep up have what came last, the chain's last anchor among it. */
  async deliverLast(deadlineMs: number): Promise<void> {
    const { clock } = this.#world;
    const until = clock.monotonicMs() + Math.min(LAST_DELIVERY_MS, deadlineMs);
    const behind = ({ dispatcher }: Endpoint): boolean =>
      dispatcher.health.state.name === 'up' && !dispatcher.paused && !dispatcher.idle;
    while ([...this.#running.values()].some(behind) && clock.monotonicMs() < until)
      await sleep(clock, LAST_DELIVERY_LOOK_MS);
  }

  /** Removes the cursor of an endpoint that is owed nothing. Throws `ENDPOINT_HAS_BACKLOG` for one that is. */
  async forget(name: string): Promise<void> {
    const cursor = await this.#cursor(name);
    if (cursor === undefined) return;
    refuseToForget([cursor]);
    await this.#world.journal.removeCursor(name);
  }

  /** Takes out the endpoints that have got all they were to get: their cursors would keep the journal's records for ever. */
  async finishRetired(): Promise<void> {
    for (const [name, untilSeq] of this.#retiring) {
      if ((this.#running.get(name)?.dispatcher.cursor ?? 0) < untilSeq) continue;
      const deadLetters = (await this.#cursor(name))?.deadLettered ?? 0;
      if (deadLetters > 0) {
        if (!this.#told.has(name))
          this.#world.log.error('an endpoint that retires has dead letters; resend or discard them', {
            endpoint: name,
            dead_letters: deadLetters,
          });
        this.#told.add(name);
        continue;
      }
      await this.stop(name);
      await this.#world.journal.removeCursor(name);
      this.#tellRetired(name);
    }
  }

  /** Cursors without an endpoint hold the journal's records back for ever; somebody must decide about them. */
  async warnOfForgotten(configured: readonly ConfiguredEndpoint[]): Promise<void> {
    const named = new Set(configured.map(({ name }) => name));
    for (const cursor of await this.#world.journal.cursors()) {
      const { endpoint, backlogRecords, deadLettered } = cursor;
      if (named.has(endpoint)) continue;
      if (backlogRecords === 0 && deadLettered === 0) {
        await this.#world.journal.removeCursor(endpoint);
        this.#world.log.info('an endpoint that the config does not name any more had everything; it is forgotten', {
          endpoint,
        });
        continue;
      }
      this.#world.log.error('an endpoint that the config does not name is still owed records', {
        endpoint,
        backlog_records: backlogRecords,
        dead_letters: deadLettered,
        advice: 'put it back with `retire: drain` or `retire: discard`',
      });
    }
  }

  async #discard(name: string): Promise<void> {
    const cursor = await this.#cursor(name);
    if (cursor === undefined) return;
    await this.#world.journal.removeCursor(name);
    this.#world.log.warn('endpoint is retired; what it was owed is given up', {
      endpoint: name,
      backlog_records: cursor.backlogRecords,
      dead_letters: cursor.deadLettered,
    });
  }

  #tellRetired(name: string): void {
    this.#world.log.info('endpoint is retired and was given all that it was owed; the config need not name it', {
      endpoint: name,
    });
  }

  async #cursor(name: string): Promise<Cursor | undefined> {
    return (await this.#world.journal.cursors()).find(({ endpoint }) => endpoint === name);
  }
}

/** Throws `ENDPOINT_HAS_BACKLOG` where one of these is owed something, or has dead letters. */
export function refuseToForget(cursors: readonly Cursor[]): void {
  const owed = cursors.flatMap(({ endpoint, backlogRecords, deadLettered }) => {
    if (backlogRecords === 0 && deadLettered === 0) return [];
    const parts = [
      ...(backlogRecords > 0 ? [`${backlogRecords} records`] : []),
      ...(deadLettered > 0 ? [`${deadLettered} dead letters`] : []),
    ];
    return [`${endpoint} (${parts.join(', ')})`];
  });
  if (owed.length === 0) return;
  throw new RelayError(
    'ENDPOINT_HAS_BACKLOG',
    `endpoints that are still owed records would be forgotten: ${owed.join(', ')}. ` +
      'Put them back with `retire: drain` to deliver these first, or `retire: discard` to give them up',
  );
}

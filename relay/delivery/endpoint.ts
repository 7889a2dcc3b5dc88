import type { z } from 'zod';
import type { Output, OutputDefinition } from '../component/output.ts';
import { describeError, RelayError } from '../errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Cursor, Journal } from '../journal/journal.ts';
import type { Log } from '../telemetry/logger.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DeliveryEvents } from './events.ts';
import { compileMatch, internalDatasets, type MatchOptions } from './match.ts';
import { RateLimit } from './rate-limit.ts';

/** What every endpoint has, whatever its output. */
export interface EndpointOptions {
  readonly name: string;
  readonly match: MatchOptions | undefined;
  readonly paused: boolean;
  readonly startAt: 'first' | 'end';
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly downAfterMs: number;
  readonly reminderIntervalMs: number;
  readonly drain: 'in_order' | 'interleave';
  readonly drainRecordsPerSecondMax: number;
  readonly resendRecords: number;
  readonly deadLettersMax: number;
  readonly untilSeq: number | undefined;
}

export interface EndpointWorld {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: DeliveryEvents;
  /** Whether endpoints get the lines of runners' Worker logs. */
  readonly forwardWorkerLog?: boolean;
}

/** How long a connection without acknowledgements must have held before what went over it counts as arrived. */
const RESEND_HOLD_MS = 10_000;
/** How often the first address is tried again while another one serves. */
const FAIL_BACK_INTERVAL_MS = 60_000;
/** An endpoint to which nothing is sent is asked this often whether it is there. */
const PROBE_INTERVAL_MS = 60_000;
const PROBE_TIMEOUT_MS = 10_000;
const DEAD_LETTERS_READ_MAX = 1_000_000;

/** One configured destination at work: its outputs, one for each address, and the dispatcher that feeds the current one. */
export class Endpoint {
  readonly name: string;
  readonly type: string;
  readonly addresses: readonly string[];
  readonly dispatcher: Dispatcher;
  readonly #world: EndpointWorld;
  readonly #outputs: readonly Output[];
  /** Another output to the address in use, for what does not come from the journal in order. */
  readonly #createOutput: (connectionLost: () => void) => Output;
  readonly #timers: Timer[] = [];
  readonly #stopping = new AbortController();
  #current = 0;

  private constructor(
    options: EndpointOptions,
    definition: OutputDefinition,
    outputOptions: z.output<z.ZodObject>,
    world: EndpointWorld,
    cursor: Cursor,
  ) {
    this.name = options.name;
    this.type = definition.type;
    this.#world = world;
    this.addresses = definition.addresses(outputOptions);
    const context = {
      name: options.name,
      clock: world.clock,
      random: world.random,
      log: world.log.child({ endpoint: options.name }),
      relayId: world.journal.identity.relayId,
    };
    const addresses = this.addresses.length === 0 ? [undefined] : this.addresses;
    this.#createOutput = (connectionLost) =>
      definition.create(outputOptions, { ...context, connectionLost }, this.address);
    this.#outputs = addresses.map((address, i) =>
      definition.create(
        outputOptions,
        {
          ...context,
          connectionLost: () => {
            if (i === this.#current) this.dispatcher.connectionLost();
          },
        },
        address,
      ),
    );
    this.dispatcher = new Dispatcher({
      endpoint: options.name,
      journal: world.journal,
      clock: world.clock,
      random: world.random,
      events: world.events,
      output: () => this.#outputs[this.#current]!,
      onFailure: () => this.#failOver(),
      matcher: compileMatch(options.match, internalDatasets(world.forwardWorkerLog === true)),
      acknowledged: definition.acknowledgement(outputOptions) === 'endpoint',
      resendRecords: options.resendRecords,
      resendHoldMs: RESEND_HOLD_MS,
      backoffMinMs: options.backoffMinMs,
      backoffMaxMs: options.backoffMaxMs,
      downAfterMs: options.downAfterMs,
      reminderIntervalMs: options.reminderIntervalMs,
      drain: options.drain,
      rateLimit: new RateLimit(options.drainRecordsPerSecondMax, world.clock),
      cursorSeq: cursor.seq,
      deadLetters: cursor.deadLettered,
      deadLettersMax: options.deadLettersMax,
      untilSeq: options.untilSeq,
    });
    if (options.paused) this.dispatcher.setPaused(true);
  }

  /** Opens the endpoint's cursor and starts feeding it. Throws where an option names a file that cannot be read. */
  static async start(
    options: EndpointOptions,
    definition: OutputDefinition,
    outputOptions: z.output<z.ZodObject>,
    world: EndpointWorld,
  ): Promise<Endpoint> {
    const cursor = await world.journal.openCursor(options.name, options.startAt);
    const endpoint = new Endpoint(options, definition, outputOptions, world, cursor);
    endpoint.dispatcher.start();
    endpoint.#timers.push(
      world.clock.every(PROBE_INTERVAL_MS, () => void endpoint.#probeIdle()),
      world.clock.every(FAIL_BACK_INTERVAL_MS, () => void endpoint.#failBack()),
    );
    void endpoint.#probeIdle();
    return endpoint;
  }

  /** The address in use; undefined for an output without a network. */
  get address(): string | undefined {
    return this.addresses[this.#current];
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#timers) timer.cancel();
    await this.dispatcher.stop(deadlineMs);
    await Promise.all(this.#outputs.map((output) => this.#close(output)));
  }

  /** Tries the address in use now; rejects with what is wrong with it. */
  probe(): Promise<void> {
    return this.#probe(this.#outputs[this.#current]!);
  }

  async #probe(output: Output): Promise<void> {
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    const { signal } = this.#stopping;
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp);
    const timer = this.#world.clock.after(PROBE_TIMEOUT_MS, giveUp);
    try {
      await output.probe(abort.signal);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Sends dead letters again, one at a time, over a connection of their own. Those that are taken are no dead letters any more. Returns
   * how many that were; throws what stopped it where that was not the record's fault.
   */
  async resendDeadLetters(ids: readonly number[]): Promise<number> {
    const { journal } = this.#world;
    const wanted = new Set(ids);
    const letters = (await journal.deadLetters(this.name, DEAD_LETTERS_READ_MAX)).filter(({ id }) => wanted.has(id));
    const output = this.#createOutput(() => {});
    let taken = 0;
    try {
      for (const letter of letters) {
        const lines = Buffer.from(`${letter.line}\n`);
        try {
          await output.deliver({ firstSeq: letter.seq, records: 1, lines }, this.#stopping.signal);
        } catch (error) {
          if (error instanceof RelayError && error.disposition === 'reject') continue;
          throw error;
        }
        taken += await journal.discardDeadLetters(this.name, [letter.id], 'redelivered');
      }
    } finally {
      await output.close();
    }
    return taken;
  }

  /** An output of its own to the address in use, for a replay beside the deliveries. Whoever asked for it closes it. */
  openReplay(): Output {
    return this.#createOutput(() => {});
  }

  /** Goes on to the next address. True where it has not been tried in this round. */
  #failOver(): boolean {
    if (this.#outputs.length < 2) return false;
    this.#use((this.#current + 1) % this.#outputs.length);
    return this.#current !== 0;
  }

  /** Goes back to the first address once it answers again. */
  async #failBack(): Promise<void> {
    if (this.#current === 0) return;
    try {
      await this.#probe(this.#outputs[0]!);
    } catch {
      return;
    }
    // A failure may have led back to it meanwhile.
    if (this.#current !== 0 && !this.#stopping.signal.aborted) this.#use(0);
  }

  /** Sends to another address from now on, what may not have arrived included. The one left is closed once it has answered. */
  #use(index: number): void {
    const left = this.#outputs[this.#current]!;
    this.#current = index;
    this.dispatcher.sendAgain();
    this.#world.events.failedOver(this.name, this.address ?? '');
    void this.dispatcher.whenAnswered().then(async () => {
      // It may be in use again by now.
      if (left !== this.#outputs[this.#current]) await this.#close(left);
    });
  }

  /** Never rejects: one that cannot be closed must not keep the others, or the journal, from it. */
  async #close(output: Output): Promise<void> {
    try {
      await output.close();
    } catch (error) {
      this.#world.log.debug('an output could not be closed', { endpoint: this.name, reason: describeError(error) });
    }
  }

  async #probeIdle(): Promise<void> {
    if (!this.dispatcher.idle || this.dispatcher.paused) return;
    try {
      await this.probe();
      if (this.dispatcher.idle) this.dispatcher.health.succeeded(true);
    } catch (error) {
      if (this.#stopping.signal.aborted || !this.dispatcher.idle) return;
      this.dispatcher.health.failed(
        error instanceof RelayError
          ? error
          : new RelayError('OUTPUT_UNREACHABLE', 'the probe failed', { cause: error }),
      );
    }
  }
}

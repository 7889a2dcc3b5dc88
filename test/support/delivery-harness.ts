import { z } from 'zod';
import { defineOutput } from '../../relay/component/output.ts';
import { Endpoint, type EndpointOptions } from '../../relay/delivery/endpoint.ts';
import type { DeliveryEvents } from '../../relay/delivery/events.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeJournal } from './fake-journal.ts';
import { FakeOutput } from './fake-output.ts';

export interface DeliveryHarnessOptions extends Partial<EndpointOptions> {
  /** One for each address. */
  readonly outputs?: readonly FakeOutput[];
  readonly acknowledged?: boolean;
  readonly journal?: FakeJournal;
  readonly clock?: FakeClock;
  readonly fraction?: () => number;
}

/** One endpoint over an array for a journal, scripted outputs and a clock that the test moves. */
export class DeliveryHarness implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly journal: FakeJournal;
  readonly outputs: readonly FakeOutput[];
  readonly output: FakeOutput;
  readonly told: string[] = [];
  delivered = 0;
  filtered = 0;
  refused = 0;
  delays: number[] = [];
  endpoint!: Endpoint;
  /** Has the endpoint's connection lost, as an output without acknowledgements would tell. */
  connectionLost: () => void = () => {};

  private constructor(options: DeliveryHarnessOptions) {
    this.clock = options.clock ?? new FakeClock();
    this.journal = options.journal ?? new FakeJournal(() => this.clock.nowMs());
    this.outputs = options.outputs ?? [new FakeOutput()];
    this.output = this.outputs[0]!;
  }

  static async start(options: DeliveryHarnessOptions = {}): Promise<DeliveryHarness> {
    const harness = new DeliveryHarness(options);
    const { outputs } = harness;
    let created = 0;
    const definition = defineOutput({
      type: 'fake',
      stability: 'stable',
      summary: 'Does as it is told.',
      notes: [],
      options: z.strictObject({}),
      acknowledgement: () => (options.acknowledged === false ? 'none' : 'endpoint'),
      addresses: () => (outputs.length === 1 ? [] : outputs.map((_, i) => `fake://${i}`)),
      create: (_, context) => {
        harness.connectionLost = () => context.connectionLost();
        return outputs[created++ % outputs.length]!;
      },
    });
    harness.endpoint = await Endpoint.start(
      {
        name: 'siem',
        match: undefined,
        paused: false,
        startAt: 'first',
        backoffMinMs: 250,
        backoffMaxMs: 30_000,
        downAfterMs: 10_000,
        reminderIntervalMs: 1_800_000,
        drain: 'interleave',
        drainRecordsPerSecondMax: 0,
        resendRecords: 10,
        deadLettersMax: 1_000,
        untilSeq: undefined,
        ...options,
      },
      definition,
      {},
      {
        journal: harness.journal,
        clock: harness.clock,
        random: { fraction: options.fraction ?? (() => 0.999), bytes: (count) => new Uint8Array(count) },
        log: silentLog,
        events: harness.#events(),
      },
    );
    return harness;
  }

  get books() {
    return this.journal.books(this.endpoint.name);
  }

  /** The changes of state, `from>to`. */
  get changes(): string[] {
    return this.told.filter((line) => line.includes('>'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.endpoint.stop(0);
    for (const output of this.outputs) output.cutHanging();
    await this.clock.advance(2_000);
    await stopped;
  }

  #events(): DeliveryEvents {
    return {
      delivered: (_, { records }) => (this.delivered += records),
      filtered: (_, records) => (this.filtered += records),
      retrying: (_, __, delayMs) => this.delays.push(delayMs),
      refused: (_, { seq }) => {
        this.refused++;
        this.told.push(`refused ${seq}`);
      },
      stateChanged: (_, from, to) => this.told.push(`${from.name}>${to.name}`),
      reminder: (_, __, detail) => this.told.push(`reminder ${detail.backlogRecords}`),
      deadLettersFull: (_, count) => this.told.push(`dead letters full ${count}`),
      readFailed: () => this.told.push('read failed'),
      failedOver: (_, address) => this.told.push(`at ${address}`),
      sentAgain: (_, records) => this.told.push(`again ${records}`),
    };
  }
}

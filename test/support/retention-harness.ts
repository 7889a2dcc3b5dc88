import type { z } from 'zod';
import { systemClock, type Clock } from '../../relay/io/clock.ts';
import { Purger } from '../../relay/journal/sqlite/purge/purger.ts';
import { SqliteRetention, type AskWriter } from '../../relay/journal/sqlite/retention-client.ts';
import type { MakeSchedule } from '../../relay/retention/cron.ts';
import { retentionOptions, type RetentionOptions } from '../../relay/retention/options.ts';
import { RetentionService } from '../../relay/retention/service.ts';
import type { Log, LogFields } from '../../relay/telemetry/logger.ts';
import { harborBatch, heldBatch, JournalBench } from './journal-bench.ts';

type Options = z.input<typeof retentionOptions>;

/** Something that the service wrote into the stream. */
export interface ToldRecord {
  readonly dataset: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The service over a real journal without its threads, whose schedules are due when a test says so. */
export class RetentionHarness implements AsyncDisposable {
  readonly bench = new JournalBench();
  readonly told: ToldRecord[] = [];
  readonly warned: { readonly message: string; readonly fields: LogFields }[] = [];
  /** The schedules that are armed, each with what makes it due. */
  readonly armed: { readonly expression: string; readonly due: () => void }[] = [];
  readonly clock: Clock;
  service!: RetentionService;

  private constructor(clock: Clock) {
    this.clock = clock;
  }

  static async open(options: Options = {}, clock: Clock = systemClock): Promise<RetentionHarness> {
    const harness = new RetentionHarness(clock);
    await harness.start(options);
    return harness;
  }

  async start(options: Options = {}): Promise<void> {
    const { bench } = this;
    const ask = (async (method, ...args) => bench.writer.retention(method, args)) as AskWriter;
    const retention = new SqliteRetention(ask, () => {
      const purger = new Purger({ directory: bench.directory, compressionLevel: 1 }, systemClock);
      return {
        ended: false,
        scan: async (plan, fromSeq, budget) => purger.scan(plan, fromSeq, budget),
        foldLog: async () => purger.foldLog(),
        close: async () => purger.close(),
      };
    });
    this.service = new RetentionService(this.options(options), {
      journal: {
        retention,
        identity: bench.writer.ready,
        get nextSeq() {
          return bench.nextSeq;
        },
      },
      clock: this.clock,
      log: this.#log,
      makeSchedule: this.#makeSchedule,
      tell: async (dataset, message, fields) => {
        this.told.push({ dataset, message, fields });
        const seq = bench.nextSeq;
        const created = new Date(this.clock.nowMs()).toISOString();
        const event = { id: 'testnd-0000001-000000001', created, dataset };
        const line = Buffer.from(`${JSON.stringify({ event, '@timestamp': created, message, spillway: fields })}\n`);
        const shared = new SharedArrayBuffer(line.length);
        line.copy(Buffer.from(shared));
        bench.append(heldBatch(seq, [''], { shared, bytes: line.length, datasets: { [dataset]: 1 } }));
        return seq;
      },
    });
    await this.service.open();
  }

  /** As a stop and a start of the relay do. */
  async restart(options: Options = {}): Promise<void> {
    await this.service.close();
    this.bench.reopen();
    await this.start(options);
  }

  options(options: Options): RetentionOptions {
    return retentionOptions.parse({ load_percent: 100, anchor_interval_ms: 0, ...options });
  }

  /** Appends one batch of Harbor's records, one for each operation, received so long ago. */
  harbor(operations: readonly string[], hoursAgo = 0): void {
    this.bench.append(harborBatch(this.bench.nextSeq, operations, this.clock.nowMs() - hoursAgo * 3_600_000));
  }

  get #log(): Log {
    const warn = (message: string, fields: LogFields = {}): void => void this.warned.push({ message, fields });
    const log: Log = { debug: () => {}, info: () => {}, warn, error: warn, child: () => log };
    return log;
  }

  readonly #makeSchedule: MakeSchedule = (expression, _zone, _log, onDue) => {
    const one = { expression, due: onDue };
    this.armed.push(one);
    return { stop: () => void this.armed.splice(this.armed.indexOf(one), 1) };
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
    this.bench[Symbol.dispose]();
  }
}

import { z } from 'zod';
import { RelayError } from '../errors.ts';
import type { RetentionStore } from '../journal/retention-store.ts';
import type { Log } from '../telemetry/logger.ts';
import { cronProblem, nextTimes, type MakeSchedule, type Schedule } from './cron.ts';
import { ruleOptions, type RetentionOptions } from './options.ts';

/**
 * A schedule that was set while the relay runs. It is kept in the journal and outlives a restart. Under the name `config` it takes the
 * place of the config's own; under another name it runs beside it.
 */
export const scheduleDocument = z.strictObject({
  cron: z.string().max(200),
  /** Rules of its own; absent: those of the config. */
  rules: z.array(ruleOptions).max(200).optional(),
  dryRun: z.boolean().default(false),
  /** Kept as it is for whoever set it. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  setBy: z.string(),
  setAtMs: z.number(),
});

export type ScheduleDocument = z.output<typeof scheduleDocument>;

export type ScheduleInput = Pick<z.input<typeof scheduleDocument>, 'cron' | 'rules' | 'dryRun' | 'parameters'>;

export interface ScheduleStatus extends Partial<ScheduleDocument> {
  readonly name: string;
  readonly cron: string;
  /** The config file's own, or a document set while the relay ran. */
  readonly from: 'config' | 'document';
  readonly nextRunsMs: readonly number[];
}

/** The name of the config's own schedule. */
export const CONFIG_SCHEDULE = 'config';
const SETTING = 'schedules';
const SCHEDULES_MAX = 20;
const NEXT_RUNS = 3;

/** Has purges begin when it is time. */
export class Schedules {
  readonly #store: RetentionStore;
  readonly #make: MakeSchedule;
  readonly #log: Log;
  readonly #onDue: (name: string, document: ScheduleDocument | undefined) => void;
  #documents = new Map<string, ScheduleDocument>();
  #running: Schedule[] = [];
  #options: RetentionOptions;

  constructor(options: {
    store: RetentionStore;
    make: MakeSchedule;
    log: Log;
    retention: RetentionOptions;
    onDue: (name: string, document: ScheduleDocument | undefined) => void;
  }) {
    this.#store = options.store;
    this.#make = options.make;
    this.#log = options.log;
    this.#options = options.retention;
    this.#onDue = options.onDue;
  }

  async open(): Promise<void> {
    const kept = await this.#store.setting(SETTING);
    if (kept !== undefined) {
      const parsed = z.record(z.string(), scheduleDocument).safeParse(JSON.parse(kept));
      if (parsed.success) this.#documents = new Map(Object.entries(parsed.data));
      else this.#log.error('the schedules that were set for purges cannot be read; those of the config count');
    }
    this.#arm();
  }

  configure(options: RetentionOptions): void {
    this.#options = options;
    this.#arm();
  }

  close(): void {
    for (const schedule of this.#running.splice(0)) schedule.stop();
  }

  /** Sets or, with undefined, removes a schedule. Throws `PURGE_REFUSED` for a cron expression that is none. */
  async set(
    name: string,
    input: ScheduleInput | undefined,
    by: { readonly who: string; readonly nowMs: number },
  ): Promise<void> {
    if (input !== undefined) {
      const problem = cronProblem(input.cron);
      if (problem !== undefined) throw new RelayError('PURGE_REFUSED', problem);
      if (!this.#documents.has(name) && this.#documents.size >= SCHEDULES_MAX)
        throw new RelayError('PURGE_REFUSED', `there are ${SCHEDULES_MAX} schedules already`);
    }
    const documents = new Map(this.#documents);
    if (input === undefined) documents.delete(name);
    else documents.set(name, scheduleDocument.parse({ ...input, setBy: by.who, setAtMs: by.nowMs }));
    await this.#store.putSetting(SETTING, JSON.stringify(Object.fromEntries(documents)));
    this.#documents = documents;
    this.#arm();
  }

  list(): ScheduleStatus[] {
    return this.#inForce().map(({ name, cron, document }) => ({
      ...document,
      name,
      cron,
      from: document === undefined ? 'config' : 'document',
      nextRunsMs: nextTimes(cron, this.#options.time_zone, NEXT_RUNS).map((date) => date.getTime()),
    }));
  }

  #inForce(): { readonly name: string; readonly cron: string; readonly document: ScheduleDocument | undefined }[] {
    const set = [...this.#documents].map(([name, document]) => ({ name, cron: document.cron, document }));
    const { schedule } = this.#options;
    if (schedule === undefined || this.#documents.has(CONFIG_SCHEDULE)) return set;
    return [{ name: CONFIG_SCHEDULE, cron: schedule, document: undefined }, ...set];
  }

  #arm(): void {
    this.close();
    this.#running = this.#inForce().map(({ name, cron, document }) =>
      this.#make(cron, this.#options.time_zone, this.#log, () => this.#onDue(name, document)),
    );
  }
}

import type { z } from 'zod';
import type { InputDefinition } from '../component/input.ts';
import type { FilterDefinition } from '../component/filter.ts';
import type { OutputDefinition } from '../component/output.ts';
import type { RetentionOptions } from '../retention/options.ts';
import type { AlertOptions } from '../alerts/options.ts';
import type { RunsOptions } from './runs-options.ts';
import type { AdminOptions, DeliveryOptions, JournalOptions, LogOptions, StoreOption } from './schema.ts';

/** A valid config: every default filled in, variables put in, paths absolute, components paired with their definitions. */
export interface Config {
  /** The file it was read from. */
  readonly file: string;
  readonly name: string;
  readonly data_dir: string;
  readonly inputs: readonly ConfiguredInput[];
  readonly endpoints: readonly ConfiguredEndpoint[];
  readonly journal: JournalOptions;
  readonly store: StoreOption;
  readonly retention: RetentionOptions;
  readonly redact: ConfiguredFilter;
  readonly runs: RunsOptions;
  readonly admin: AdminOptions;
  readonly alerts: AlertOptions;
  readonly log: LogOptions;
}

export interface ConfiguredInput {
  /** The operator's name for it. */
  readonly name: string;
  readonly definition: InputDefinition;
  /** What `definition.create` takes. */
  readonly options: z.output<z.ZodObject>;
}

export interface ConfiguredEndpoint {
  /** The operator's name for it. */
  readonly name: string;
  readonly definition: OutputDefinition;
  /** What `definition.create` takes. */
  readonly options: z.output<z.ZodObject>;
  /** What delivery takes: the options that every endpoint has. */
  readonly delivery: DeliveryOptions;
}

export interface ConfiguredFilter {
  readonly definition: FilterDefinition;
  /** What `definition.create` takes. */
  readonly options: unknown;
}

/** Whether records of `dataset` stay in the journal once every endpoint has them. */
export function isStored(store: StoreOption, dataset: string): boolean {
  return typeof store === 'boolean' ? store : !Object.hasOwn(store, dataset) || store[dataset] === true;
}

import type { z } from 'zod';
import type { Clock } from '../io/clock.ts';
import type { BatchFilter } from '../record/batch-filter.ts';
import type { Log } from '../telemetry/logger.ts';

/** What one rule of a filter has done since this process started. */
export interface RuleCount {
  readonly rule: string;
  /** Places in records that it changed. */
  places: number;
  /** Records that it changed. */
  records: number;
  /** True where it changed so many that it was taken out, until the next reload. */
  suspended: boolean;
}

export interface FilterContext {
  readonly clock: Clock;
  readonly log: Log;
  /** Outlives the filter, so that a reload goes on counting. Filled in by the filter, by the rule's name. */
  readonly counts: Map<string, RuleCount>;
}

/** A step between the inputs and the journal, configured under a key of its own. */
export interface FilterDefinition<Options extends z.ZodType = z.ZodType> {
  readonly type: string;
  readonly stability: 'stable' | 'beta' | 'experimental';
  readonly summary: string;
  readonly notes: readonly string[];
  readonly options: Options;
  /** Reads the files that the options name; throws a `RelayError` where that fails. Undefined where there is nothing to do. */
  create(options: z.output<Options>, context: FilterContext): BatchFilter | undefined;
}

export function defineFilter<Options extends z.ZodType>(
  definition: FilterDefinition<Options>,
): FilterDefinition<Options> {
  return definition;
}

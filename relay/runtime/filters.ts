import type { Config } from '../config/config.ts';
import type { FilterContext, RuleCount } from '../component/filter.ts';
import type { BatchFilter } from '../record/batch-filter.ts';

/** What stands between the inputs and the journal. Its counts outlive a reload. */
export class Filters {
  readonly #counts = new Map<string, RuleCount>();
  readonly #context: FilterContext;
  #filter: BatchFilter | undefined;

  constructor(world: Omit<FilterContext, 'counts'>) {
    this.#context = { clock: world.clock, log: world.log.child({ filter: 'redact' }), counts: this.#counts };
  }

  /** Every rule that there has been, by name. */
  get counts(): readonly RuleCount[] {
    return [...this.#counts.values()];
  }

  /** Builds the config's filter; undefined where it asks for none. Throws where a file that it names cannot be read. */
  build({ redact }: Config): BatchFilter | undefined {
    this.#filter = redact.definition.create(redact.options, this.#context);
    return this.#filter;
  }

  /** A dataset that a sender named; one that holds a secret gets another name. */
  datasetName(dataset: string): string {
    const name = `dataset:${dataset}`;
    return this.#filter === undefined || this.#filter.rename(name) === name ? dataset : 'redacted';
  }
}

import type { RuleCount } from '../../component/filter.ts';
import { globTest } from './scope.ts';
import type { RedactOptions } from './options.ts';

/** Fewer records than this say nothing about a rate. */
const RECORDS_MIN = 1_000;
/** After so many records a rate is counted anew. */
const RECORDS_MAX = 100_000;

/** One rule at work: where it counts, what it writes, and how often it hits. */
export class Rule {
  readonly name: string;
  readonly count: RuleCount;
  readonly replacement: Buffer;
  readonly #options: RedactOptions;
  readonly #datasets: readonly ((dataset: string) => boolean)[];
  #seen = 0;
  #hit = 0;
  #warned = false;

  constructor(name: string, label: string, options: RedactOptions, count: RuleCount) {
    this.name = name;
    this.count = count;
    this.replacement = Buffer.from(options.replacement === 'rule' ? `[redacted:${label}]` : '***');
    this.#options = options;
    this.#datasets = options.datasets.map(globTest);
  }

  covers(dataset: string): boolean {
    return this.#datasets.some((matches) => matches(dataset));
  }

  /** Counts records that were looked at. */
  looked(records: number): void {
    this.#seen += records;
  }

  /** Counts a record in which the rule hit at `places` places. */
  hit(places: number): void {
    this.#hit++;
    this.count.records++;
    this.count.places += places;
  }

  /** Whether the rule has just proved to hit far too often; once for each rule. Takes it out where the options say so. */
  judge(): { readonly records: number; readonly hits: number; readonly suspended: boolean } | undefined {
    if (this.#seen < RECORDS_MIN) return undefined;
    const verdict = { records: this.#seen, hits: this.#hit, suspended: this.#options.when_exceeded === 'suspend' };
    const isTooMuch = this.#hit / this.#seen > this.#options.hit_rate_max;
    if (isTooMuch || this.#seen >= RECORDS_MAX) {
      this.#seen = 0;
      this.#hit = 0;
    }
    if (!isTooMuch || this.#warned) return undefined;
    this.#warned = true;
    this.count.suspended = verdict.suspended;
    return verdict;
  }
}

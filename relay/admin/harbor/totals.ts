import { sleep, type Clock } from '../../io/clock.ts';
import type { JournalStats } from '../../journal/journal.ts';
import type { SearchScope } from '../../query/request.ts';
import type { Searches } from '../../query/searches.ts';

/** For how long a list waits for its number; then the first page is worth more than that. */
const PATIENCE_MS = 700;
/** A count that nobody waits for any more goes on for so long, so that whoever asks next has it. */
const TIME_LIMIT_MS = 300_000;
const COUNTING_MAX = 4;
const KNOWN_MAX = 50;

/** How many records a list holds. */
export interface Total {
  readonly records: number;
  /** False where counting is still under way: then there are at least so many. */
  readonly isExact: boolean;
}

export interface TotalsWorld {
  readonly searches: Pick<Searches, 'count'>;
  readonly stats: () => Promise<
    Pick<JournalStats, 'nextSeq' | 'purgedRecords' | 'reclaimedRecords' | 'damagedRecords'>
  >;
  readonly clock: Clock;
  /** False where records go once they are delivered: then no count stays true. */
  readonly isKept: () => boolean;
}

interface Known {
  /** What had gone from the journal when it was counted; NaN is never the same. */
  readonly gone: number;
  /** Counted are the records before this place. */
  endSeq: number;
  records: number;
  counting: Counting | undefined;
}

interface Counting {
  soFar: number;
  readonly done: Promise<void>;
}

/**
 * How many records the lists hold. To count what a filter means takes seconds over millions of records, so what was counted is remembered,
 * and only what came since is counted the next time, as long as nothing went from the journal.
 */
export class Totals {
  readonly #world: TotalsWorld;
  readonly #known = new Map<string, Known>();
  #counting = 0;

  constructor(world: TotalsWorld) {
    this.#world = world;
  }

  /** Throws what the search throws for a query that it cannot understand. */
  async of(scope: SearchScope): Promise<Total> {
    const { nextSeq, purgedRecords, reclaimedRecords, damagedRecords } = await this.#world.stats();
    const gone = this.#world.isKept() ? purgedRecords + reclaimedRecords + damagedRecords : Number.NaN;
    const known = this.#knownOf(JSON.stringify(scope), gone);
    if (known.counting === undefined && known.endSeq < nextSeq && this.#counting < COUNTING_MAX)
      known.counting = this.#count(known, scope, nextSeq);
    const { counting } = known;
    if (counting !== undefined) {
      const waiting = new AbortController();
      const patience = sleep(this.#world.clock, PATIENCE_MS, waiting.signal);
      await Promise.race([counting.done, patience]).finally(() => waiting.abort());
    }
    const soFar = known.counting?.soFar ?? 0;
    return { records: known.records + soFar, isExact: known.endSeq >= nextSeq };
  }

  #knownOf(key: string, gone: number): Known {
    const found = this.#known.get(key);
    const known = found?.gone === gone ? found : { gone, endSeq: 0, records: 0, counting: undefined };
    // Those asked for last stand at the end, and the first goes.
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  #count(known: Known, scope: SearchScope, endSeq: number): Counting {
    this.#counting++;
    const work = async (): Promise<void> => {
      try {
        const request = { ...scope, fromSeq: known.endSeq, cursor: endSeq, buckets: 1, facets: [] };
        for await (const step of this.#world.searches.count(request, { timeLimitMs: TIME_LIMIT_MS })) {
          counting.soFar = step.counted;
          if (step.ending !== 'complete') continue;
          known.records += step.counted;
          known.endSeq = endSeq;
        }
      } finally {
        this.#counting--;
        known.counting = undefined;
      }
    };
    const counting: Counting = { soFar: 0, done: Promise.resolve().then(work) };
    // Whoever waits for it sees why it failed; where nobody does, the next one tries again.
    counting.done.catch(() => undefined);
    return counting;
  }
}

import type { Clock, Timer } from '../io/clock.ts';
import type { TailGroup, TailStep } from './tail-messages.ts';

/** How often what is new is shown: as often as people can see, and less often where there are many who look. */
const INTERVAL_MS = 200;
const INTERVAL_MS_PER_TAIL = 1;
const INTERVAL_MS_MAX = 2_000;

/** Whoever watches. */
export interface TailSink {
  /** Takes what was committed and is meant. `skipped`: records that came too fast to be looked at by anybody. */
  show(group: TailGroup | undefined, skipped: number): void;
  /** It cannot be gone on with. */
  failed(error: unknown): void;
}

export interface TailsOptions {
  readonly clock: Clock;
  readonly nextSeq: () => number;
  readonly open: (key: number, query: string) => Promise<void>;
  readonly close: (key: number) => void;
  readonly step: () => Promise<TailStep>;
}

interface Watched {
  readonly key: number;
  readonly sinks: Set<TailSink>;
  readonly opened: Promise<void>;
}

/** Live tails: any number of sinks, which share one look at what is new, and one at each query. */
export class Tails {
  readonly #options: TailsOptions;
  readonly #queries = new Map<string, Watched>();
  #nextKey = 1;
  #timer: Timer | undefined;
  #shownSeq = -1;

  constructor(options: TailsOptions) {
    this.#options = options;
  }

  /** How many watch. */
  get count(): number {
    let sinks = 0;
    for (const watched of this.#queries.values()) sinks += watched.sinks.size;
    return sinks;
  }

  /** Shows what is committed from now on. Resolves with what ends it. Throws `QUERY_INVALID`. */
  async follow(query: string, sink: TailSink): Promise<() => void> {
    let watched = this.#queries.get(query);
    if (watched === undefined) {
      const key = this.#nextKey++;
      watched = { key, sinks: new Set(), opened: this.#options.open(key, query) };
      this.#queries.set(query, watched);
    }
    watched.sinks.add(sink);
    const end = (): void => this.#end(query, watched, sink);
    try {
      await watched.opened;
    } catch (error) {
      end();
      throw error;
    }
    this.#schedule();
    return end;
  }

  /** Ends all that are watched, and tells why: whoever wants may begin again. */
  fail(error: unknown): void {
    const sinks = [...this.#queries.values()].flatMap((watched) => [...watched.sinks]);
    this.#queries.clear();
    for (const sink of sinks) sink.failed(error);
  }

  close(): void {
    this.#timer?.cancel();
    this.#queries.clear();
  }

  #end(query: string, watched: Watched, sink: TailSink): void {
    watched.sinks.delete(sink);
    if (watched.sinks.size > 0 || this.#queries.get(query) !== watched) return;
    this.#queries.delete(query);
    this.#options.close(watched.key);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#queries.size === 0) return;
    const intervalMs = Math.min(INTERVAL_MS_MAX, INTERVAL_MS + this.count * INTERVAL_MS_PER_TAIL);
    this.#timer = this.#options.clock.after(intervalMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    const { nextSeq, step } = this.#options;
    try {
      const endSeq = nextSeq();
      if (endSeq !== this.#shownSeq) {
        const { groups, skipped, isBehind } = await step();
        this.#shownSeq = isBehind ? -1 : endSeq;
        this.#show(groups, skipped);
      }
    } catch (error) {
      this.fail(error);
    }
    this.#timer = undefined;
    this.#schedule();
  }

  #show(groups: readonly TailGroup[], skipped: number): void {
    const byKey = new Map(groups.map((group) => [group.key, group]));
    for (const { key, sinks } of this.#queries.values()) {
      const group = byKey.get(key);
      if (group === undefined && skipped === 0) continue;
      for (const sink of sinks) sink.show(group, skipped);
    }
  }
}

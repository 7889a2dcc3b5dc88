import type { StreamName } from './batch.ts';

/** Changes what a batch holds before anyone else has seen it. */
export interface BatchFilter {
  /**
   * Rewrites the lines in the first `bytes` of `lines` in place: whole lines of ECS JSON, each ended by LF. Returns how many bytes
   * there are now: never more than before, and as many lines. The head of each line, up to its dataset, stays as it is.
   */
  rewrite(lines: Buffer, bytes: number, datasets: ReadonlyMap<string, number>): number;
  /** A name for the journal's index, without what must not be kept. */
  rename(name: StreamName): StreamName;
}

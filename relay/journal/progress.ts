import type { Progress } from './journal.ts';

/** Two moves of one cursor, of which the second begins where the first ends, as one. */
export function joinProgress(first: Progress, second: Progress): Progress {
  const purged = (first.purged ?? 0) + (second.purged ?? 0);
  return {
    fromSeq: first.fromSeq,
    toSeq: second.toSeq,
    delivered: first.delivered + second.delivered,
    filtered: first.filtered + second.filtered,
    refused: first.refused.length === 0 ? second.refused : [...first.refused, ...second.refused],
    ...(purged === 0 ? {} : { purged }),
  };
}

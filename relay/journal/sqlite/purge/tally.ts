import type { PurgeTally } from '../../retention-store.ts';

export const NO_TALLY: PurgeTally = {
  looked: 0,
  records: 0,
  lineBytes: 0,
  storedBytes: 0,
  batchesRemoved: 0,
  batchesRewritten: 0,
  held: 0,
  undelivered: 0,
  rules: {},
  datasets: {},
  operations: {},
  owed: {},
  firstSeq: 0,
  endSeq: 0,
};

/** Names come from records, so they must not become endless; what is beyond is counted under one name. */
const NAMES_MAX = 200;
const REST = '(others)';

/** The counts of two pieces of a purge, one after the other. */
export function joinTallies(first: PurgeTally, second: PurgeTally): PurgeTally {
  return {
    looked: first.looked + second.looked,
    records: first.records + second.records,
    lineBytes: first.lineBytes + second.lineBytes,
    storedBytes: first.storedBytes + second.storedBytes,
    batchesRemoved: first.batchesRemoved + second.batchesRemoved,
    batchesRewritten: first.batchesRewritten + second.batchesRewritten,
    held: first.held + second.held,
    undelivered: first.undelivered + second.undelivered,
    rules: joinCounts(first.rules, second.rules),
    datasets: joinCounts(first.datasets, second.datasets),
    operations: joinCounts(first.operations, second.operations),
    owed: joinCounts(first.owed, second.owed),
    firstSeq: first.firstSeq === 0 ? second.firstSeq : first.firstSeq,
    endSeq: second.endSeq === 0 ? first.endSeq : second.endSeq,
  };
}

type Counts = Readonly<Record<string, number>>;

function joinCounts(first: Counts, second: Counts): Counts {
  const counts = new Map(Object.entries(first));
  for (const [name, count] of Object.entries(second)) {
    const key = counts.has(name) || counts.size < NAMES_MAX ? name : REST;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return Object.fromEntries(counts);
}

/** Adds one to a name's count. */
export function countIn(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

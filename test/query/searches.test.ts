import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import type { SearchRequest, SearchStep } from '../../relay/query/request.ts';
import { Searches, type RunOptions } from '../../relay/query/searches.ts';
import { SearchBench } from '../support/search-bench.ts';

// One thread serves all tests.

const LIMIT: RunOptions = { timeLimitMs: 60_000 };
let bench: SearchBench;
let searches: Searches;

beforeAll(() => {
  bench = new SearchBench();
  for (let i = 0; i < 40; i++)
    bench.append(Array.from({ length: 50 }, (_, n) => ({ fields: { message: `a${i} b${n}` }, dataset: `d${i % 2}` })));
  searches = new Searches({
    clock: systemClock,
    directory: bench.directory,
    freeBytesMin: 0,
    indexBytesMax: 1e9,
    nextSeq: () => 2_001,
  });
});

afterAll(async () => {
  await searches.close();
  bench[Symbol.dispose]();
});

const request = (query: string, more: Partial<SearchRequest> = {}): SearchRequest => ({
  query,
  order: 'newest',
  recordsMax: 10_000,
  ...more,
});

async function all(steps: AsyncIterable<SearchStep>): Promise<SearchStep[]> {
  const found: SearchStep[] = [];
  for await (const step of steps) found.push(step);
  return found;
}

test('what is found comes in steps, and the last one says how it ended', async () => {
  const steps = await all(searches.search(request('b7'), LIMIT));

  expect(steps.flatMap(({ found }) => found)).toHaveLength(40);
  expect(steps.map(({ ending }) => ending).filter((ending) => ending !== undefined)).toEqual(['complete']);
  expect(steps.at(-1)).toMatchObject({ ending: 'complete', cursor: undefined, progress: { part: 1, found: 40 } });
  const few = await all(searches.search(request('b7', { recordsMax: 3 }), LIMIT));
  expect(few.at(-1)).toMatchObject({ ending: 'records', progress: { found: 3 } });
});

test('a query that cannot be understood is refused with its place', async () => {
  await expect(all(searches.search(request('a (b'), LIMIT))).rejects.toMatchObject({
    code: 'QUERY_INVALID',
    message: expect.stringContaining('at character 3') as string,
  });
});

test('its time ends a search, and so does whoever asked for it; both can go on from there', async () => {
  const [step] = await all(searches.search(request('a*'), { timeLimitMs: 0 }));
  expect(step).toMatchObject({ ending: 'time' });
  expect(step!.found.length).toBeGreaterThan(0);
  const rest = await all(searches.search(request('a*', { cursor: step!.cursor }), LIMIT));
  expect(step!.found.length + rest.flatMap(({ found }) => found).length).toBe(2_000);

  const ending = new AbortController();
  const seen: SearchStep[] = [];
  for await (const each of searches.search(request('a*'), { ...LIMIT, signal: ending.signal })) {
    seen.push(each);
    ending.abort();
  }
  expect(seen.at(-1)).toMatchObject({ ending: 'cancelled' });
  expect(seen.length).toBeLessThan(3);
});

test('many at once are done in turn; more than can wait are told to come back', async () => {
  const begun = Array.from({ length: 80 }, () => all(searches.search(request('b7'), LIMIT)));
  const outcomes = await Promise.allSettled(begun);

  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(8);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'SEARCH_BUSY', disposition: 'retry' });
  for (const outcome of outcomes)
    if (outcome.status === 'fulfilled') expect(outcome.value.flatMap(({ found }) => found)).toHaveLength(40);
  expect((await all(searches.search(request('b7'), LIMIT))).at(-1)).toMatchObject({ ending: 'complete' });
});

test('what waits for its turn can be given up', async () => {
  const running = Array.from({ length: 8 }, () => searches.search(request('a*'), LIMIT));
  for (const search of running) await search.next();
  const ending = new AbortController();
  const waiting = all(searches.search(request('b7'), { ...LIMIT, signal: ending.signal }));
  ending.abort();

  await expect(waiting).rejects.toThrow();
  for (const search of running) await search.return();
  expect((await all(searches.search(request('b7'), LIMIT))).at(-1)).toMatchObject({ ending: 'complete' });
});

test('counts of two parts of the journal add up to that of the whole', async () => {
  const count = async (part: { fromSeq?: number; cursor?: number }): Promise<number> => {
    let counted = 0;
    for await (const step of searches.count({ query: 'b7', buckets: 1, facets: [], ...part }, LIMIT))
      ({ counted } = step);
    return counted;
  };
  const whole = await count({});

  const parts = await Promise.all(
    [2, 37, 100, 399].map(async (seq) => (await count({ cursor: seq })) + (await count({ fromSeq: seq }))),
  );
  expect(parts).toEqual(parts.map(() => whole));
});

test('a count tells columns and the most frequent values', async () => {
  const steps = [];
  for await (const step of searches.count({ query: 'b7', buckets: 10, facets: ['dataset', 'message'] }, LIMIT))
    steps.push(step);
  const last = steps.at(-1)!;

  expect(last).toMatchObject({ ending: 'complete', counted: 40 });
  expect(last.counts.reduce((sum, count) => sum + count, 0)).toBe(40);
  expect(last.facets['dataset']).toEqual([
    { value: 'd0', count: 20 },
    { value: 'd1', count: 20 },
  ]);
  expect(last.facets['message']).toHaveLength(20);
});

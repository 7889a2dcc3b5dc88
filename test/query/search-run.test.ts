import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ParsedRecord } from '../../relay/query/record-text.ts';
import type { SearchRequest } from '../../relay/query/request.ts';
import { means, queryText, someCondition, someFields } from '../support/query-oracle.ts';
import { SearchBench, START_MS, type PlainRecord } from '../support/search-bench.ts';

const messages = (...texts: string[]): PlainRecord[] => texts.map((message) => ({ fields: { message } }));

// Goal: a search finds exactly what its query means. Method: random records in a real journal, random queries, and beside them an
// oracle that parses every record and tries every condition.
test.each([{ indexed: false }, { indexed: true }])(
  'what is found is what the query means, whatever is skipped on the way (indexed: $indexed)',
  ({ indexed }) => {
    using bench = new SearchBench();
    const records = fc.sample(someFields, { numRuns: 100, seed: 7 });
    for (let at = 0; at < records.length; at += 10)
      bench.append(records.slice(at, at + 10).map((fields, i) => ({ fields, dataset: i % 2 === 0 ? 'syslog' : 'aB' })));
    if (indexed) bench.index();
    const parsed = [...bench.lines].map(([seq, line]) => ({ seq, record: JSON.parse(line) as ParsedRecord }));
    let found = 0;
    let skipped = 0;

    fc.assert(
      fc.property(someCondition, (condition) => {
        const query = queryText(condition);
        const steps = bench.steps({ query });
        const places = steps.flatMap((step) => step.found.map(({ seq }) => seq));
        const expected = parsed.filter(({ record }) => means(condition, record)).map(({ seq }) => seq);
        expect(places, query).toEqual(expected);
        found += expected.length;
        skipped += steps.at(-1)!.progress.batchesSkipped;
      }),
      { numRuns: 100 },
    );
    expect(found, 'the queries find something').toBeGreaterThan(300);
    if (indexed) expect(skipped, 'and the index spares something').toBeGreaterThan(100);
  },
);

test('numbers are compared as their sender wrote them, and by value where more or less is asked for', () => {
  using bench = new SearchBench();
  const big = 9_007_199_254_740_993n;
  bench.append([
    { fields: { n: 'NUMBER' } },
    { fields: { n: 'NUMBER' } },
    { fields: { n: 12 } },
    { fields: { n: '12' } },
  ]);
  bench.rewrite((line, index) => line.replace('"NUMBER"', index === 0 ? String(big) : '1.20e1'));

  expect(bench.places({ query: 'n.:x OR count.n:1' })).toEqual([]);
  expect(bench.places({ query: `n:${big}` })).toEqual([1]);
  expect(bench.places({ query: 'n:9007199254740992' })).toEqual([]);
  expect(bench.places({ query: '1.20e1' })).toEqual([2]);
  expect(bench.places({ query: 'n:12' })).toEqual([3, 4]);
  expect(bench.places({ query: 'n:>=12 n:<=12' })).toEqual([2, 3, 4]);
});

test('the record’s own id and times are not hit by chance, and are found where they are asked for', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 4; i++) bench.append(messages('a', 'b'));
  bench.index();
  const id = (JSON.parse(bench.lines.get(5)!) as { event: { id: string } }).event.id;

  expect(bench.places({ query: '2026' })).toEqual([]);
  expect(bench.places({ query: 'abcdef' })).toEqual([]);
  expect(bench.places({ query: `event.id:${id}` })).toEqual([5]);
  expect(bench.steps({ query: `event.id:${id}` }).at(-1)!.progress.batchesRead).toBe(1);
  expect(bench.places({ query: 'event.id:abcdef* message:a' })).toEqual([1, 3, 5, 7]);
  expect(bench.places({ query: 'event.created:2026*' })).toHaveLength(8);
  expect(bench.places({ query: 'event:*' })).toHaveLength(8);
});

test('a time range is of the record’s own time, or of its receipt, and rules out whole batches', () => {
  using bench = new SearchBench();
  for (let hour = 0; hour < 6; hour++)
    bench.append([
      { timeMs: START_MS + hour * 3_600_000, receivedMs: START_MS + 86_400_000 },
      { timeMs: START_MS + hour * 3_600_000 + 60_000, receivedMs: START_MS + 86_400_000 },
    ]);
  const range = { of: 'event', sinceMs: START_MS + 3_600_000, untilMs: START_MS + 2 * 3_600_000 + 60_000 } as const;

  expect(bench.places({ range })).toEqual([3, 4, 5]);
  expect(bench.steps({ range }).at(-1)!.progress.batchesRead).toBe(2);
  expect(bench.places({ range: { ...range, of: 'received' } })).toEqual([]);
  expect(bench.places({ query: 'time:>=2026-11-22T10:00:30Z' })).toEqual([12]);
  expect(bench.places({ query: 'time:<2026-11-22T05:00:00.001Z' })).toEqual([1]);
  expect(bench.places({ query: 'received:>2026-11-23' })).toHaveLength(12);
});

test('pages of any size, in either order, put together are the whole', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 8; i++) bench.append(messages('a', 'b', 'a', 'a', 'b'));
  const all = bench.places({ query: 'message:a' });
  expect(all).toHaveLength(24);

  for (const order of ['newest', 'oldest'] as const)
    for (const recordsMax of [1, 3, 5, 100]) {
      const places: number[] = [];
      let cursor: number | undefined;
      for (;;) {
        const steps = bench.steps({ query: 'message:a', order, recordsMax, cursor });
        places.push(...steps.flatMap(({ found }) => found.map(({ seq }) => seq)));
        cursor = steps.at(-1)!.cursor;
        if (cursor === undefined) break;
      }
      expect(places, `${order} by ${recordsMax}`).toEqual(order === 'oldest' ? all : all.toReversed());
    }
});

test('only what stands at a place or behind it is looked at, wherever in a batch that is', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 4; i++) bench.append(messages('a', 'b', 'a', 'a', 'b'));
  const all = bench.places({ query: 'message:a' });

  for (const order of ['newest', 'oldest'] as const)
    for (let fromSeq = 1; fromSeq <= 21; fromSeq++)
      expect(bench.places({ query: 'message:a', order, fromSeq }).toSorted((a, b) => a - b)).toEqual(
        all.filter((seq) => seq >= fromSeq),
      );
});

test('a search that is under way while batches are merged gives each record once', () => {
  for (const order of ['newest', 'oldest'] as const) {
    using bench = new SearchBench();
    for (let i = 0; i < 60; i++) bench.append(messages(`a${i}`));
    bench.index();
    const request: SearchRequest = { query: 'a*', order, recordsMax: 1_000 };
    using run = bench.run(request);
    const places = run.step(0).found.map(({ seq }) => seq);
    expect(places.length).toBeLessThan(10);
    bench.merge();

    for (let step = run.step(0); ; step = run.step(0)) {
      places.push(...step.found.map(({ seq }) => seq));
      if (step.ending !== undefined) break;
    }

    const all = Array.from({ length: 60 }, (_, i) => i + 1);
    expect(places, order).toEqual(order === 'oldest' ? all : all.toReversed());
    expect(bench.places({ query: 'a17' }), 'the sketches of what was merged are not believed').toEqual([18]);
  }
});

test('only batches of a stream are looked at, and those of which it is not known', () => {
  using bench = new SearchBench();
  bench.append(messages('small, not merged'), ['run:acme/web/1']);
  bench.append(messages('x'.repeat(70_000)), ['run:acme/web/1']);
  bench.append(messages('y'.repeat(70_000)), ['run:acme/web/2']);
  bench.append(messages('z'), ['run:acme/web/2']);

  expect(bench.places({ streams: ['run:acme/web/1'] })).toEqual([1, 2, 4]);
  expect(bench.places({ streams: ['run:nobody'] })).toEqual([1, 4]);
  expect(bench.places({ streams: ['run:acme/web/1', 'run:acme/web/2'] })).toHaveLength(4);
});

test('a batch that cannot be read is counted, and the rest is found', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 3; i++) bench.append(messages(`a${i} ${'x'.repeat(2_000)}`));
  const database = bench.journal.openBehindItsBack();
  database.prepare('UPDATE batch SET payload = zeroblob(length(payload)) WHERE first_seq = 2').run();
  database.close();

  const steps = bench.steps({ query: 'a*' });

  expect(steps.flatMap(({ found }) => found.map(({ seq }) => seq))).toEqual([1, 3]);
  expect(steps.at(-1)!.progress).toMatchObject({ batchesRead: 2, batchesUnreadable: 1 });
});

test('the empty places of purged records are passed over', () => {
  using bench = new SearchBench();
  bench.append(messages('a', 'b', 'a'));
  bench.rewrite((line, index) => (index === 1 ? '' : line));

  expect(bench.places()).toEqual([1, 3]);
  expect(bench.places({ query: '-message:b', order: 'newest' })).toEqual([3, 1]);
});

import { expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { TailDesk } from '../../relay/query/tail-desk.ts';
import { SearchBench, type PlainRecord } from '../support/search-bench.ts';

const messages = (...texts: string[]): PlainRecord[] => texts.map((message) => ({ fields: { message } }));

class Watch {
  readonly desk: TailDesk;
  readonly seen = new Map<number, number[]>();
  missed = 0;
  skipped = 0;

  constructor(bench: SearchBench, ...queries: string[]) {
    this.desk = new TailDesk(bench.directory, systemClock);
    for (const [key, query] of queries.entries()) this.desk.open(key, query);
  }

  step(budgetMs = 1_000): boolean {
    const { groups, skipped, isBehind } = this.desk.step(budgetMs);
    this.skipped += skipped;
    for (const { key, records, missed, shown } of groups) {
      const list = JSON.parse(records) as { seq: number }[];
      expect(list).toHaveLength(shown);
      this.seen.set(key, [...(this.seen.get(key) ?? []), ...list.map(({ seq }) => seq)]);
      this.missed += missed;
    }
    return isBehind;
  }
}

test('each query is shown what it means, from when it was asked, once', () => {
  using bench = new SearchBench();
  bench.append(messages('before'));
  const watch = new Watch(bench, '', 'b', 'dataset:other', '-a');
  bench.append(messages('a', 'b'));
  watch.step();
  bench.append(messages('ab'));
  watch.step();
  watch.step();

  expect([...watch.seen]).toEqual([
    [0, [2, 3, 4]],
    [1, [3, 4]],
    [3, [3]],
  ]);
  watch.desk.close(1);
  bench.append(messages('b'));
  watch.step();
  expect(watch.seen.get(1)).toEqual([3, 4]);
  expect(watch.missed + watch.skipped).toBe(0);
});

test('batches that are merged while they are watched are shown once', () => {
  using bench = new SearchBench();
  const watch = new Watch(bench, '', 'a*');
  for (let i = 0; i < 50; i++) bench.append(messages(`a${i}`));
  for (let i = 0; i < 20; i++) watch.step(0);
  bench.merge();
  while (watch.step(0));
  bench.append(messages('a50'));
  watch.step();

  const all = Array.from({ length: 51 }, (_, i) => i + 1);
  expect([...watch.seen]).toEqual([
    [0, all],
    [1, all],
  ]);
});

test('of a flood some is shown, and the rest is counted; far behind, nobody looks at it', () => {
  using bench = new SearchBench();
  const watch = new Watch(bench, '', 'b');
  const thousand = Array.from({ length: 1_000 }, (_, i) => (i % 4 === 0 ? 'b' : 'a'));
  bench.append(messages(...thousand));
  watch.step();
  expect(watch.seen.get(0)!.length + watch.missed).toBe(1_000 + 250 - watch.seen.get(1)!.length);
  expect(watch.seen.get(0)).toHaveLength(200);

  for (let i = 0; i < 60; i++) bench.append(messages(...thousand));
  watch.step(10_000);
  expect(watch.skipped).toBe(55_000);
});

test('what is damaged does not hold up what comes after it', () => {
  using bench = new SearchBench();
  const watch = new Watch(bench, '');
  for (let i = 0; i < 3; i++) bench.append(messages(`a${i} ${'x'.repeat(2_000)}`));
  const database = bench.journal.openBehindItsBack();
  database.prepare('UPDATE batch SET payload = zeroblob(length(payload)) WHERE first_seq = 2').run();
  database.close();
  watch.step();
  expect(watch.seen.get(0)).toEqual([1, 3]);
});

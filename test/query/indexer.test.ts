import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { Catalog } from '../../relay/journal/catalog.ts';
import { Sketches, SKETCH_FILE } from '../../relay/journal/sqlite/sketches.ts';
import { IndexKeeper } from '../../relay/query/index-keeper.ts';
import { Indexer } from '../../relay/query/indexer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SearchBench } from '../support/search-bench.ts';

const sketched = (bench: SearchBench): number[] => {
  const sketches = Sketches.forReading(bench.directory);
  const keys = sketches?.keysBetween(0, 1e9).map(({ first_seq }) => first_seq) ?? [];
  sketches?.close();
  return keys;
};

test('sketches are made of what is there, and go with it', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 5; i++) bench.append([{ fields: { message: `a${i} ${'x'.repeat(70_000)}` } }]);
  bench.index();
  expect(sketched(bench)).toEqual([1, 2, 3, 4, 5]);
  const database = bench.journal.openBehindItsBack();
  database.prepare('DELETE FROM batch WHERE first_seq IN (2, 5)').run();
  database.close();
  bench.append([{ fields: { message: 'a6' } }]);
  bench.index();

  expect(sketched(bench)).toEqual([1, 3, 4, 6]);
});

test('a pass looks only at what is new, and small batches are left until they are merged', () => {
  using bench = new SearchBench();
  const indexer = new Indexer({ directory: bench.directory, freeBytesMin: 0, indexBytesMax: 1e9 }, systemClock);
  const pass = (): void => {
    while (indexer.step(1_000));
  };
  bench.append([{ fields: { message: 'x'.repeat(70_000) } }]);
  for (let i = 0; i < 3; i++) bench.append([{ fields: { message: `small ${i} ${'y'.repeat(8_000)}` } }]);
  pass();
  expect(sketched(bench)).toEqual([1]);
  bench.merge();
  bench.append([{ fields: { message: 'z'.repeat(70_000) } }]);
  pass();
  expect(sketched(bench)).toEqual([1, 2, 5]);
});

test('at its limit the index has the newest batches, and a search finds what is in the others all the same', () => {
  using bench = new SearchBench();
  const pass = (indexBytesMax: number): void => {
    const indexer = new Indexer({ directory: bench.directory, freeBytesMin: 0, indexBytesMax }, systemClock);
    while (indexer.step(1_000));
  };
  for (let i = 1; i <= 6; i++) bench.append([{ fields: { message: `a${i} ${'x'.repeat(70_000)}` } }]);
  pass(1e6);
  expect(sketched(bench)).toEqual([1, 2, 3, 4, 5, 6]);
  pass(30_000);
  expect(sketched(bench)).toEqual([4, 5, 6]);
  bench.append([{ fields: { message: `a7 ${'x'.repeat(70_000)}` } }]);
  pass(30_000);
  expect(sketched(bench)).toEqual([5, 6, 7]);
  expect(bench.places({ query: 'a2' })).toEqual([2]);
  pass(1e6);
  expect(sketched(bench)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('the index stays below its limit, however much of the room of each sketch is used', () => {
  using bench = new SearchBench();
  // Every three letters are others, so that each sketch is as large as they come.
  const dense = (seed: number): string =>
    Array.from({ length: 40_000 }, (_, i) => ((i + 1) * 2_654_435_761 * (seed + 1)).toString(36)).join(' ');
  for (let i = 0; i < 30; i++) bench.append([{ fields: { message: dense(i) } }]);
  const indexBytesMax = 200_000;
  const indexer = new Indexer({ directory: bench.directory, freeBytesMin: 0, indexBytesMax }, systemClock);
  while (indexer.step(1_000));

  expect(sketched(bench)).toHaveLength(Math.floor(indexBytesMax / 8_448));
  expect(statSync(join(bench.directory, SKETCH_FILE)).size).toBeLessThanOrEqual(indexBytesMax + 65_536);
});

test('a damaged index costs time, never a record, and is made anew', () => {
  using bench = new SearchBench();
  for (let i = 0; i < 200; i++) bench.append([{ fields: { message: `a${i} ${'x'.repeat(2_000)}` } }]);
  bench.index();
  const file = join(bench.directory, SKETCH_FILE);
  const size = statSync(file).size;
  const handle = openSync(file, 'r+');
  for (let at = 8_192; at < size; at += 4_096) writeSync(handle, Buffer.alloc(4_096, 0xa5), 0, 4_096, at);
  closeSync(handle);

  expect(bench.places({ query: 'a17' })).toEqual([18, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180]);
  const indexer = new Indexer(
    { directory: bench.directory, freeBytesMin: 0, indexBytesMax: 1e9, batchBytesMin: 1 },
    systemClock,
  );
  expect(() => {
    while (indexer.step(1_000));
  }).toThrow();
  while (indexer.step(1_000));
  bench.index();
  expect(sketched(bench)).toHaveLength(200);
  expect(bench.steps({ query: 'a17' }).at(-1)!.progress.batchesRead).toBeLessThan(100);
});

test('an index of another format is begun anew', () => {
  using bench = new SearchBench();
  bench.append([{ fields: { message: 'a' } }]);
  bench.index();
  const sketches = Sketches.forWriting(bench.directory);
  sketches.close();
  expect(sketched(bench)).toEqual([1]);
});

test('where the journal needs the disk for itself, no index is made', () => {
  using bench = new SearchBench();
  bench.append([{ fields: { message: 'x'.repeat(70_000) } }]);
  const indexer = new Indexer({ directory: bench.directory, freeBytesMin: 1e15, indexBytesMax: 1e9 }, systemClock);
  expect(indexer.step(1_000)).toBe(false);
  expect(sketched(bench)).toEqual([]);
  expect(bench.places({ query: 'x*' })).toEqual([1]);
});

test('a journal that an older version wrote is told of', () => {
  using bench = new SearchBench();
  const database = bench.journal.openBehindItsBack();
  const version = Number(database.pragma('user_version', { simple: true }));
  database.pragma('user_version = 1');
  expect(() => new Catalog(bench.directory)).toThrow('an older version');
  database.pragma(`user_version = ${version}`);
  database.close();
});

test('the index is worked on when enough is new and nobody searches, with pauses; and now and then in any case', async () => {
  const clock = new FakeClock();
  let nextSeq = 1;
  let busy = false;
  let worked = 0;
  let left = 0;
  const keeper = new IndexKeeper({
    clock,
    nextSeq: () => nextSeq,
    work: async () => {
      worked++;
      return --left > 0;
    },
    isBusy: () => busy,
  });
  await clock.advance(60_000);
  expect(worked, 'nothing is new').toBe(0);

  nextSeq = 60_000;
  left = 3;
  busy = true;
  await clock.advance(60_000);
  expect(worked, 'somebody searches').toBe(0);
  busy = false;
  await clock.advance(60_000);
  expect(worked).toBe(3);
  await clock.advance(600_000);
  expect(worked, 'all is done').toBe(3);
  await clock.advance(6 * 3_600_000);
  expect(worked, 'what was purged goes').toBe(4);
  keeper.close();
  nextSeq = 1_000_000;
  await clock.advance(60_000);
  expect(worked).toBe(4);
});

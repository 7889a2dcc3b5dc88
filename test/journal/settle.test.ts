import { expect, test } from 'vitest';
import { heldBatch, JournalBench } from '../support/journal-bench.ts';

const taken = (fromSeq: number, toSeq: number) => ({
  fromSeq,
  toSeq,
  delivered: toSeq - fromSeq,
  filtered: 0,
  refused: [],
});

test('what a crash would have delivered again is counted until it is written', () => {
  using bench = new JournalBench();
  bench.append(heldBatch(1, ['a', 'b', 'c', 'd', 'e', 'f']));
  bench.writer.openCursor('first', 'first');
  bench.writer.openCursor('second', 'first');
  bench.writer.advance('first', taken(1, 3));
  bench.writer.advance('first', taken(3, 4));
  bench.writer.advance('second', taken(1, 5));
  expect(bench.writer.progressRecords).toBe(7);
  bench.writer.settle();

  expect(bench.writer.progressRecords).toBe(0);
  expect(bench.reader.cursors().map(({ seq }) => seq)).toEqual([4, 5]);
});

test('a commit writes it too', () => {
  using bench = new JournalBench();
  bench.append(heldBatch(1, ['a', 'b']));
  bench.writer.openCursor('first', 'first');
  bench.writer.advance('first', taken(1, 3));
  bench.append(heldBatch(3, ['c']));

  expect(bench.writer.progressRecords).toBe(0);
  expect(bench.reader.cursors().map(({ seq }) => seq)).toEqual([3]);
});

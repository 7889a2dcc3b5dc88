import { expect, test } from 'vitest';
import { Stretches, type ReadStretch } from '../../relay/runs/stretches.ts';

const read = (fromSeq: number, toSeq: number, taken: number): ReadStretch => ({
  fromSeq,
  toSeq,
  taken,
  bytes: taken * 100,
  nowMs: 0,
});

test('the cursor stops at the first stretch with lines that are held', () => {
  const stretches = new Stretches(1, 60_000);
  const held = { held: 1 };
  stretches.add(read(1, 11, 4), { held: 0 });
  stretches.add(read(11, 21, 2), held);
  stretches.add(read(21, 31, 10), { held: 0 });

  expect(stretches.leave(0)).toEqual([{ fromSeq: 1, toSeq: 11, delivered: 4, filtered: 6, refused: [] }]);
  expect(stretches.leave(0)).toEqual([]);
  held.held = 0;
  expect(stretches.leave(0)).toEqual([{ fromSeq: 11, toSeq: 31, delivered: 12, filtered: 8, refused: [] }]);
});

test('what has gone from the journal in between is in no move', () => {
  const stretches = new Stretches(1, 60_000);
  stretches.add(read(1, 5, 4), { held: 0 });
  stretches.add(read(9, 10, 1), { held: 0 });

  expect(stretches.leave(0).map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([
    [1, 5],
    [9, 10],
  ]);
});

test('a relay without runners moves the cursor rarely', () => {
  const stretches = new Stretches(1, 60_000);
  stretches.add(read(1, 2, 0), { held: 0 });
  expect(stretches.leave(1_000)).toHaveLength(1);

  stretches.add(read(2, 3, 0), { held: 0 });
  stretches.add(read(3, 9, 0), { held: 0 });
  expect(stretches.leave(5_999)).toEqual([]);
  expect(stretches.leave(6_000)).toEqual([{ fromSeq: 2, toSeq: 9, delivered: 0, filtered: 7, refused: [] }]);
});

test('what is held keeps the cursor for a time only', () => {
  const stretches = new Stretches(1, 60_000);
  const held = { held: 1, left: false };
  stretches.add(read(1, 11, 4), held);
  stretches.add({ ...read(11, 21, 2), nowMs: 30_000 }, { held: 1 });

  expect(stretches.leave(59_999)).toEqual([]);
  expect(stretches.bytes).toBe(600);
  expect(stretches.leave(60_000)).toEqual([{ fromSeq: 1, toSeq: 11, delivered: 4, filtered: 6, refused: [] }]);
  expect([held.left, stretches.bytes]).toEqual([true, 200]);
  expect(stretches.leave(90_000)).toHaveLength(1);
});

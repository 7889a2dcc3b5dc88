import { expect, test } from 'vitest';
import { Stretches } from '../../relay/runs/stretches.ts';

test('the cursor stops at the first stretch with lines that are held', () => {
  const stretches = new Stretches(1);
  const held = { held: 1 };
  stretches.add(1, 11, 4, { held: 0 });
  stretches.add(11, 21, 2, held);
  stretches.add(21, 31, 10, { held: 0 });

  expect(stretches.leave(0)).toEqual([{ fromSeq: 1, toSeq: 11, delivered: 4, filtered: 6, refused: [] }]);
  expect(stretches.leave(0)).toEqual([]);
  held.held = 0;
  expect(stretches.leave(0)).toEqual([{ fromSeq: 11, toSeq: 31, delivered: 12, filtered: 8, refused: [] }]);
});

test('what has gone from the journal in between is in no move', () => {
  const stretches = new Stretches(1);
  stretches.add(1, 5, 4, { held: 0 });
  stretches.add(9, 10, 1, { held: 0 });

  expect(stretches.leave(0).map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual([
    [1, 5],
    [9, 10],
  ]);
});

test('a relay without runners moves the cursor rarely', () => {
  const stretches = new Stretches(1);
  stretches.add(1, 2, 0, { held: 0 });
  expect(stretches.leave(1_000)).toHaveLength(1);

  stretches.add(2, 3, 0, { held: 0 });
  stretches.add(3, 9, 0, { held: 0 });
  expect(stretches.leave(5_999)).toEqual([]);
  expect(stretches.leave(6_000)).toEqual([{ fromSeq: 2, toSeq: 9, delivered: 0, filtered: 7, refused: [] }]);
});

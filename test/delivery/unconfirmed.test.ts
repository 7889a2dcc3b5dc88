import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Unconfirmed } from '../../relay/delivery/unconfirmed.ts';

const sent = (fromSeq: number, delivered: number, filtered = 0) => ({
  fromSeq,
  toSeq: fromSeq + delivered + filtered,
  delivered,
  filtered,
  refused: [],
});

test('what was sent counts as arrived once that many more were sent', () => {
  const unconfirmed = new Unconfirmed({ recordsMax: 10, holdMs: 10_000 });
  unconfirmed.add(sent(1, 6), 0);
  unconfirmed.add(sent(7, 6), 0);
  expect(unconfirmed.confirm(0)).toEqual([]);
  unconfirmed.add(sent(13, 4), 0);
  expect(unconfirmed.confirm(0)).toEqual([sent(1, 6)]);
  expect(unconfirmed.records).toBe(10);
});

test('what was sent counts as arrived once its connection has held for long enough', () => {
  const unconfirmed = new Unconfirmed({ recordsMax: 10, holdMs: 10_000 });
  unconfirmed.add(sent(1, 3), 0);
  unconfirmed.add(sent(4, 3), 5_000);
  expect(unconfirmed.confirm(9_999)).toEqual([]);
  expect(unconfirmed.confirm(10_000)).toEqual([sent(1, 3)]);
  expect(unconfirmed.confirm(15_000)).toEqual([sent(4, 3)]);
});

test('with nothing to send again all counts as arrived at once', () => {
  const unconfirmed = new Unconfirmed({ recordsMax: 0, holdMs: 10_000 });
  unconfirmed.add(sent(1, 3), 0);
  expect(unconfirmed.confirm(0)).toEqual([sent(1, 3)]);
});

test('the last records are never taken as arrived, and all are told in order once', () => {
  const step = fc.record({
    delivered: fc.nat(9),
    filtered: fc.nat(3),
    lost: fc.boolean(),
    waitMs: fc.constantFrom(0, 500, 20_000),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const unconfirmed = new Unconfirmed({ recordsMax: 10, holdMs: 10_000 });
      let nowMs = 0;
      let next = 1;
      let told = 1;
      for (const { delivered, filtered, lost, waitMs } of steps) {
        nowMs += waitMs;
        unconfirmed.add(sent(next, delivered, filtered), nowMs);
        next += delivered + filtered;
        for (const progress of unconfirmed.confirm(nowMs)) {
          expect(progress.fromSeq).toBe(told);
          told = progress.toSeq;
        }
        if (!lost) continue;
        unconfirmed.clear();
        next = told;
        expect(unconfirmed.records).toBe(0);
      }
      expect(unconfirmed.records).toBeLessThan(10 + 10);
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findRefusedRecord } from '../../../relay/outputs/logstash/refused-record.ts';

const noPause = async (): Promise<void> => {};

// Goal: the first refused record is found, all before it are taken, in order, and few attempts are needed. Method: a model server that
// hangs up on whatever holds a refused record.
test('finds the first refused record, with everything before it taken', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3_000 }),
      fc.array(fc.nat(2_999), { maxLength: 3 }),
      async (records, places) => {
        const refused = new Set(places.filter((place) => place < records));
        let taken = 0;
        let attempts = 0;

        const found = await findRefusedRecord(
          records,
          async (from, to) => {
            attempts++;
            expect(from).toBe(taken);
            for (let i = from; i < to; i++) if (refused.has(i)) return 'hung_up';
            taken = to;
            return 'taken';
          },
          noPause,
        );

        expect(found).toBe(refused.size === 0 ? undefined : Math.min(...refused));
        expect(taken).toBe(found ?? records);
        expect(attempts).toBeLessThan(3 * Math.log2(records) + 6);
      },
    ),
  );
});

test('a record that was hung up on twice and then taken is not refused', async () => {
  let failures = 2;
  let pauses = 0;

  const found = await findRefusedRecord(
    1,
    async () => (failures-- > 0 ? 'hung_up' : 'taken'),
    async () => void pauses++,
  );

  expect(found).toBeUndefined();
  expect(pauses).toBe(2);
});

test('a failure of another kind ends the search', async () => {
  const send = async (): Promise<never> => {
    throw new Error('unreachable');
  };

  await expect(findRefusedRecord(8, send, noPause)).rejects.toThrow('unreachable');
});

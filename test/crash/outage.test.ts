import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { outage } from './outage.ts';

test('an endpoint that was down gets everything, though the relay was killed meanwhile', async () => {
  using folder = temporaryFolder();

  const result = await outage({
    folder: folder.path,
    records: 20_000,
    recordsPerS: 12_000,
    killWhileDraining: false,
    onStep: () => {},
  });

  expect(result.problems).toEqual([]);
  expect(result.doctor).toBe(0);
  expect(result.repeats).toBe(0);
});

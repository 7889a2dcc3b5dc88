import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { crashRounds } from './rounds.ts';

test('what was acknowledged outlives kill -9', async () => {
  using folder = temporaryFolder();

  const result = await crashRounds(folder.path, 10, () => {});

  expect(result).toMatchObject({ missing: [], repeatedIds: 0, chainProblems: [], undelivered: 0 });
  expect(result.acknowledged).toBeGreaterThan(10);
});

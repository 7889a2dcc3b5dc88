import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { besideBlackHole } from './black-hole.ts';

test('an endpoint gets everything in order while another one never answers', async () => {
  using folder = temporaryFolder();

  const result = await besideBlackHole({
    folder: folder.path,
    blackHole: true,
    recordsPerS: 2_000,
    seconds: 4,
    warmUpSeconds: 0,
  });

  expect(result.arrived).toEqual(Array.from({ length: 8_000 }, (_, number) => number));
  expect(result.owedToHole).toBe(8_000);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { purgeCampaign } from './purge-campaign.ts';

// The campaign of `npm run test:purge`, small; how long anything takes is not judged here.
test('a purge that is killed and goes on takes exactly what its rule says, and proves it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-purge-'));
  const result = await purgeCampaign({
    folder,
    records: 60_000,
    kills: 3,
    connections: 2,
    pauseMs: 20,
    idleSeconds: 1,
    onStep: () => {},
  });

  expect(result.problems).toEqual([]);
  expect(result.purgedRecords).toBe(30_000);
  rmSync(folder, { recursive: true });
});

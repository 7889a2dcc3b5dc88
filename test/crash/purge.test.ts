import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { purgeCampaign } from './purge-campaign.ts';
import { freePorts, RelayProcess } from './relay-process.ts';

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
    settleSeconds: 1,
    onStep: () => {},
  });

  expect(result.problems).toEqual([]);
  expect(result.purgedRecords).toBe(30_000);
  rmSync(folder, { recursive: true });
});

test('a purge can be waited for from the command line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-purge-'));
  const [input = 0, admin = 0] = await freePorts(2);
  const relay = new RelayProcess(folder, {
    data_dir: './data',
    inputs: { in: { type: 'http', listen: `http://127.0.0.1:${input}` } },
    endpoints: { files: { type: 'file', path: './out.ndjson' } },
    admin: { listen: `127.0.0.1:${admin}` },
    retention: { rules: [{ name: 'pulls', keep_hours: 24 }] },
  });
  await relay.start();
  const main = resolve(import.meta.dirname, '../../dist/main.js');

  // Nothing but a timer keeps a process that waits alive; it must not end before it has seen the end.
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'purge', '--dry-run', '--follow'], {
    cwd: folder,
  });

  expect(stdout).toContain('[DRYRUN]Purged 0 rows of audit logs');
  await relay.stop();
  rmSync(folder, { recursive: true });
});

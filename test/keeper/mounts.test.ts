import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeeperHarness } from '../support/keeper-harness.ts';

/** Not where the tests have their folders. */
const OTHER_MOUNT = tmpdir().startsWith('/dev/shm') ? '/var/tmp' : '/dev/shm';

test('a kept folder on another mount ends the keeper before it loses a page, with what to change', async () => {
  const other = mkdtempSync(join(OTHER_MOUNT, 'keeper-'));
  try {
    await using runner = new KeeperHarness({ keptFolder: other });

    await expect(runner.run()).rejects.toMatchObject({
      code: 'KEEP_IMPOSSIBLE',
      message: expect.stringMatching(/different mounts.*EXDEV.*without subPath/s),
    });
  } finally {
    rmSync(other, { recursive: true });
  }
});

test('so does one that comes later than the keeper', async () => {
  const other = mkdtempSync(join(OTHER_MOUNT, 'keeper-'));
  try {
    await using runner = new KeeperHarness({ keptFolder: other });
    rmSync(runner.diag, { recursive: true });
    const keeper = runner.make();
    const ended = keeper.run(new AbortController().signal, () => mkdirSync(runner.pages, { recursive: true }));

    await expect(ended).rejects.toMatchObject({ code: 'KEEP_IMPOSSIBLE' });
    keeper[Symbol.dispose]();
  } finally {
    rmSync(other, { recursive: true });
  }
});

test('a kept folder that cannot be made ends the keeper', async () => {
  await using runner = new KeeperHarness();
  writeFileSync(join(runner.root, 'file'), '');
  await using other = new KeeperHarness({ keptFolder: join(runner.root, 'file', 'kept') });

  expect(() => other.make()).toThrow(/cannot be made or used/);
});

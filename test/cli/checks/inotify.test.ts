import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inotifyLimits } from '../../../relay/cli/checks/inotify.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('the kernel’s limits for watching files are told, with what to do where they are low', () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'inotify'));
  const set = (name: string, text: string): void => writeFileSync(join(folder.path, 'inotify', name), text);
  set('max_user_watches', '65536\n');
  set('max_user_instances', '10\n');

  const found = (): unknown => inotifyLimits(join(folder.path, 'inotify'));
  expect(found()).toEqual([
    { outcome: 'ok', message: 'inotify: max_user_watches is 65536' },
    { outcome: 'warning', message: expect.stringContaining('fs.inotify.max_user_instances is 10') },
    { outcome: 'skipped', message: expect.stringContaining('max_queued_events cannot be read') },
  ]);

  set('max_user_instances', '130\n');
  const runners = 'inotify: max_user_instances is 130: enough for 32 runners of one user on this machine';
  expect(found()).toContainEqual({ outcome: 'ok', message: runners });
});

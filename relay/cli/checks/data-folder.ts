import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeError } from '../../errors.ts';
import type { Check, Finding } from './check.ts';

/** The data folder is there, or can be made, and can be written to by whoever runs this. */
export const dataFolder: Check = {
  name: 'data folder',
  run: async ({ config: { data_dir: folder } }): Promise<Finding[]> => {
    let existing = folder;
    while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
    try {
      if (!statSync(existing).isDirectory())
        return [{ outcome: 'problem', message: `data_dir: ${existing} is no folder` }];
      accessSync(existing, constants.W_OK | constants.X_OK);
    } catch (error) {
      return [{ outcome: 'problem', message: `data_dir: cannot write to ${existing} (${describeError(error)})` }];
    }
    if (existing !== folder) return [{ outcome: 'ok', message: `data_dir: ${folder} will be made` }];
    if ((statSync(folder).mode & 0o007) !== 0)
      return [
        { outcome: 'warning', message: `data_dir: everyone on this machine may look into ${folder} — chmod o-rwx it` },
      ];
    return [{ outcome: 'ok', message: `data_dir: ${folder} can be written to` }];
  },
};

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RelayError } from '../errors.ts';
import type { CommandContext } from './command.ts';

/** Tried in this order where no `--config` is given. */
const defaultFiles = ['config.yaml', 'config.example.yaml'];

/** The file that `--config`, or its absence, stands for. Throws `CONFIG_UNREADABLE` where there is none. */
export function configFile(
  given: string | undefined,
  { workingFolder }: Pick<CommandContext, 'workingFolder'>,
): string {
  if (given !== undefined) return given;
  const found = defaultFiles.find((file) => existsSync(join(workingFolder, file)));
  if (found !== undefined) return found;
  throw new RelayError(
    'CONFIG_UNREADABLE',
    `there is no ${defaultFiles.join(' and no ')} in ${workingFolder}; name one with --config FILE`,
  );
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { loadConfig, type Loaded, requireConfig } from '../config/load.ts';
import { withHarborSettings } from '../config/harbor-settings.ts';
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

/** The config for a command that cannot go on without one. Throws `CONFIG_UNREADABLE` and `CONFIG_INVALID`. */
export function commandConfig(given: string | undefined, context: CommandContext): Config {
  const config = requireConfig({ ...context, file: configFile(given, context) });
  return withHarborSettings(config, context.registry);
}

/** The same, with the problems returned. Throws `CONFIG_UNREADABLE`. */
export function tryCommandConfig(given: string | undefined, context: CommandContext): Loaded {
  return loadConfig({ ...context, file: configFile(given, context) });
}

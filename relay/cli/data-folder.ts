import { dataFolderOf } from '../config/data-folder.ts';
import type { CommandContext } from './command.ts';
import { configFile } from './default-config.ts';

/**
 * Where the journal is, for a command that needs nothing else of the config. The rest of it, and the components that it may name, are
 * loaded only where it is not clear: that takes longer than all that such a command does. Throws `CONFIG_UNREADABLE` and `CONFIG_INVALID`.
 */
export async function dataFolder(given: string | undefined, context: CommandContext): Promise<string> {
  const found = dataFolderOf({ ...context, file: configFile(given, context) });
  if (found !== undefined) return found;
  const { commandConfig } = await import('./config-file.ts');
  return (await commandConfig(given, context)).data_dir;
}

import type { Config } from '../config/config.ts';
import { loadConfig, type Loaded, requireConfig } from '../config/load.ts';
import { withHarborSettings } from '../config/harbor-settings.ts';
import type { CommandContext } from './command.ts';
import { configFile } from './default-config.ts';

/** The config for a command that cannot go on without one. Throws `CONFIG_UNREADABLE` and `CONFIG_INVALID`. */
export async function commandConfig(given: string | undefined, context: CommandContext): Promise<Config> {
  const registry = await context.components();
  return withHarborSettings(requireConfig({ ...context, registry, file: configFile(given, context) }), registry);
}

/** The same, with the problems returned. Throws `CONFIG_UNREADABLE`. */
export async function tryCommandConfig(given: string | undefined, context: CommandContext): Promise<Loaded> {
  return loadConfig({ ...context, registry: await context.components(), file: configFile(given, context) });
}

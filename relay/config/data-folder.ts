import { dirname, resolve } from 'node:path';
import { type ConfigFile, readConfigText } from './config-text.ts';
import { type Environment, substituteVariables } from './secrets.ts';
import { YamlText } from './yaml-text.ts';

/** What a config says at its outermost level. Written once more beside the schema, which takes long to load; a test compares the two. */
export const SECTIONS: readonly string[] = [
  'name',
  'data_dir',
  'inputs',
  'endpoints',
  'journal',
  'store',
  'retention',
  'redact',
  'runs',
  'admin',
  'alerts',
  'log',
];

/** Where the journal is if the config does not say. */
export const DATA_FOLDER_DEFAULT = './data';

/**
 * The data folder of a config, for commands that need nothing else of it and should begin at once. What is wrong elsewhere in the config
 * does not keep them from it. Undefined where it is not clear what is meant: then the whole config is to be read, which explains what is
 * wrong with it. Throws `CONFIG_UNREADABLE`.
 */
export function dataFolderOf(source: ConfigFile & { readonly environment: Environment }): string | undefined {
  const { path, text } = readConfigText(source);
  const yaml = new YamlText(source.file, text);
  if (yaml.syntaxProblems().problems.length > 0) return undefined;
  const { problems } = substituteVariables(yaml, source.environment);
  if (problems.some((problem) => problem.path[0] === 'data_dir')) return undefined;
  const value = valueOf(yaml);
  // A name that no config knows may be a slip of the pen for the one that is looked for.
  if (value === undefined || Object.keys(value).some((name) => !SECTIONS.includes(name))) return undefined;
  const folder: unknown = Object.hasOwn(value, 'data_dir') ? Reflect.get(value, 'data_dir') : DATA_FOLDER_DEFAULT;
  return typeof folder === 'string' && folder !== '' ? resolve(dirname(path), folder) : undefined;
}

function valueOf(yaml: YamlText): object | undefined {
  try {
    const value = yaml.toValue();
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    // Aliases that unfold without end.
    return undefined;
  }
}

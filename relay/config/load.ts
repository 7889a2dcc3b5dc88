import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { describeError, RelayError } from '../errors.ts';
import type { Config, ConfiguredEndpoint, ConfiguredInput } from './config.ts';
import { readConfigText } from './config-text.ts';
import { crossProblems } from './cross-checks.ts';
import { isRecord, optionAt, optionSchema, type OptionSchema } from './explain-schema.ts';
import { problemsOf } from './issues.ts';
import { formatProblem, type Problem, sortProblems } from './problem.ts';
import type { Registry } from './registry.ts';
import { configSchema, deliveryOptions } from './schema.ts';
import { type Environment, hideSecrets, substituteVariables, type Substitution } from './secrets.ts';
import { YamlText } from './yaml-text.ts';

export interface ConfigSource {
  /** As the operator wrote it: problems begin with it. */
  readonly file: string;
  /** Relative paths in the config count from here. */
  readonly folder: string;
  readonly text: string;
  readonly environment: Environment;
  readonly registry: Registry;
}

export type Loaded =
  | { readonly config: Config; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly Problem[] };

/** Reads a config file. Throws `CONFIG_UNREADABLE` where there is nothing to read; what is wrong with its text is returned. */
export function loadConfig(source: Omit<ConfigSource, 'folder' | 'text'> & { readonly workingFolder: string }): Loaded {
  const { path, text } = readConfigText(source);
  return readConfig({ ...source, folder: dirname(path), text });
}

/** `loadConfig` for those who cannot go on without one: throws `CONFIG_INVALID` with all problems, one a line. */
export function requireConfig(source: Parameters<typeof loadConfig>[0]): Config {
  const { config, problems } = loadConfig(source);
  if (config !== undefined) return config;
  throw new RelayError('CONFIG_INVALID', problems.map(formatProblem).join('\n'));
}

/** Text → Config, or everything that is wrong with it, in the order of the file. */
export function readConfig(source: ConfigSource): Loaded {
  const yaml = new YamlText(source.file, source.text);
  const syntax = yaml.syntaxProblems();
  if (!syntax.readable) return { config: undefined, problems: sortProblems(syntax.problems) };

  const { substitutions, problems: missing } = substituteVariables(yaml, source.environment);
  const problems = [...syntax.problems, ...missing];
  const value = valueOf(yaml, problems);
  const schema = configSchema(source.registry);
  const explained = optionSchema(schema);
  retype(value, substitutions, explained);
  const parsed = schema.safeParse(value);
  for (const issue of parsed.error?.issues ?? [])
    problems.push(...problemsOf(issue, { yaml, value, schema: explained }));
  problems.push(...crossProblems(yaml, value));

  if (parsed.success && problems.length === 0) return { config: assemble(parsed.data, source), problems: [] };
  const seen = new Set<string>();
  const distinct = sortProblems(withoutEchoes(problems, missing)).filter((problem) => {
    const key = formatProblem(problem);
    return !seen.has(key) && seen.add(key);
  });
  return {
    config: undefined,
    problems: distinct.map((problem) => ({ ...problem, message: hideSecrets(problem.message, substitutions) })),
  };
}

function valueOf(yaml: YamlText, problems: Problem[]): unknown {
  try {
    return yaml.toValue() ?? {};
  } catch (cause) {
    problems.push(yaml.problemAt(0, [], `its aliases unfold without end (${describeError(cause)}) — write them out`));
    return undefined;
  }
}

/**
 * Leaves out what helps nobody: what the schema thinks of a value whose variable is not set, and that an option is missing
 * which is there, misspelt.
 */
function withoutEchoes(problems: readonly Problem[], missing: readonly Problem[]): Problem[] {
  const key = (path: readonly PropertyKey[]): string => JSON.stringify(path);
  const unset = new Set(missing.map(({ path }) => key(path)));
  const misspelt = new Set(
    problems.flatMap(({ path, meant }) => (meant === undefined ? [] : [key([...path.slice(0, -1), meant])])),
  );
  return problems.filter(
    (problem) => missing.includes(problem) || !(unset.has(key(problem.path)) || misspelt.has(key(problem.path))),
  );
}

/**
 * What a variable gives is text. Where the option takes no text but a number or true and false, it is read as that; where it
 * takes text, a password of digits stays a text.
 */
function retype(value: unknown, substitutions: readonly Substitution[], schema: OptionSchema): void {
  for (const { path, value: text } of substitutions) {
    const option = optionAt(schema, path, value);
    const types = [option?.type, ...(option?.anyOf ?? []).map((branch) => branch.type)];
    if (types.includes('string')) continue;
    const takesNumber = types.includes('integer') || types.includes('number');
    if (takesNumber && /^-?\d+(\.\d+)?$/.test(text)) replaceAt(value, path, Number(text));
    else if (types.includes('boolean') && /^(true|false)$/.test(text)) replaceAt(value, path, text === 'true');
  }
}

function replaceAt(value: unknown, path: readonly PropertyKey[], replacement: unknown): void {
  let holder = value;
  for (const key of path.slice(0, -1))
    holder = typeof holder === 'object' && holder !== null ? Reflect.get(holder, key) : undefined;
  const last = path.at(-1);
  if (typeof holder === 'object' && holder !== null && last !== undefined) Reflect.set(holder, last, replacement);
}

type Parsed = z.output<ReturnType<typeof configSchema>>;

function assemble(parsed: Parsed, { file, folder, registry }: ConfigSource): Config {
  const { inputs, endpoints, data_dir, redact, ...rest } = parsed;
  return {
    ...rest,
    data_dir: resolve(folder, data_dir),
    redact: { definition: registry.filters.redact, options: resolvePaths(redact, folder) },
    file: resolve(folder, file.slice(file.lastIndexOf('/') + 1)),
    inputs: Object.entries(inputs).map(([name, { type, ...options }]): ConfiguredInput => {
      const definition = registry.inputs.find((input) => input.type === type)!;
      return { name, definition, options: resolvePaths(options, folder) };
    }),
    endpoints: Object.entries(endpoints).map(([name, { type, ...both }]): ConfiguredEndpoint => {
      const definition = registry.outputs.find((output) => output.type === type)!;
      const isDelivery = (key: string): boolean => Object.hasOwn(deliveryOptions.shape, key);
      const part = (delivery: boolean) =>
        Object.fromEntries(Object.entries(both).filter(([key]) => isDelivery(key) === delivery));
      return {
        name,
        definition,
        options: resolvePaths(part(false), folder),
        delivery: deliveryOptions.parse(part(true)),
      };
    }),
  };
}

/**
 * Makes paths absolute, counting from the config's folder. By our naming rule an option called `path`, `…_path`, `…_file` or
 * `…_dir` is a path of the file system, and no other is.
 */
function resolvePaths<Value>(value: Value, folder: string): Value {
  if (Array.isArray(value)) return value.map((item) => resolvePaths(item, folder)) as Value;
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    typeof inner === 'string' && isPathOption(key) ? resolve(folder, inner) : resolvePaths(inner, folder),
  ]);
  return Object.fromEntries(entries) as Value;
}

function isPathOption(key: string): boolean {
  return /(^path|_path|_file|_dir)$/.test(key);
}

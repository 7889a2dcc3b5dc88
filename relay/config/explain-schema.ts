import { z } from 'zod';

/** The parts of JSON Schema that our options use. */
export interface OptionSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly format?: string;
  readonly items?: OptionSchema;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | OptionSchema;
  readonly anyOf?: readonly OptionSchema[];
  readonly oneOf?: readonly OptionSchema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  /** Ours: what to write, in words, where the schema alone says it badly. */
  readonly expects?: string;
  /** Ours: the value is never shown. */
  readonly secret?: boolean;
}

/** What an operator may write for `schema`, as JSON Schema with our own additions. */
export function optionSchema(schema: z.ZodType): OptionSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as OptionSchema;
}

/** What to write, in words: `a whole number from 1 to 65535`, `"block" or "drop_oldest"`. */
export function expectation(option: OptionSchema): string {
  if (option.expects !== undefined) return option.expects;
  if (option.const !== undefined) return JSON.stringify(option.const);
  if (option.enum !== undefined) return alternatives(option.enum.map((value) => JSON.stringify(value)));
  const either = option.anyOf ?? option.oneOf;
  if (either !== undefined) return alternatives([...new Set(either.map(expectation))]);
  switch (option.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${range(option)}`;
    case 'number':
      return `a number${range(option)}`;
    case 'string':
      return option.format === 'uri' ? 'a URL' : 'a text';
    case 'array':
      return `a list${option.items?.type === 'string' ? ' of texts' : ''}`;
    case 'object':
      return option.properties === undefined ? 'names with their settings below it' : 'its settings below it';
    case 'null':
      return 'null';
    default:
      return 'a value';
  }
}

/** `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? '';
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`;
}

function range({ minimum, maximum }: OptionSchema): string {
  // zod states the bounds of exact integers where an option has none of its own.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) return `, at least ${low}`;
  return high === undefined ? '' : `, at most ${high}`;
}

/**
 * The part of `option` that `path` leads to, with `value` (the whole of what was written) to tell alternatives apart by their
 * `type`. Undefined where the path leaves the schema.
 */
export function optionAt(option: OptionSchema, path: readonly PropertyKey[], value: unknown): OptionSchema | undefined {
  const chosen = chooseByType(option, value);
  const [key, ...rest] = path;
  if (key === undefined) return chosen;
  const child = isRecord(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined;
  for (const branch of [chosen, ...(chosen.anyOf ?? [])]) {
    const next = childOf(branch, key);
    if (next !== undefined) return optionAt(next, rest, child);
  }
  return undefined;
}

/** Whether a value must not be shown, by what its schema says or, failing that, by its name. */
export function isSecret(key: string, option: OptionSchema | undefined): boolean {
  if (option?.secret !== undefined) return option.secret;
  if (option !== undefined && option.type !== 'string' && option.items?.type !== 'string') return false;
  return /(^|_)(secret|password|passphrase|token|tokens|shared_key|api_key)$/.test(key);
}

function chooseByType(option: OptionSchema, value: unknown): OptionSchema {
  if (option.oneOf === undefined || !isRecord(value)) return option;
  return option.oneOf.find((branch) => branch.properties?.['type']?.const === value['type']) ?? option;
}

function childOf(option: OptionSchema, key: PropertyKey): OptionSchema | undefined {
  if (typeof key === 'number') return option.items;
  const name = String(key);
  if (option.properties !== undefined && Object.hasOwn(option.properties, name)) return option.properties[name];
  return typeof option.additionalProperties === 'object' ? option.additionalProperties : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

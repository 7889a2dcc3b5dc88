import type { z } from 'zod';
import { alternatives, expectation, isRecord, isSecret, optionAt, type OptionSchema } from './explain-schema.ts';
import type { Problem } from './problem.ts';
import { suggest } from './suggest.ts';
import type { YamlText } from './yaml-text.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What an issue is explained against: the text, the values read from it, and what they should have been. */
export interface IssueContext {
  readonly yaml: YamlText;
  readonly value: unknown;
  readonly schema: OptionSchema;
}

/** Turns what the schema found into what an operator can act on. One issue may name several keys, so: several problems. */
export function problemsOf(issue: Issue, context: IssueContext, parentPath: Path = []): Problem[] {
  const path = [...parentPath, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, context));
    case 'invalid_key':
      return issue.issues.map((inner) => problem(context, path, 'key', nameMessage(path, inner.message)));
    case 'invalid_union':
      return issue.discriminator === undefined
        ? unionProblems(issue, context, path)
        : [problem(context, path, 'value', wrongType(path, context))];
    case 'custom':
      return [problem(context, path, 'value', capitalsDown(issue.message))];
    default:
      return [problem(context, path, 'value', wrongValue(issue, path, context))];
  }
}

function problem(context: IssueContext, path: Path, at: 'key' | 'value', message: string): Problem {
  return context.yaml.problemAt(context.yaml.offsetOf(path, at), path, message);
}

function unknownKey(key: string, path: Path, context: IssueContext): Problem {
  const known = Object.keys(optionAt(context.schema, path, context.value)?.properties ?? {});
  const meant = suggest(key, known);
  const advice = meant === undefined ? `write ${alternatives(known)}` : `did you mean "${meant}"?`;
  const message = `there is no such option here — ${known.length === 0 ? 'leave it out' : advice}`;
  return { ...problem(context, [...path, key], 'key', message), meant };
}

function nameMessage(path: Path, message: string): string {
  return `${JSON.stringify(String(path.at(-1)))} cannot be used as a name — ${message}`;
}

/** A component whose `type` is missing or unknown. */
function wrongType(path: Path, { schema, value }: IssueContext): string {
  const branches = optionAt(schema, path.slice(0, -1), undefined)?.oneOf ?? [];
  const types = branches.map((branch) => String(branch.properties?.['type']?.const));
  const written = valueAt(value, path);
  const choice = `write ${alternatives(types)}`;
  if (written === undefined) return `is missing — ${choice}`;
  if (typeof written !== 'string') return `${shown(written, false)} is no type — ${choice}`;
  const meant = suggest(written, types);
  return `there is no type ${JSON.stringify(written)} — ${choice}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

/** Follows the alternative that went furthest: of `true or a mapping`, a mapping was meant if one was written. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, context: IssueContext, path: Path): Problem[] {
  const deepest = issue.errors.find((errors) => errors.some((inner) => inner.path.length > 0));
  if (deepest !== undefined) return deepest.flatMap((inner) => problemsOf(inner, context, path));
  return [problem(context, path, 'value', wrongValue(issue, path, context))];
}

function wrongValue(issue: Issue, path: Path, { schema, value }: IssueContext): string {
  const option = optionAt(schema, path, value);
  const key = String(path.at(-1) ?? '');
  const written = valueAt(value, path);
  const wanted = wantedText(option);
  if (written === undefined)
    return path.length === 0 ? `the file is empty — write ${wanted}` : `is missing — write ${wanted}`;
  if (written === null) return `is empty — write ${wanted}, or leave the key out`;
  const what = shown(written, isSecret(key, option));
  // The schema's author knew better than any rule what is wrong with the text: then that is the advice.
  if (!/^(Invalid|Too (small|big)|Expected|Unrecognized)\b/.test(issue.message))
    return `${what} will not do — ${issue.message}`;
  const meant = typeof written === 'string' ? meantValue(written, option) : undefined;
  return `${what} will not do — write ${wanted}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

function meantValue(written: string, option: OptionSchema | undefined): string | undefined {
  // In YAML 1.1 these were true and false; here they are texts.
  if (option?.type === 'boolean' && /^(yes|on)$/i.test(written)) return 'true';
  if (option?.type === 'boolean' && /^(no|off)$/i.test(written)) return 'false';
  return suggest(written, (option?.enum ?? []).map(String));
}

function wantedText(option: OptionSchema | undefined): string {
  if (option === undefined) return 'something else';
  const [example] = option.examples ?? [];
  if (example === undefined || option.expects !== undefined) return expectation(option);
  return `${expectation(option)}, such as ${JSON.stringify(example)}`;
}

function shown(value: unknown, secret: boolean): string {
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a mapping';
  if (secret) return 'this value';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 76)}…"` : text;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** Messages follow a path and a colon, so they begin with a small letter; `TLS…` and `"…` stay. */
function capitalsDown(message: string): string {
  return /^[A-Z][a-z]/.test(message) ? `${message.charAt(0).toLowerCase()}${message.slice(1)}` : message;
}

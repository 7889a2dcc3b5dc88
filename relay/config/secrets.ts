import type { Problem } from './problem.ts';
import type { YamlText } from './yaml-text.ts';

/** What a text was before variables were put in. */
export interface Substitution {
  readonly path: readonly PropertyKey[];
  readonly written: string;
  readonly value: string;
  /** What each variable gave, so that it can be kept out of messages. */
  readonly variables: ReadonlyMap<string, string>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Puts environment variables into the values of `yaml`: `${NAME}`, or `${NAME:-text}` for when it is not set or empty; `$${` stands
 * for the characters `${` themselves. It happens after parsing, so that no variable can add keys of its own.
 */
export function substituteVariables(
  yaml: YamlText,
  environment: Environment,
): { readonly substitutions: Substitution[]; readonly problems: Problem[] } {
  const substitutions: Substitution[] = [];
  const problems: Problem[] = [];
  yaml.visitTexts((scalar, path) => {
    const written = scalar.value;
    if (!written.includes('${')) return;
    const variables = new Map<string, string>();
    let searchFrom = scalar.range?.[0] ?? 0;
    const value = written.replaceAll(/\$(\$\{)|\$\{([^}]*)(\}?)/g, (whole: string, escaped, inner: string, end) => {
      const found = yaml.text.indexOf(whole, searchFrom);
      const offset = found === -1 ? searchFrom : found;
      searchFrom = offset + whole.length;
      if (escaped !== undefined) return '${';
      const outcome = end === '' ? notClosed : lookUp(inner, environment);
      if (typeof outcome === 'string') {
        variables.set(whole, outcome);
        return outcome;
      }
      problems.push(yaml.problemAt(offset, path, outcome.problem));
      return whole;
    });
    scalar.value = value;
    substitutions.push({ path, written, value, variables });
  });
  return { substitutions, problems };
}

const notClosed = { problem: '"${" is not closed — write "${NAME}", or "$${" for the characters themselves' };

function lookUp(inner: string, environment: Environment): string | { readonly problem: string } {
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner) ?? [];
  if (name === undefined)
    return {
      problem: `"\${${inner}}" names no environment variable — write "\${NAME}" or "\${NAME:-default}", or "$\${" for the characters themselves`,
    };
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value !== undefined && (value !== '' || fallback === undefined)) return value;
  return (
    fallback ?? {
      problem: `the environment variable ${name} is not set — set it, or write "\${${name}:-default}"`,
    }
  );
}

/**
 * Takes what variables gave, and what stands before the `@` of a URL, out of a message, so that a secret does not end up in a
 * terminal or a log.
 */
export function hideSecrets(message: string, substitutions: readonly Substitution[]): string {
  let hidden = message;
  for (const { variables } of substitutions) {
    for (const [reference, value] of variables) {
      // A value of a few characters would match by chance, and is no secret.
      if (value.length >= 4) hidden = hidden.replaceAll(value, () => reference);
    }
  }
  return hidden.replaceAll(/:\/\/[^\s/@"]*@/g, '://…@');
}

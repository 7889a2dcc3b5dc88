import { isFreeText } from './fields.ts';
import { fold, plainRuns } from './fold.ts';
import type { FieldNode, Pattern, QueryNode } from './syntax.ts';

/**
 * What must stand in a stored line, in whatever case, for the query to be able to mean it: at least one of these texts. A text that
 * begins and ends with a quote is a whole JSON string.
 */
export interface Need {
  readonly anyOf: readonly string[];
  /** How much of what is looked at it is likely to rule out; the highest is tried first. */
  readonly weight: number;
}

/** Looking for more texts at once than this costs more than it saves. */
const ALTERNATIVES_MAX = 16;

/** All of these must hold; none where nothing can be said. */
export function needsOf(node: QueryNode): Need[] {
  switch (node.kind) {
    case 'and':
      return node.parts.flatMap(needsOf).sort((a, b) => b.weight - a.weight);
    case 'or':
      return eitherNeed(node.parts.map(needsOf));
    case 'text':
      return needOf(patternRuns(node.pattern));
    case 'field':
      return fieldNeeds(node);
    case 'range':
      return namesOf(node.fields);
    case 'everything':
    case 'not':
      return [];
  }
}

/** Of each alternative its best need, together. */
function eitherNeed(alternatives: readonly (readonly Need[])[]): Need[] {
  const best = alternatives.map(([first]) => first);
  if (!best.every((need) => need !== undefined)) return [];
  const anyOf = [...new Set(best.flatMap((need) => need.anyOf))];
  if (anyOf.length > ALTERNATIVES_MAX) return [];
  return [{ anyOf, weight: Math.min(...best.map(({ weight }) => weight)) / anyOf.length }];
}

function fieldNeeds({ fields, pattern }: FieldNode): Need[] {
  const whole = wholeString(fields, pattern);
  const value = whole === undefined ? needOf(patternRuns(pattern)) : needOf([whole]);
  // Which datasets a batch holds is known without looking into it.
  if (fields.length === 1 && fields[0] === 'event.dataset') return value.map((need) => ({ ...need, weight: 0 }));
  return value.length === 0 ? namesOf(fields) : value;
}

/** The value as it stands between quotes, where it can be nothing but a JSON string without escapes. */
export function wholeString(fields: readonly string[], { parts }: Pattern): string | undefined {
  const [only = ''] = parts;
  if (parts.length !== 1 || fields.some(isFreeText) || only === '') return undefined;
  const runs = plainRuns(only);
  const isPlain = runs.length === 1 && runs[0] === fold(only);
  const mayBeUnquoted = /^(?:-?\d.*|true|false)$/is.test(only);
  return isPlain && !mayBeUnquoted ? `"${fold(only)}"` : undefined;
}

/** The pieces of a pattern that stand in the line as they are. All of them do. */
export function patternRuns(pattern: Pattern): string[] {
  return pattern.parts.flatMap(plainRuns);
}

function needOf(runs: readonly string[]): Need[] {
  return runs.filter((run) => run.length > 1).map((run) => ({ anyOf: [run], weight: run.length }));
}

/** The ends of the fields' names, with what comes after every name. */
function namesOf(fields: readonly string[]): Need[] {
  const ends = fields.map((field) => `${field.slice(field.lastIndexOf('.') + 1)}":`);
  // A name is asked for exactly as it is written, so only its case in a query could differ: then nothing is found either way.
  return ends.every((end) => /^[\w@-]+":$/.test(end)) ? [{ anyOf: ends.map(fold), weight: 1 }] : [];
}

import fc from 'fast-check';
import type { ParsedRecord } from '../../relay/query/record-text.ts';

// What a query means, said as simply as it can be: each record parsed, each condition tried, letter case by regular expressions.

export type Condition =
  | { readonly is: 'text'; readonly parts: readonly string[]; readonly quoted: boolean }
  | { readonly is: 'field'; readonly field: string; readonly parts: readonly string[]; readonly quoted: boolean }
  | {
      readonly is: 'number';
      readonly field: string;
      readonly operator: '>' | '>=' | '<' | '<=';
      readonly value: number;
    }
  | { readonly is: 'not'; readonly part: Condition }
  | { readonly is: 'and' | 'or'; readonly parts: readonly Condition[] };

/** The text of a query that means this. */
export function queryText(condition: Condition): string {
  switch (condition.is) {
    case 'text':
      return value(condition);
    case 'field':
      return `${condition.field}:${value(condition)}`;
    case 'number':
      return `${condition.field}:${condition.operator}${condition.value}`;
    case 'not':
      return `-${bracketed(condition.part)}`;
    case 'and':
      return condition.parts.map(bracketed).join(' ');
    case 'or':
      return condition.parts.map(bracketed).join(' OR ');
  }
}

function bracketed(condition: Condition): string {
  return condition.is === 'and' || condition.is === 'or' ? `(${queryText(condition)})` : queryText(condition);
}

function value({ parts, quoted }: { readonly parts: readonly string[]; readonly quoted: boolean }): string {
  return quoted ? `"${parts[0]!.replaceAll(/["\\]/g, '\\$&')}"` : parts.join('*');
}

export function means(condition: Condition, record: ParsedRecord): boolean {
  switch (condition.is) {
    case 'and':
      return condition.parts.every((part) => means(part, record));
    case 'or':
      return condition.parts.some((part) => means(part, record));
    case 'not':
      return !means(condition.part, record);
    case 'text': {
      const { event = {}, ...rest } = record as { readonly event?: object };
      const searched = [without(rest, '@timestamp'), without(event, 'id', 'created')];
      return leaves(searched).some((text) => expression(condition.parts).test(text));
    }
    case 'field': {
      const isFree = condition.field === 'message';
      const test = expression(condition.parts, isFree ? ['', ''] : ['^', '$']);
      return leavesAt(record, condition.field).some((text) => test.test(text));
    }
    case 'number':
      return leavesAt(record, condition.field)
        .filter((text) => /^-?\d+(\.\d+)?$/.test(text))
        .some((text) => compare(Number(text), condition.operator, condition.value));
  }
}

function without(members: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

function compare(a: number, operator: '>' | '>=' | '<' | '<=', b: number): boolean {
  return { '>': a > b, '>=': a >= b, '<': a < b, '<=': a <= b }[operator];
}

function expression(parts: readonly string[], [before, after] = ['', '']): RegExp {
  return new RegExp(`${before}${parts.map(escaped).join('[^]*')}${after}`, 'i');
}

function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function leaves(content: unknown): string[] {
  if (typeof content === 'object' && content !== null) return Object.values(content).flatMap(leaves);
  return printed(content);
}

function printed(content: unknown): string[] {
  return typeof content === 'string' || typeof content === 'number' || typeof content === 'boolean'
    ? [String(content)]
    : [];
}

/** Values right at a path (not below it), lists taken apart. */
function leavesAt(content: unknown, path: string): string[] {
  if (Array.isArray(content)) return content.flatMap((item) => leavesAt(item, path));
  if (typeof content !== 'object' || content === null) return [];
  return Object.entries(content).flatMap(([name, inner]) => {
    if (name === path) return plain(inner);
    return path.startsWith(`${name}.`) ? leavesAt(inner, path.slice(name.length + 1)) : [];
  });
}

function plain(content: unknown): string[] {
  if (Array.isArray(content)) return content.flatMap(plain);
  return printed(content);
}

/** Few letters, so that things are found; and those that go wrong: other cases, escapes, line ends, and what JSON or UTF-8 write otherwise. */
const letter = fc.constantFrom(
  ...Array.from('aabBkKsSiI019 -_/.:'),
  '"',
  '\\',
  '\n',
  '\u0085',
  '\u2028',
  'é',
  'É',
  'ß',
  'K',
  'ſ',
  'İ',
  'ı',
  'Σ',
  'ς',
  '日',
  '本',
  '😀',
  '\u007f',
);
export const someText = fc.string({ unit: letter, maxLength: 12 });

/** Texts that a word without quotes may be. */
const wordText = fc.string({ unit: fc.constantFrom(...Array.from('aabBkKsSiI01é日Kſ_')), minLength: 1, maxLength: 5 });

const FIELDS = ['message', 'user.name', 'labels.a', 'labels.b.c', 'tags', 'count.n', 'event.dataset'] as const;

const parts = fc.oneof(
  { weight: 3, arbitrary: someText.filter((text) => text !== '').map((text) => ({ parts: [text], quoted: true })) },
  { weight: 3, arbitrary: wordText.map((text) => ({ parts: [text], quoted: false })) },
  { weight: 2, arbitrary: fc.tuple(wordText, wordText).map((texts) => ({ parts: texts, quoted: false })) },
);

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  parts.map((pattern) => ({ is: 'text' as const, ...pattern })),
  fc.tuple(fc.constantFrom(...FIELDS), parts).map(([field, pattern]) => ({ is: 'field' as const, field, ...pattern })),
  fc.record({
    is: fc.constant('number' as const),
    field: fc.constantFrom('count.n', 'labels.a'),
    operator: fc.constantFrom('>', '>=', '<', '<='),
    value: fc.integer({ min: -2, max: 12 }),
  }),
);

export const someCondition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('node').map((part) => ({ is: 'not' as const, part })),
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('node'), { minLength: 2, maxLength: 3 }))
      .map(([is, list]) => ({ is, parts: list })),
  ),
})).node;

/** Records as senders make them, without what the relay adds. */
export const someFields = fc.record(
  {
    message: someText,
    user: fc.record({ name: fc.oneof(someText, wordText) }),
    'user.name': wordText,
    labels: fc.record({
      a: fc.oneof(someText, fc.integer({ min: -1, max: 11 }).map(String)),
      b: fc.record({ c: wordText }),
    }),
    tags: fc.array(wordText, { maxLength: 3 }),
    count: fc.record({ n: fc.oneof(fc.integer({ min: -1, max: 11 }), fc.constantFrom(0.5, true, null, 12345678901)) }),
  },
  { requiredKeys: [] },
);

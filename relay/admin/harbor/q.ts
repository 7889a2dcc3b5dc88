import { badRequest } from './errors.ts';

/** One term of `q`, AND-ed with the others. */
export type Term =
  | { readonly key: string; readonly kind: 'is' | 'holds'; readonly value: string }
  | { readonly key: string; readonly kind: 'any'; readonly values: readonly string[] }
  | {
      readonly key: string;
      readonly kind: 'range';
      readonly from: string | undefined;
      readonly to: string | undefined;
    };

const TERMS_MAX = 20;
const VALUES_MAX = 30;

/**
 * Reads Harbor’s query language (`src/lib/q/builder.go`): `k=v`, `k=~v`, `k=[min~max]`, `k={a b c}`, with commas between the terms.
 * Its server decodes `q` a second time, so clients encode it twice. Where Harbor would pass over a term that it does not understand,
 * and so show or hide what was not meant, this throws 400: an unknown key, `k=(a b)`.
 */
export function parseQ(encoded: string, known: (name: string) => string | undefined): Term[] {
  const text = decoded(encoded);
  if (text.trim() === '') return [];
  const terms = text.split(',');
  if (terms.length > TERMS_MAX) throw badRequest(`a query has ${TERMS_MAX} terms at most`);
  return terms.map((term) => parseTerm(term, known));
}

/** Twice encoded or once, a `+` is a space either way, as in Harbor. What cannot be decoded stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function parseTerm(term: string, known: (name: string) => string | undefined): Term {
  const equals = term.indexOf('=');
  const name = term.slice(0, equals).trim();
  const value = term.slice(equals + 1).trim();
  if (equals < 0 || name === '' || value === '')
    throw badRequest('the query string must contain "=" and the key/value cannot be empty');
  const [field = '', operator] = name.split('__', 2);
  const key = known(field);
  if (key === undefined)
    throw badRequest(`the key ${JSON.stringify(name.slice(0, 100))} is not one that this list can be asked by`);
  if (operator !== undefined) return parseOperator(key, operator, value);
  const inner = value.slice(1, -1);
  switch (value[0]) {
    case '~':
      if (value.length === 1) throw badRequest('invalid query string value: nothing stands behind "~"');
      return { key, kind: 'holds', value: value.slice(1) };
    case '[':
      return { key, kind: 'range', ...parseRange(value) };
    case '{': {
      if (!value.endsWith('}')) throw badRequest(`invalid query string value: ${value}`);
      const values = inner
        .split(' ')
        .map(unquoted)
        .filter((one) => one !== '');
      if (values.length === 0 || values.length > VALUES_MAX)
        throw badRequest(`invalid query string value: between 1 and ${VALUES_MAX} values stand between "{" and "}"`);
      return { key, kind: 'any', values };
    }
    case '(':
      throw badRequest('invalid query string value: "(…)" asks for all of several values, which no record has');
    default:
      return { key, kind: 'is', value: value.startsWith('\\') ? value.slice(1) : value };
  }
}

/** `key__gte=5` and its like, which Harbor lets through. */
function parseOperator(key: string, operator: string, value: string): Term {
  if (operator === 'exact') return { key, kind: 'is', value };
  if (operator === 'icontains') return { key, kind: 'holds', value };
  if (operator === 'gte') return { key, kind: 'range', from: unquoted(value), to: undefined };
  if (operator === 'lte') return { key, kind: 'range', from: undefined, to: unquoted(value) };
  throw badRequest(`the operator __${operator.slice(0, 30)} is not one that can be asked with; use [min~max]`);
}

function parseRange(value: string): { readonly from: string | undefined; readonly to: string | undefined } {
  const parts = value.slice(1, -1).split('~');
  const [from = '', to = ''] = parts.map((part) => unquoted(part.trim()));
  if (!value.endsWith(']') || parts.length !== 2 || (from === '' && to === ''))
    throw badRequest(`invalid query string value: ${value}`);
  return { from: from === '' ? undefined : from, to: to === '' ? undefined : to };
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2');
}

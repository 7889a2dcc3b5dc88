import { QueryMistake } from './mistake.ts';

/** A piece of a query. `at` is its first character's place, counted from 0. */
export interface Token {
  readonly kind: 'word' | 'phrase' | '(' | ')' | '-' | 'end';
  readonly at: number;
  /** What a word or phrase says; for a phrase without its quotes and escapes. */
  readonly text: string;
  /** For a word: what stands before a colon that ends the part before a phrase, a bracket or a value. */
  readonly field: string | undefined;
}

const FIELD = /^[@\p{L}_][\p{L}\p{N}_.@/-]*(?=:)/u;
const WORD_END = /[\s()"]/;

/** Takes a query apart. Throws `QueryMistake`. */
export function tokens(query: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < query.length;) {
    const character = query[at]!;
    if (/\s/.test(character)) {
      at++;
    } else if (character === '(' || character === ')') {
      found.push({ kind: character, at, text: character, field: undefined });
      at++;
    } else if (character === '-' && !/[\s)]/.test(query[at + 1] ?? ' ')) {
      found.push({ kind: '-', at, text: '-', field: undefined });
      at++;
    } else {
      at = term(query, at, found);
    }
  }
  found.push({ kind: 'end', at: query.length, text: '', field: undefined });
  return found;
}

/** A word, a phrase, or a field with one of them; for a field with a bracket only `field:`. Returns the place after it. */
function term(query: string, at: number, found: Token[]): number {
  const field = query[at] === '"' ? undefined : fieldAt(query, at);
  const valueAt = field === undefined ? at : at + field.length + 1;
  if (query[valueAt] === '"') {
    const { text, end } = phrase(query, valueAt);
    found.push({ kind: 'phrase', at, text, field });
    return end;
  }
  let end = valueAt;
  while (end < query.length && !WORD_END.test(query[end]!)) end++;
  found.push({ kind: 'word', at, text: query.slice(valueAt, end), field });
  return end;
}

function fieldAt(query: string, at: number): string | undefined {
  const field = FIELD.exec(query.slice(at, at + FIELD_LENGTH_MAX))?.[0];
  // An address is a piece of text, whatever stands before its colon.
  return field === undefined || query.startsWith('://', at + field.length) ? undefined : field;
}

const FIELD_LENGTH_MAX = 200;

function phrase(query: string, open: number): { readonly text: string; readonly end: number } {
  let text = '';
  for (let at = open + 1; at < query.length; at++) {
    const character = query[at]!;
    if (character === '"') return { text, end: at + 1 };
    const next = query[at + 1];
    if (character === '\\' && (next === '"' || next === '\\')) at++;
    text += query[at]!;
  }
  throw new QueryMistake(open, 'there is no end to the quote that begins here; put a " where it ends');
}

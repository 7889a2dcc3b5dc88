import { isSurelyField, resolveField } from './fields.ts';
import { QueryMistake } from './mistake.ts';
import type { Bound, QueryNode } from './syntax.ts';
import { parseTime, TIME_FORMS } from './time-text.ts';
import { tokens, type Token } from './tokens.ts';

/** More than anybody writes by hand; what a program wrote should be several searches. */
export const QUERY_LENGTH_MAX = 4_096;
export const QUERY_TERMS_MAX = 64;
const DEPTH_MAX = 16;
/** Each `*` in a pattern is one more place to look for. */
const STARS_MAX = 8;

/**
 * Understands a query. Words and "phrases" must be in some text of the record; `field:value` compares a field's value, with `*` for
 * anything; `-` or `NOT` takes out, `OR` joins, brackets group. Throws `QueryMistake`.
 */
export function parseQuery(query: string, nowMs: number): QueryNode {
  if (query.length > QUERY_LENGTH_MAX)
    throw new QueryMistake(QUERY_LENGTH_MAX, `a query has ${QUERY_LENGTH_MAX} characters at most; make several of it`);
  return new Parser(tokens(query), nowMs).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #nowMs: number;
  #next = 0;
  #terms = 0;
  #depth = 0;

  constructor(found: readonly Token[], nowMs: number) {
    this.#tokens = found;
    this.#nowMs = nowMs;
  }

  whole(): QueryNode {
    if (this.#peek().kind === 'end') return { kind: 'everything' };
    const node = this.#either();
    const rest = this.#peek();
    if (rest.kind === ')') throw new QueryMistake(rest.at, 'this bracket closes nothing; remove it or open one before');
    return node;
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #either(): QueryNode {
    const parts = [this.#all()];
    while (isOperator(this.#peek(), 'OR')) {
      this.#next++;
      parts.push(this.#all());
    }
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  #all(): QueryNode {
    const parts = [this.#one()];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end' || token.kind === ')' || isOperator(token, 'OR')) break;
      if (isOperator(token, 'AND')) this.#next++;
      parts.push(this.#one());
    }
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  #one(): QueryNode {
    const token = this.#peek();
    if (token.kind === '-' || isOperator(token, 'NOT')) {
      this.#next++;
      return { kind: 'not', part: this.#nested(token, () => this.#one()) };
    }
    if (token.kind === '(') {
      this.#next++;
      return this.#nested(token, () => this.#bracket(token, () => this.#either()));
    }
    if (token.kind === 'end' || token.kind === ')')
      throw new QueryMistake(token.at, 'something to look for is missing here: a word, a "phrase" or field:value');
    if (isOperator(token, 'OR') || isOperator(token, 'AND'))
      throw new QueryMistake(
        token.at,
        `${token.text} stands between two terms; for the word itself write "${token.text}"`,
      );
    this.#next++;
    return this.#term(token);
  }

  #nested<T>(token: Token, inside: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw new QueryMistake(token.at, `brackets go ${DEPTH_MAX} deep at most`);
    const result = inside();
    this.#depth--;
    return result;
  }

  #bracket<T>(open: Token, inside: () => T): T {
    const result = inside();
    if (this.#peek().kind !== ')') throw new QueryMistake(open.at, 'this bracket is not closed; put a ) where it ends');
    this.#next++;
    return result;
  }

  #term(token: Token): QueryNode {
    if (++this.#terms > QUERY_TERMS_MAX)
      throw new QueryMistake(token.at, `a query has ${QUERY_TERMS_MAX} terms at most; make several of it`);
    if (token.field === undefined) return textNode(token);
    if (token.kind === 'word' && token.text === '') {
      const opens = this.#peek().kind === '(' && this.#peek().at === valuePlace(token);
      // As in `error: no such file`.
      if (!opens && !isSurelyField(token.field)) return textNode({ ...token, text: `${token.field}:` });
      return this.#choice(token, token.field);
    }
    return this.#field(token, token.field);
  }

  /** `field:(this OR that)`. */
  #choice(token: Token, field: string): QueryNode {
    const open = this.#peek();
    if (open.kind !== '(' || open.at !== valuePlace(token))
      throw new QueryMistake(valuePlace(token), `a value is missing; write ${field}:value, or ${field}:* for any`);
    this.#next++;
    return this.#bracket(open, () => {
      const parts: QueryNode[] = [];
      for (;;) {
        const value = this.#peek();
        if (value.kind !== 'word' && value.kind !== 'phrase')
          throw new QueryMistake(
            value.at,
            `the values of ${field} stand here, with OR between them: ${field}:(this OR that)`,
          );
        this.#next++;
        if (++this.#terms > QUERY_TERMS_MAX)
          throw new QueryMistake(value.at, `a query has ${QUERY_TERMS_MAX} terms at most; make several of it`);
        const text = value.field === undefined ? value.text : `${value.field}:${value.text}`;
        parts.push(this.#field({ ...value, text }, field));
        const next = this.#peek();
        if (next.kind === ')' || next.kind === 'end') return { kind: 'or', parts };
        if (!isOperator(next, 'OR'))
          throw new QueryMistake(next.at, `OR stands between values: ${field}:(this OR that)`);
        this.#next++;
      }
    });
  }

  #field(token: Token, field: string): QueryNode {
    const fields = resolveField(field);
    if (token.kind === 'word') {
      const range = this.#range(token, fields);
      if (range !== undefined) return range;
    }
    const pattern = { parts: token.kind === 'phrase' ? [token.text] : starParts(token) };
    const node: QueryNode = { kind: 'field', fields, pattern };
    if (isSurelyField(field) || token.kind === 'phrase') return node;
    // `sha256:4711` may be a field of somebody's, and more likely is a piece of text.
    return { kind: 'or', parts: [node, textNode({ ...token, text: `${field}:${token.text}` })] };
  }

  /** `>5`, `<=2026-11-22`, `400..499`. Undefined for a value that is none of these. */
  #range({ text, at }: Token, fields: readonly string[]): QueryNode | undefined {
    const compared = /^(>=|<=|>|<)(.*)$/.exec(text);
    if (compared !== null) {
      const [, operator = '', value = ''] = compared;
      const end = this.#value(value, at);
      const bound: Bound = { value: end.value, inclusive: operator.endsWith('=') };
      const isLow = operator.startsWith('>');
      return { kind: 'range', fields, of: end.of, from: isLow ? bound : undefined, to: isLow ? undefined : bound };
    }
    const between = /^(.+?)\.\.(.+)$/.exec(text);
    if (between === null || parseValue(between[1]!, this.#nowMs) === undefined) return undefined;
    const from = this.#value(between[1]!, at);
    const to = this.#value(between[2]!, at);
    if (from.of !== to.of) throw new QueryMistake(at, 'both ends of a range are numbers, or both are times');
    const bound = ({ value }: { value: number }): Bound => ({ value, inclusive: true });
    return { kind: 'range', fields, of: from.of, from: bound(from), to: bound(to) };
  }

  #value(text: string, at: number): { readonly of: 'number' | 'time'; readonly value: number } {
    const value = parseValue(text, this.#nowMs);
    if (value === undefined)
      throw new QueryMistake(at, `a number stands here, or ${TIME_FORMS}; not ${JSON.stringify(text)}`);
    return value;
  }
}

/** Where a field's value stands. */
function valuePlace({ at, field = '' }: Token): number {
  return at + field.length + 1;
}

function parseValue(
  text: string,
  nowMs: number,
): { readonly of: 'number' | 'time'; readonly value: number } | undefined {
  if (/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return { of: 'number', value: Number(text) };
  const value = parseTime(text, nowMs);
  return value === undefined ? undefined : { of: 'time', value };
}

function isOperator(token: Token, name: 'OR' | 'AND' | 'NOT'): boolean {
  return token.kind === 'word' && token.field === undefined && token.text === name;
}

function textNode(token: Token): QueryNode {
  const parts = (token.kind === 'phrase' ? [token.text] : starParts(token)).filter((part) => part !== '');
  return parts.length === 0 ? { kind: 'everything' } : { kind: 'text', pattern: { parts } };
}

/** A word's parts between its stars. */
function starParts({ text, at }: Token): string[] {
  const parts = text.split('*');
  if (parts.length > STARS_MAX + 1) throw new QueryMistake(at, `a word has ${STARS_MAX} stars at most`);
  return parts;
}

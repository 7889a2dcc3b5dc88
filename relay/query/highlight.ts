import { parseQuery } from './parse.ts';
import type { QueryNode } from './syntax.ts';

/** Shorter texts would light up everything. */
const LENGTH_MIN = 2;

/**
 * What to light up where records of a query are shown: the texts that it looks for, in any case; undefined where there are none. Made of
 * plain texts alone. Throws `QUERY_INVALID`.
 */
export function highlights(query: string): RegExp | undefined {
  const texts = [...new Set(wanted(parseQuery(query, 0)))].filter((text) => text.length >= LENGTH_MIN);
  if (texts.length === 0) return undefined;
  // Where two begin at the same place, the longer one is meant.
  const longestFirst = texts.sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((text) => text.replaceAll(/[^\p{L}\p{N} ]/gu, escaped)).join('|'), 'gi');
}

function wanted(node: QueryNode): readonly string[] {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.parts.flatMap(wanted);
    case 'text':
    case 'field':
      return node.pattern.parts;
    case 'everything':
    case 'not':
    case 'range':
      return [];
  }
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

import { batchJudge, type BatchJudge } from './batch-verdict.ts';
import { evaluator, type RecordTest } from './evaluate.ts';
import { needsOf } from './needs.ts';
import { parseQuery } from './parse.ts';

/** A query, ready to be run. */
export interface CompiledQuery {
  /** What can be said of a batch without unpacking it. */
  readonly judge: BatchJudge;
  /**
   * What every line that is meant holds, as expressions over a line's bytes taken for Latin-1, the one that rules out most first. They are
   * made of plain texts alone, so they take no longer than the line is. Empty where nothing can be said.
   */
  readonly needs: readonly RegExp[];
  /** The last word. */
  readonly matches: RecordTest;
}

/** Throws `QUERY_INVALID`. */
export function compileQuery(query: string, nowMs: number): CompiledQuery {
  const node = parseQuery(query, nowMs);
  return {
    judge: batchJudge(node),
    needs: needsOf(node).map(({ anyOf }) => anyOfThese(anyOf)),
    matches: evaluator(node),
  };
}

function anyOfThese(texts: readonly string[]): RegExp {
  const bytes = texts.map((text) => Buffer.from(text).toString('latin1'));
  return new RegExp(bytes.map((text) => text.replaceAll(/[^\w ]/g, escaped)).join('|'), 'gi');
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

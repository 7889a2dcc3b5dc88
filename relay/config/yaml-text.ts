import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import type { Problem } from './problem.ts';

/** Aliases may stand for at most this many nodes, so that a small file cannot unfold into a huge one. */
const ALIASES_MAX = 100;

/** A parsed YAML (or JSON) text that still knows where everything stood. */
export class YamlText {
  readonly file: string;
  readonly text: string;
  readonly document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, logLevel: 'error' });
  }

  /** What is wrong with the text as YAML. While there is any but a repeated key, its meaning is a guess. */
  syntaxProblems(): { readonly problems: Problem[]; readonly readable: boolean } {
    const problems: Problem[] = [];
    const { errors, warnings } = this.document;
    for (const error of [...errors, ...warnings]) {
      const offset = this.#offsetOf(error);
      const problem = this.problemAt(offset, [], plainWords(error));
      // One slip makes the parser stumble several times over the same line; the first report is the helpful one.
      if (!problems.some((earlier) => earlier.line === problem.line)) problems.push(problem);
    }
    let readable = errors.every((error) => error.code === 'DUPLICATE_KEY') && warnings.length === 0;
    visit(this.document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.document) !== undefined) return;
        readable = false;
        const message = `there is no anchor "&${alias.source}" before this — write it, or put the text in quotes`;
        problems.push(this.problemAt(alias.range?.[0] ?? 0, [], message));
      },
      Pair: (_, { key }) => {
        if (isScalar(key) && key.value !== '__proto__') return;
        const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        problems.push(this.problemAt(offset, [], 'this cannot be a key — write a name that is a plain text'));
      },
    });
    return { problems, readable };
  }

  /** The plain values. Throws where aliases unfold beyond all measure. */
  toValue(): unknown {
    return this.document.toJS({ maxAliasCount: ALIASES_MAX });
  }

  problemAt(offset: number, path: readonly PropertyKey[], message: string): Problem {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col), path, message };
  }

  /** Where the value at `path` stands; where there is none, its key; where there is no key either, what would hold it. */
  offsetOf(path: readonly PropertyKey[], wanted: 'key' | 'value'): number {
    let node: Node | null = this.document.contents;
    let offset = 0;
    for (const [index, key] of path.entries()) {
      const found = child(this.#resolve(node), key);
      if (found === undefined) return offset;
      const isLast = index === path.length - 1;
      const valueOffset = isEmpty(found.value) ? undefined : found.value?.range?.[0];
      offset = (isLast && wanted === 'value' ? valueOffset : undefined) ?? found.keyOffset ?? valueOffset ?? offset;
      node = found.value;
    }
    return offset;
  }

  /** Calls back for each text among the values (not the keys), with the path to it. */
  visitTexts(callback: (scalar: Scalar<string>, path: readonly PropertyKey[]) => void): void {
    visit(this.document, {
      Scalar: (key, scalar, ancestors) => {
        if (key === 'key' || !isText(scalar)) return;
        callback(scalar, pathOf(key, ancestors));
      },
    });
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.document) ?? null) : node;
  }

  #offsetOf(error: YAMLError): number {
    const [offset] = error.pos;
    if (!error.message.startsWith('Missing closing')) return offset;
    // The parser notices at the end of the file; the operator wants to see where the quote was opened.
    let opened = offset;
    visit(this.document, {
      Scalar: (_, { type, range }) => {
        if ((type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE') && range != null) opened = range[0];
      },
    });
    return opened;
  }
}

function child(node: Node | null, key: PropertyKey): { value: Node | null; keyOffset: number | undefined } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(key)];
    return item === undefined ? undefined : { value: item as Node, keyOffset: undefined };
  }
  if (!isMap(node)) return undefined;
  // With a key twice, the last one counts, as it does in the values.
  const pair = (node.items as Pair<Node, Node | null>[]).findLast(
    (item) => isScalar(item.key) && String(item.key.value) === String(key),
  );
  return pair === undefined ? undefined : { value: pair.value, keyOffset: pair.key.range?.[0] };
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1]);
}

function isText(scalar: Scalar): scalar is Scalar<string> {
  return typeof scalar.value === 'string';
}

function pathOf(key: unknown, ancestors: readonly unknown[]): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (const [index, ancestor] of ancestors.entries()) {
    const next = ancestors[index + 1];
    if (isPairLike(ancestor)) path.push(String(isScalar(ancestor.key) ? ancestor.key.value : ancestor.key));
    else if (isSeq(ancestor)) path.push(next === undefined ? Number(key) : ancestor.items.indexOf(next));
  }
  return path;
}

function isPairLike(node: unknown): node is Pair {
  return typeof node === 'object' && node !== null && 'key' in node && 'value' in node;
}

/** The parser's messages speak of YAML's grammar; these say what to do. */
function plainWords({ code, message }: YAMLError): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice — keep one of the two';
    case 'TAB_AS_INDENT':
      return 'a tab indents this line — write spaces instead';
    case 'BAD_INDENT':
      if (message.startsWith('Flow')) return `the bracket opened before this is not closed — write ${closing(message)}`;
      return 'this line is not indented like its neighbours — begin it in the same column as they do';
    case 'BAD_SCALAR_START':
    case 'BAD_DIRECTIVE':
      return 'a text that begins with this character needs quotes — write "…" around it';
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a second "key:" within this value — put it on a line of its own, indented by spaces, or put the text in quotes';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here — write one document, without "---" between its parts';
    case 'TAG_RESOLVE_FAILED':
      return 'tags ("!…") are not used here — leave it out, or put the text in quotes';
    case 'BAD_ALIAS':
      return 'this anchor or alias is not well formed — put the text in quotes if it begins with "&" or "*"';
    case 'MISSING_CHAR':
      if (message.startsWith('Missing closing'))
        return 'the quote opened here is not closed — write it at the end of the text';
      if (message.startsWith('Implicit map keys')) return 'no "key: value" — write a colon and a space after the key';
      break;
    case 'UNEXPECTED_TOKEN':
      return 'this does not belong here — put the text in quotes, or check the indentation and brackets above';
    default:
  }
  return `${message.charAt(0).toLowerCase()}${message.slice(1)} — check quotes, brackets and indentation here`;
}

function closing(message: string): string {
  return message.includes('}') ? '"}"' : '"]"';
}

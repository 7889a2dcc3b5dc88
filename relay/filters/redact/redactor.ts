import type { FilterContext } from '../../component/filter.ts';
import type { StreamName } from '../../record/batch.ts';
import type { BatchFilter } from '../../record/batch-filter.ts';
import { datasetOf, headEnd } from '../../record/lines.ts';
import { sourceOf } from '../../record/line-writer.ts';
import { JsonLine, NUMBER, STRING } from './json-line.ts';
import { LineEditor } from './line-editor.ts';
import { OpenKeys } from './open-keys.ts';
import { leavesKeyOpen } from './private-key.ts';
import type { Rule } from './rule.ts';
import { BASE64_FIELD, FILL, FILLED_MASK, type Hit, type Scanner } from './scanner.ts';
import { finishedDataset, keepsLength } from './scope.ts';

const LF = 0x0a;
const STARS = Buffer.from('***');
const QUOTED_STARS = Buffer.from('"***"');
const BEGIN = Buffer.from('-----BEGIN ');
const SCOPES_MAX = 1_000;

/** What counts for the records of one dataset. */
interface Scope {
  readonly rules: readonly boolean[];
  readonly any: boolean;
  readonly keepsLength: boolean;
}

/** A stretch of text to put something else in the place of. */
interface Edit {
  readonly start: number;
  end: number;
  readonly replacement: Buffer;
  /** True where the replacement is the whole value in base64 once more. */
  readonly encoded?: true;
}

/**
 * Masks secrets in whole batches, before anyone else has seen them. One pass over all bytes looks for what could begin a secret; only
 * a line that has such a place is read as JSON, its escapes undone, and searched for good.
 */
export class Redactor implements BatchFilter {
  readonly #rules: readonly Rule[];
  readonly #scanner: Scanner;
  readonly #context: FilterContext;
  /** The number of the rule for private keys; -1 where it is not in use. */
  readonly #keyRules: readonly number[];
  readonly #scopes = new Map<string, Scope>();
  readonly #keys = new OpenKeys();
  readonly #line = new JsonLine();
  readonly #places = new Map<number, number>();

  constructor(rules: readonly Rule[], scanner: Scanner, context: FilterContext) {
    this.#rules = rules;
    this.#scanner = scanner;
    this.#context = context;
    this.#keyRules = [...rules.keys()].filter((rule) => rules[rule]!.name === 'private_key');
  }

  rewrite(lines: Buffer, bytes: number, datasets: ReadonlyMap<string, number>): number {
    let concerned = false;
    for (const [dataset, records] of datasets) {
      const scope = this.#scopeOf(dataset);
      concerned ||= scope.any;
      for (const [index, rule] of this.#rules.entries()) if (scope.rules[index] === true) rule.looked(records);
    }
    if (!concerned) return bytes;
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#keys.size > 0) this.#keys.expire(nowMs);
    const source = sourceOf(lines);
    const editor = new LineEditor(lines);
    for (let at = 0; at < bytes;) {
      let start = at;
      if (this.#keys.size === 0) {
        const place = this.#scanner.suspicion(source, at, bytes);
        if (place < 0) break;
        start = place === 0 ? 0 : lines.lastIndexOf(LF, place) + 1;
      }
      const end = lines.indexOf(LF, start);
      this.#rewriteLine(lines, start, end, editor, nowMs);
      at = end + 1;
    }
    this.#judge();
    return editor.finish(bytes);
  }

  rename(name: StreamName): StreamName {
    const text = Buffer.from(name);
    const rules = this.#rules.map(({ count }) => !count.suspended);
    const edits = this.#editsOf(text, text.length, { rules, any: true, keepsLength: false });
    if (edits.length === 0) return name;
    this.#places.clear();
    return applied(text, edits).toString('utf8');
  }

  #rewriteLine(lines: Buffer, start: number, end: number, editor: LineEditor, nowMs: number): void {
    const scope = this.#scopeOf(datasetOf(lines, start));
    if (!scope.any) return;
    const line = this.#line;
    line.read(lines, headEnd(lines, start), end);
    this.#places.clear();
    const edits = this.#editsOf(line.text, line.length, scope, line);
    if (this.#keyRules.some((rule) => scope.rules[rule])) this.#followKeys(lines, start, end, scope, edits, nowMs);
    for (const edit of edits) {
      const isNumber = line.kind[edit.start] === NUMBER;
      editor.replace(line.origin[edit.start]!, line.origin[edit.end]!, isNumber ? QUOTED_STARS : edit.replacement);
    }
    for (const [rule, places] of this.#places) this.#rules[rule]!.hit(places);
  }

  /** What is to be changed in a text, in order and without overlaps. Counts it in `#places`. */
  #editsOf(text: Buffer, length: number, scope: Scope, line?: JsonLine): Edit[] {
    const hits = this.#scanner
      .hits(line?.source ?? sourceOf(text), length, {
        rule: (rule) => scope.rules[rule]!,
        range: (start, end) => line === undefined || isWithinOneValue(line, start, end),
      })
      .sort((a, b) => a.start - b.start || b.end - a.end);
    const edits: Edit[] = [];
    for (const hit of hits) {
      const last = edits.at(-1);
      if (hit.rule === BASE64_FIELD) {
        const replacement = this.#base64(text.toString('latin1', hit.start, hit.end), scope);
        if (replacement !== undefined && (last === undefined || hit.start >= last.end))
          edits.push({ start: hit.start, end: hit.end, replacement, encoded: true });
        continue;
      }
      if (hit.rule === FILLED_MASK && scope.keepsLength) continue;
      if (hit.rule >= 0) this.#places.set(hit.rule, (this.#places.get(hit.rule) ?? 0) + 1);
      if (last !== undefined && hit.start < last.end) last.end = Math.max(last.end, hit.end);
      else edits.push({ start: hit.start, end: hit.end, replacement: this.#replacementFor(hit) });
    }
    if (!scope.keepsLength) return edits;
    return edits.map((edit) => (edit.encoded === true ? edit : { ...edit, replacement: filled(edit) }));
  }

  #replacementFor({ rule, start, end }: Hit): Buffer {
    const replacement = this.#rules[rule]?.replacement ?? STARS;
    return replacement.length <= end - start ? replacement : STARS;
  }

  /** The same value with what is to be masked in the bytes it stands for; undefined where that is nothing. */
  #base64(value: string, scope: Scope): Buffer | undefined {
    // What is looked for may have to have something before it.
    const bytes = Buffer.concat([Buffer.of(LF), Buffer.from(value, 'base64')]);
    const edits = this.#editsOf(bytes, bytes.length, scope);
    return edits.length === 0 ? undefined : Buffer.from(applied(bytes, edits).subarray(1).toString('base64'));
  }

  /** Masks the lines of a private key that began in an earlier record of the same source. */
  #followKeys(lines: Buffer, start: number, end: number, scope: Scope, edits: Edit[], nowMs: number): void {
    const begins = lines.subarray(start, end).includes(BEGIN);
    if (!begins && this.#keys.size === 0) return;
    const { message, source } = textAndSourceOf(lines.toString('utf8', start, end));
    const content = this.#keys.next(source, message);
    if (content !== undefined) {
      const [rule = -1] = this.#keyRules.filter((candidate) => scope.rules[candidate]);
      for (const hit of this.#wordAtEnds(content, rule)) {
        if (edits.some((edit) => edit.start < hit.end && hit.start < edit.end)) continue;
        const edit = { start: hit.start, end: hit.end, replacement: this.#replacementFor(hit) };
        edits.push(scope.keepsLength ? { ...edit, replacement: filled(edit) } : edit);
        this.#places.set(rule, (this.#places.get(rule) ?? 0) + 1);
      }
      edits.sort((a, b) => a.start - b.start);
    }
    if (begins && leavesKeyOpen(message)) this.#keys.open(source, nowMs);
  }

  /** Where a word stands alone, or last but for the key's end, in a string of the line. */
  #wordAtEnds(word: string, rule: number): Hit[] {
    const { text, length } = this.#line;
    const hits: Hit[] = [];
    for (let at = text.indexOf(word); at >= 0 && at < length; at = text.indexOf(word, at + word.length)) {
      const end = at + word.length;
      const isWhole = !isBase64(text[at - 1]) && !isBase64(text[end]);
      const hit = { start: at, end, rule };
      if (end <= length && isWhole && isWithinOneValue(this.#line, at, end)) hits.push(hit);
    }
    return hits;
  }

  #scopeOf(dataset: string): Scope {
    let scope = this.#scopes.get(dataset);
    if (scope === undefined) {
      const rules = this.#rules.map((rule) => rule.covers(dataset) || rule.covers(finishedDataset(dataset)));
      const active = rules.map((covers, index) => covers && !this.#rules[index]!.count.suspended);
      scope = { rules: active, any: active.includes(true), keepsLength: keepsLength(dataset) };
      // Senders may name datasets.
      if (this.#scopes.size >= SCOPES_MAX) this.#scopes.clear();
      this.#scopes.set(dataset, scope);
    }
    return scope;
  }

  #judge(): void {
    for (const rule of this.#rules) {
      const verdict = rule.judge();
      if (verdict === undefined) continue;
      const fields = { rule: rule.name, records: verdict.records, hits: verdict.hits };
      this.#scopes.clear();
      if (verdict.suspended)
        this.#context.log.error('a redact rule hits too many records and masks nothing until the next reload', fields);
      else this.#context.log.warn('a redact rule hits so many records that it may mask what is no secret', fields);
    }
  }
}

/** Whether a hit lies within one string, or is the whole of a number; else masking it would break the line. */
function isWithinOneValue(line: JsonLine, start: number, end: number): boolean {
  if (line.isOf(STRING, start, end)) return true;
  return line.isOf(NUMBER, start, end) && line.kind[start - 1] !== NUMBER && line.kind[end] !== NUMBER;
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9+/=]/.test(String.fromCharCode(byte));
}

/** Stars as long as what they hide, so that the offsets in a file stay what they are. */
function filled({ start, end }: { start: number; end: number }): Buffer {
  const mask = Buffer.alloc(end - start, FILL);
  mask.write('***'.slice(0, mask.length));
  return mask;
}

function applied(text: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, replacement } of edits) {
    parts.push(text.subarray(from, start), replacement);
    from = end;
  }
  return Buffer.concat([...parts, text.subarray(from)]);
}

interface RecordParts {
  readonly event?: { readonly dataset?: unknown };
  readonly message?: unknown;
  readonly host?: { readonly name?: unknown };
  readonly log?: { readonly file?: { readonly path?: unknown } };
  readonly process?: { readonly pid?: unknown };
}

function parsed(json: string): RecordParts {
  try {
    return JSON.parse(json) as RecordParts;
  } catch {
    return {};
  }
}

/** The text of a record, and what tells its source from others. */
function textAndSourceOf(json: string): { readonly message: string; readonly source: string } {
  const record = parsed(json);
  const source = [record.event?.dataset, record.host?.name, record.log?.file?.path, record.process?.pid];
  return { message: typeof record.message === 'string' ? record.message : '', source: JSON.stringify(source) };
}

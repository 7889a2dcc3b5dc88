import type { SearchScope, TimeRange } from '../../query/request.ts';
import { badRequest } from './errors.ts';
import type { AuditRow } from './audit-row.ts';
import { parseQ, type Term } from './q.ts';

/** Which of the two lists: Harbor 2.13 and later write `ext`, those before wrote `legacy`. */
export type AuditKind = 'ext' | 'legacy';

/** What a list is asked for, in the words of the relay’s own search. */
export interface AuditQuery {
  readonly scope: SearchScope;
  /** The one record that may be meant, by its place. */
  readonly id: number | undefined;
  /** What the search cannot say, looked at afterwards; undefined where it says all. */
  readonly rest: ((row: AuditRow) => boolean) | undefined;
  /** True where every record of the dataset is meant. */
  readonly everything: boolean;
}

/** By the names of the columns, in any spelling that Harbor takes: `op_time`, `OpTime`. */
const KEYS = ['id', 'project_id', 'operation', 'resource_type', 'resource', 'username', 'op_time'] as const;
const EXT_KEYS = [...KEYS, 'op_desc', 'op_result'] as const;

export function auditKey(kind: AuditKind, name: string): string | undefined {
  const plain = (key: string): string => key.replaceAll('_', '').toLowerCase();
  const keys: readonly string[] = kind === 'ext' ? EXT_KEYS : KEYS;
  return keys.find((key) => plain(key) === plain(name));
}

/** Where the values stand in a record. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  operation: ['harbor.action'],
  resource_type: ['harbor.resource_type'],
  resource: ['harbor.resource'],
  username: ['harbor.operator', 'harbor.operator_decoded'],
  op_desc: ['harbor.description'],
};

/** Throws 400 for what cannot be asked: then Harbor would ignore it, and show what was not meant. */
export function auditQuery(kind: AuditKind, q: string, project: string | undefined): AuditQuery {
  const words = ['event.dataset:"harbor.audit"', `harbor.legacy:${kind === 'legacy'}`];
  const streams = [
    ...(kind === 'legacy' ? ['harbor:legacy'] : []),
    ...(project === undefined ? [] : [`project:${project}`]),
  ];
  if (project !== undefined) words.push(`harbor.project:${phrase(project)}`);
  const rest: Array<(row: AuditRow) => boolean> = [];
  let range: TimeRange | undefined;
  let id: number | undefined;
  const terms = parseQ(q, (name) => auditKey(kind, name));
  for (const term of terms) {
    if (term.key === 'op_time') range = narrowed(range, term);
    else if (term.key === 'id') id = idOf(term);
    else words.push(...fieldWords(term, rest));
  }
  return {
    // One stream is asked for: a batch may hold several, and each of them is too much.
    scope: { query: words.join(' '), range, ...(streams.length > 0 ? { streams: streams.slice(-1) } : {}) },
    id,
    rest: rest.length === 0 ? undefined : (row) => rest.every((test) => test(row)),
    everything: terms.length === 0 && project === undefined,
  };
}

function fieldWords(term: Term, rest: Array<(row: AuditRow) => boolean>): string[] {
  const { key } = term;
  if (key === 'op_result')
    throw badRequest('op_result cannot be asked by: the syslog line does not say whether something succeeded');
  if (key === 'project_id')
    throw badRequest(
      'project_id cannot be asked by: the syslog line does not hold it; ask /projects/{project_name}/auditlog-exts',
    );
  const fields = FIELDS[key] ?? [];
  if (term.kind === 'range') throw badRequest(`${key} cannot be asked by a range; op_time can`);
  if (term.kind === 'holds') {
    // The search has `*` for anything in a word, and not between quotes.
    if (/[\s()"*\\]/.test(term.value)) {
      const wanted = term.value.toLowerCase();
      rest.push((row) => row.texts(key).some((text) => text.toLowerCase().includes(wanted)));
      return [];
    }
    return [anyOf(fields.map((field) => `${field}:*${term.value}*`))];
  }
  const values = term.kind === 'any' ? term.values : [term.value];
  return [anyOf(values.flatMap((value) => fields.map((field) => `${field}:${phrase(value)}`)))];
}

function anyOf(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `(${words.join(' OR ')})`;
}

function phrase(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function idOf(term: Term): number {
  const id = term.kind === 'is' && /^\d{1,15}$/.test(term.value) ? Number(term.value) : undefined;
  if (id === undefined) throw badRequest('id can be asked by as one number; for a range use op_time');
  return id;
}

/** Both ends of a range are meant, to the second. */
function narrowed(range: TimeRange | undefined, term: Term): TimeRange {
  const [from, to] =
    term.kind === 'range'
      ? [term.from, term.to]
      : term.kind === 'is'
        ? [term.value, term.value]
        : [undefined, undefined];
  if (from === undefined && to === undefined)
    throw badRequest('op_time can be asked by as a time or as a range [min~max]');
  const sinceMs = from === undefined ? 0 : timeOf(from);
  const untilMs = to === undefined ? Number.MAX_SAFE_INTEGER : timeOf(to) + 1_000;
  return {
    of: 'event',
    sinceMs: Math.max(sinceMs, range?.sinceMs ?? 0),
    untilMs: Math.min(untilMs, range?.untilMs ?? Number.MAX_SAFE_INTEGER),
  };
}

/** `2026-11-22T02:41:36` or `2026-11-22 02:41:36` in UTC, or with a zone. */
function timeOf(text: string): number {
  const plain = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?$/.test(text);
  const zoned = /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
  const ms = plain ? Date.parse(zoned.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(ms)) throw badRequest(`invalid query string value: ${text} is no time such as 2026-11-22T02:41:36`);
  return Math.floor(ms / 1_000) * 1_000;
}

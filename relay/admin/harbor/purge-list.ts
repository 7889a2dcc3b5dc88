import type { PurgeStatus } from '../../retention/contract.ts';
import type { Relay } from '../../runtime/relay.ts';
import { badRequest } from './errors.ts';
import { sortFields, type ListQuery } from './listing.ts';
import { isHarborPurge, runView } from './purge-view.ts';
import { parseQ, type Term } from './q.ts';

/** The history is looked through as far as this. */
const RUNS_MAX = 10_000;

const KEYS = ['id', 'status', 'trigger', 'start_time', 'update_time', 'end_time'] as const;
/** What Harbor knows and the relay has nothing like. */
const NEVER_KEYS = ['status_message', 'extra_attrs', 'vendor_type'];

/** One page of the purges that came by this API, and how many there are. */
export async function historyList(
  retention: Relay['retention'],
  { q, sort, page, page_size: pageSize }: ListQuery,
): Promise<{ readonly runs: readonly PurgeStatus[]; readonly total: number }> {
  const tests = parseQ(q, historyKey).map(testOf);
  const fields = sortFields(sort, historyKey);
  const [first = { field: 'start_time', descending: true }] = fields;
  const runs = (await retention.history(RUNS_MAX))
    .filter((run) => isHarborPurge(run) && tests.every((test) => test(run)))
    .toSorted((a, b) => {
      const [x, y] = [valueOf(first.field, a), valueOf(first.field, b)];
      const order = x < y ? -1 : x > y ? 1 : a.id - b.id;
      return first.descending ? -order : order;
    });
  const size = pageSize === 0 ? runs.length : pageSize;
  return { runs: runs.slice((page - 1) * size, page * size), total: runs.length };
}

function historyKey(name: string): string | undefined {
  const plain = (key: string): string => key.replaceAll('_', '').toLowerCase();
  if (NEVER_KEYS.includes(name)) throw badRequest(`purges have no ${name} here`);
  return KEYS.find((key) => plain(key) === plain(name));
}

function valueOf(key: string, run: PurgeStatus): number | string {
  switch (key) {
    case 'id':
      return run.id;
    case 'status':
      return runView(run).job_status;
    case 'trigger':
      return runView(run).job_kind;
    case 'update_time':
      return run.updatedMs;
    case 'end_time':
      return run.endedMs ?? 0;
    default:
      return run.startedMs;
  }
}

function testOf(term: Term): (run: PurgeStatus) => boolean {
  const { key } = term;
  const isTime = key.endsWith('_time');
  const wanted = (text: string): number | string =>
    isTime ? timeOf(text) : key === 'id' ? Number(text) : text.toLowerCase();
  const value = (run: PurgeStatus): number | string => {
    const found = valueOf(key, run);
    return typeof found === 'string' ? found.toLowerCase() : found;
  };
  switch (term.kind) {
    case 'is': {
      const only = wanted(term.value);
      return (run) => value(run) === only;
    }
    case 'any': {
      const several = term.values.map(wanted);
      return (run) => several.includes(value(run));
    }
    case 'holds':
      return (run) => String(value(run)).includes(term.value.toLowerCase());
    case 'range': {
      const from = term.from === undefined ? undefined : wanted(term.from);
      const to = term.to === undefined ? undefined : wanted(term.to);
      return (run) => (from === undefined || value(run) >= from) && (to === undefined || value(run) <= to);
    }
  }
}

function timeOf(text: string): number {
  const ms = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(ms)) throw badRequest(`invalid query string value: ${text} is no time such as 2026-11-22T02:41:36`);
  return ms;
}

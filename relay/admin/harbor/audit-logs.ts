import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isStored } from '../../config/config.ts';
import { HARBOR_DATASET } from '../../config/harbor-settings.ts';
import type { Searches } from '../../query/searches.ts';
import type { SearchScope } from '../../query/request.ts';
import { HttpError } from '../http-error.ts';
import type { AdminContext } from '../server.ts';
import { auditKey, auditQuery, type AuditKind, type AuditQuery } from './audit-query.ts';
import { AuditRow, auditLog, auditLogExt } from './audit-row.ts';
import { badRequest } from './errors.ts';
import { harborRoute } from './harbor-route.ts';
import { listQuery, setListHeaders, sortFields, type ListQuery, type SortField } from './listing.ts';
import { Totals, type Total } from './totals.ts';

const TIME_LIMIT_MS = 30_000;
/** What is sorted by hand, or looked at once more, is no more than this. */
const GATHERED_MAX = 10_000;
/** Records come nearly in the order of their times; so far apart they may be. */
const DISORDER_MAX = 1_000;
/** Once a page is full, more is looked for in so many steps of the search, about 20 ms each. */
const DISORDER_STEPS_MAX = 25;

/** Harbor’s lists of its audit log, out of what the relay keeps of it. */
export function auditLogRoutes(app: FastifyInstance, context: AdminContext): void {
  // The routes are also made without a relay, to be described.
  let totals: Totals | undefined;
  for (const { path, kind, summary } of [
    { path: '/auditlog-exts', kind: 'ext', summary: 'What Harbor 2.13 and later recorded, newest first.' },
    { path: '/audit-logs', kind: 'legacy', summary: 'What Harbor 2.12 and before recorded, newest first.' },
    { path: '/projects/:project_name/auditlog-exts', kind: 'ext', summary: 'The same for one project.' },
    { path: '/projects/:project_name/logs', kind: 'legacy', summary: 'The older list for one project.' },
  ] as const)
    harborRoute(
      app,
      context,
      {
        method: 'GET',
        path,
        summary,
        role: 'viewer',
        params: z.object({ project_name: z.string().min(1).max(255).optional() }),
        query: listQuery,
        answer: z.array(kind === 'ext' ? auditLogExt : auditLog),
      },
      async ({ params, query, request, reply }) => {
        const asked = auditQuery(kind, query.q, params.project_name);
        totals ??= totalsOf(context);
        const { rows, total } = await list({ searches: context.relay.searches, totals }, kind, asked, query);
        setListHeaders(request, reply, { total: total.records, ...query });
        void reply.header('x-total-count-exact', String(total.isExact));
        return rows.map((row) => (kind === 'ext' ? row.ext() : row.legacy()));
      },
    );
}

function totalsOf({ relay, clock }: AdminContext): Totals {
  return new Totals({
    searches: relay.searches,
    stats: () => relay.journal.stats(),
    clock,
    isKept: () => isStored(relay.config.store, HARBOR_DATASET),
  });
}

interface Found {
  readonly rows: readonly AuditRow[];
  readonly total: Total;
}

interface World {
  readonly searches: Searches;
  readonly totals: Totals;
}

async function list({ searches, totals }: World, kind: AuditKind, asked: AuditQuery, query: ListQuery): Promise<Found> {
  if (asked.id !== undefined) return onePlace(searches, asked, asked.id);
  const sort = sortFields(query.sort, (name) => auditKey(kind, name));
  const [first = { field: 'op_time', descending: true }] = sort;
  const byTime = first.field === 'op_time' || first.field === 'id';
  const size = query.page_size === 0 ? GATHERED_MAX : query.page_size;
  const start = (query.page - 1) * size;
  if (!byTime || asked.rest !== undefined || query.page_size === 0) {
    const rows = (await gather(searches, asked.scope, GATHERED_MAX)).filter((row) => asked.rest?.(row) !== false);
    const sorted = rows.toSorted(inOrder(sort.length === 0 ? [first] : sort));
    return { rows: sorted.slice(start, start + size), total: exactly(rows.length) };
  }
  if (start + size > GATHERED_MAX * 10)
    throw badRequest('this page is too far back; ask by op_time=[min~max] for an earlier time');
  const order = first.descending ? 'newest' : 'oldest';
  const wanted = { ...asked.scope, order, recordsMax: start + size + DISORDER_MAX } as const;
  const { found, ending } = await search(searches, wanted, start + size);
  const rows = found.toSorted(inOrder([first])).slice(start, start + size);
  // What was looked through to its end need not be counted once more.
  if (ending === 'complete') return { rows, total: exactly(found.length) };
  const total = await count(totals, kind, asked);
  return { rows, total: total.isExact ? total : { ...total, records: Math.max(total.records, found.length) } };
}

function exactly(records: number): Total {
  return { records, isExact: true };
}

/** The one record at a place, if it is what else is asked for. */
async function onePlace(searches: Searches, asked: AuditQuery, id: number): Promise<Found> {
  const { found } = await search(searches, { ...asked.scope, order: 'oldest', cursor: id - 1, recordsMax: 1 });
  const rows = found.filter((row) => row.id === id && asked.rest?.(row) !== false);
  return { rows, total: exactly(rows.length) };
}

/** All that are meant. Throws 400 where they are more than can be sorted. */
async function gather(searches: Searches, scope: SearchScope, max: number): Promise<readonly AuditRow[]> {
  const { found, ending } = await search(searches, { ...scope, order: 'newest', recordsMax: max });
  if (ending === 'records')
    throw badRequest(
      `more than ${max} records would have to be sorted; narrow the query, by op_time=[min~max] for example`,
    );
  return found;
}

/** With `enough`, more than so many are looked for only for a moment. */
async function search(
  searches: Searches,
  request: SearchScope & { order: 'newest' | 'oldest'; recordsMax: number; cursor?: number },
  enough = Number.POSITIVE_INFINITY,
): Promise<{ readonly found: readonly AuditRow[]; readonly ending: string }> {
  const found: AuditRow[] = [];
  let stepsLeft = DISORDER_STEPS_MAX;
  for await (const step of searches.search(request, { timeLimitMs: TIME_LIMIT_MS })) {
    for (const record of step.found) {
      const row = AuditRow.of(record);
      if (row !== undefined) found.push(row);
    }
    if (step.ending === 'time') throw tookTooLong();
    if (step.ending !== undefined) return { found, ending: step.ending };
    if (found.length >= enough && stepsLeft-- <= 0) return { found, ending: 'records' };
  }
  return { found, ending: 'cancelled' };
}

/** Where nothing is filtered, what is known of the batches tells the number without reading them. */
async function count(totals: Totals, kind: AuditKind, { scope, everything }: AuditQuery): Promise<Total> {
  if (!everything || kind === 'legacy') return totals.of(scope);
  const all = await totals.of({ query: 'event.dataset:"harbor.audit"' });
  const query = 'event.dataset:"harbor.audit" harbor.legacy:true';
  const legacy = await totals.of({ query, streams: ['harbor:legacy'] });
  return { records: Math.max(0, all.records - legacy.records), isExact: all.isExact && legacy.isExact };
}

function tookTooLong(): HttpError {
  return new HttpError(
    503,
    `this takes longer than ${TIME_LIMIT_MS / 1_000} s; narrow the query, by op_time=[min~max] for example`,
  );
}

/** By the fields given, and what is equal in all of them by its place. */
function inOrder(sort: readonly SortField[]): (a: AuditRow, b: AuditRow) => number {
  return (a, b) => {
    for (const { field, descending } of sort) {
      const difference = compare(field, a, b);
      if (difference !== 0) return descending ? -difference : difference;
    }
    return sort[0]?.descending === false ? a.id - b.id : b.id - a.id;
  };
}

function compare(field: string, a: AuditRow, b: AuditRow): number {
  if (field === 'id') return a.id - b.id;
  if (field === 'op_time') return a.opTimeMs - b.opTimeMs;
  const [first = '', second = ''] = [a.texts(field)[0], b.texts(field)[0]];
  return first < second ? -1 : first > second ? 1 : 0;
}

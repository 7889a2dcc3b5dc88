import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { RelayError } from '../../errors.ts';
import { csvRow, DEFAULT_COLUMNS, fieldTexts } from '../../query/csv.ts';
import { QueryMistake } from '../../query/mistake.ts';
import { parseQuery, QUERY_LENGTH_MAX } from '../../query/parse.ts';
import { parseRecord } from '../../query/record-text.ts';
import type { CountStep, SearchScope, SearchStep, TimeRange } from '../../query/request.ts';
import { parseTime, TIME_FORMS } from '../../query/time-text.ts';
import { route } from '../route.ts';
import type { AdminContext } from '../server.ts';

const PAGE_MAX = 10_000;
const PAGE_CHARACTERS_MAX = 8_388_608;
const EXPORT_MAX = 1_000_000;
const TIME_LIMIT_MS_MAX = 300_000;
const EXPORT_TIME_LIMIT_MS = 3_600_000;
const BUCKETS_MAX = 500;
const FACETS_MAX = 8;

/** `a,b` as a list; the same parameter may stand there several times. */
const fieldList = (max: number) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) =>
      [given]
        .flat()
        .flatMap((text) => text.split(','))
        .filter((name) => name !== ''),
    )
    .pipe(z.array(z.string().max(200)).max(max));

const scope = {
  q: z.string().max(QUERY_LENGTH_MAX).default('').describe('What to look for, see search.md. Empty: everything.'),
  since: z.string().max(40).optional().describe('From this time on: ISO 8601, or how long ago, such as `2h`.'),
  until: z.string().max(40).optional().describe('Before this time.'),
  time: z
    .enum(['event', 'received'])
    .default('event')
    .describe('Which time is meant: when it happened, as the record says, or when the relay received it.'),
};
type ScopeQuery = Pick<z.output<typeof pageQuery>, keyof typeof scope>;

const timeLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(TIME_LIMIT_MS_MAX)
  .default(30_000)
  .describe('How long it may take, in milliseconds.');

const pageQuery = z.object({
  ...scope,
  order: z.enum(['newest', 'oldest']).default('newest').describe('In order of receipt.'),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(100).describe('The most records.'),
  cursor: z.coerce.number().int().min(0).optional().describe('Goes on after an earlier page: its `cursor`.'),
  time_limit_ms: timeLimit,
  format: z
    .enum(['json', 'ndjson'])
    .default('json')
    .describe('`ndjson`: lines as they are found, with progress between them; closing the connection ends the search.'),
});

const progress = z.object({
  part: z.number().describe('How far it has come, from 0 to 1.'),
  found: z.int(),
  batchesRead: z.int(),
  batchesSkipped: z.int().describe('Ruled out without reading them.'),
  batchesUnreadable: z.int().describe('Damaged: nobody knows what they hold.'),
  recordsRead: z.int(),
  bytesRead: z.int(),
});
const ending = z
  .enum(['complete', 'records', 'time', 'cancelled'])
  .describe('Why it ended: nothing is left; the limit of records, or of time, was reached; it was cancelled.');

/** Looking into the journal: a page, a count over time, a file; and whether a query can be understood. */
export function searchRoutes(app: FastifyInstance, context: AdminContext): void {
  const { relay, clock } = context;
  const family = 'search';
  checkRoute(app, context);
  const scopeOf = (query: ScopeQuery): SearchScope => ({ query: query.q, range: rangeOf(query, clock.nowMs()) });
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/search',
      family,
      summary: 'Finds records in the journal, a page at a time or as a stream.',
      role: 'viewer',
      query: pageQuery,
      answer: z.object({
        records: z.array(z.object({ seq: z.int(), record: z.looseObject({}) })),
        cursor: z.int().nullable().describe('For the next page; null where nothing is left.'),
        ending,
        progress,
      }),
    },
    async ({ query, reply }) => {
      const { order, cursor, limit: recordsMax, time_limit_ms: timeLimitMs } = query;
      const steps = relay.searches.search({ ...scopeOf(query), order, cursor, recordsMax }, { timeLimitMs });
      if (query.format === 'ndjson') return reply.type('application/x-ndjson').send(await stream(steps, streamedStep));
      let records = '';
      for await (const step of steps) {
        for (const { seq, line } of step.found)
          records += `${records === '' ? '' : ','}{"seq":${seq},"record":${line}}`;
        // Records may be long: a page ends earlier then, and says where it goes on.
        const isFull = step.ending === undefined && records.length > PAGE_CHARACTERS_MAX;
        if (isFull || step.ending !== undefined)
          return reply
            .type('application/json; charset=utf-8')
            .send(page(records, { ...step, ending: step.ending ?? 'records' }));
        if (reply.raw.destroyed) break;
      }
      return reply;
    },
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/search/histogram',
      family,
      summary: 'Counts records over time, and the most frequent values of some fields.',
      role: 'viewer',
      query: z.object({
        ...scope,
        buckets: z.coerce.number().int().min(1).max(BUCKETS_MAX).default(60).describe('About so many columns.'),
        facets: fieldList(FACETS_MAX)
          .default([])
          .describe('Fields whose values are counted, with commas between them.'),
        time_limit_ms: timeLimit,
        format: z
          .enum(['json', 'ndjson'])
          .default('json')
          .describe('`ndjson`: the whole as far as it is known, again and again.'),
      }),
      answer: z.object({
        first: z.string().describe('Where the first column begins.'),
        bucket_ms: z.number(),
        counts: z.array(z.number()),
        total: z.int(),
        facets: z.record(z.string(), z.array(z.object({ value: z.string(), count: z.int() }))),
        ending,
        progress,
      }),
    },
    async ({ query, reply }) => {
      const { buckets, facets, time_limit_ms: timeLimitMs } = query;
      const steps = relay.searches.count({ ...scopeOf(query), buckets, facets }, { timeLimitMs });
      if (query.format === 'ndjson')
        return reply
          .type('application/x-ndjson')
          .send(await stream(steps, (step) => `${JSON.stringify(histogram(step))}\n`));
      for await (const step of steps) {
        if (step.ending !== undefined) return histogram(step);
        if (reply.raw.destroyed) break;
      }
      return reply;
    },
  );
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/search/export',
      family,
      summary: 'Everything that is found, as a file. A file that could not be finished ends with a broken connection.',
      role: 'viewer',
      query: z.object({
        ...scope,
        order: z.enum(['newest', 'oldest']).default('oldest'),
        limit: z.coerce.number().int().min(1).max(EXPORT_MAX).default(EXPORT_MAX).describe('The most records.'),
        format: z.enum(['ndjson', 'csv']).default('ndjson').describe('`ndjson`: records exactly as they are stored.'),
        fields: fieldList(50)
          .default([...DEFAULT_COLUMNS])
          .describe('Columns of the CSV, with commas between them.'),
      }),
      answer: 'application/x-ndjson',
    },
    async ({ query, reply }) => {
      const { order, limit: recordsMax, format, fields } = query;
      const request = { ...scopeOf(query), order, recordsMax };
      const steps = relay.searches.search(request, { timeLimitMs: EXPORT_TIME_LIMIT_MS });
      const isCsv = format === 'csv';
      const head = isCsv ? csvRow(fields) : '';
      const body = await stream(steps, (step) => exported(step, isCsv ? fields : undefined), head);
      return reply
        .type(isCsv ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
        .header('content-disposition', `attachment; filename="spillway-search.${format}"`)
        .send(body);
    },
  );
}

/** For whoever lets a person type a query: what is wrong with it is an answer like another, not a request that failed. */
function checkRoute(app: FastifyInstance, { clock }: AdminContext): void {
  route(
    app,
    {
      method: 'GET',
      path: '/api/v1/search/check',
      family: 'search',
      summary: 'Says whether a query can be understood, and what is wrong with it where it cannot.',
      role: 'viewer',
      query: z.object({ q: z.string().default(''), since: z.string().optional(), until: z.string().optional() }),
      answer: z.object({
        problem: z
          .object({
            message: z.string(),
            at: z
              .int()
              .nullable()
              .describe('The character of the query that it is at, counted from 0; null for a time.'),
          })
          .nullable()
          .describe('Null where nothing is wrong.'),
      }),
    },
    ({ query: { q, since, until } }) => {
      try {
        parseQuery(q, clock.nowMs());
        rangeOf({ since, until, time: 'event' }, clock.nowMs());
        return { problem: null };
      } catch (error) {
        if (!(error instanceof RelayError)) throw error;
        return { problem: { message: error.message, at: error instanceof QueryMistake ? error.at : null } };
      }
    },
  );
}

/** Throws `QUERY_INVALID` for a time that is none. */
function rangeOf({ since, until, time }: Omit<ScopeQuery, 'q'>, nowMs: number): TimeRange | undefined {
  if (since === undefined && until === undefined && time === 'event') return undefined;
  const at = (name: string, text: string | undefined, otherwise: number): number => {
    if (text === undefined || text === '') return otherwise;
    const ms = parseTime(text, nowMs);
    if (ms === undefined) throw new RelayError('QUERY_INVALID', `${name} takes ${TIME_FORMS}`);
    return ms;
  };
  return { of: time, sinceMs: at('since', since, 0), untilMs: at('until', until, Number.MAX_SAFE_INTEGER) };
}

/**
 * Steps as a stream of text, which ends them when nobody reads it any more. The first step is taken before anything is answered: what is
 * wrong with a query is then an answer of its own.
 */
async function stream<Step>(
  steps: AsyncGenerator<Step, void>,
  textOf: (step: Step) => string,
  head = '',
): Promise<Readable> {
  const first = await steps.next();
  async function* texts(): AsyncGenerator<string> {
    try {
      if (first.done !== true) yield head + textOf(first.value);
      for await (const step of steps) yield textOf(step);
    } finally {
      await steps.return();
    }
  }
  return Readable.from(texts(), { objectMode: false });
}

function streamedStep({ found, progress: soFar, ending: end, cursor }: SearchStep): string {
  const records = found.map(({ seq, line }) => `{"seq":${seq},"record":${line}}\n`).join('');
  const last =
    end === undefined ? { progress: soFar } : { end: { ending: end, cursor: cursor ?? null, progress: soFar } };
  return `${records}${JSON.stringify(last)}\n`;
}

function page(records: string, { cursor, ending: end, progress: soFar }: SearchStep): string {
  return `{"records":[${records}],${JSON.stringify({ cursor: cursor ?? null, ending: end, progress: soFar }).slice(1)}`;
}

function histogram({ firstMs, bucketMs, counts, counted, facets, ending: end, progress: soFar }: CountStep): object {
  return {
    first: new Date(firstMs).toISOString(),
    bucket_ms: bucketMs,
    counts,
    total: counted,
    facets,
    ending: end,
    progress: soFar,
  };
}

function exported({ found, ending: end }: SearchStep, columns: readonly string[] | undefined): string {
  if (end === 'time' || end === 'cancelled') throw new RelayError('SEARCH_BUSY', 'the export took too long');
  return found
    .map(({ line }) => (columns === undefined ? `${line}\n` : csvRow(fieldTexts(parseRecord(line) ?? {}, columns))))
    .join('');
}

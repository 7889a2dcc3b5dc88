import { RelayError } from '../errors.ts';
import { CountRun } from '../query/count-run.ts';
import { csvRow, DEFAULT_COLUMNS, fieldTexts } from '../query/csv.ts';
import { highlights } from '../query/highlight.ts';
import { parseRecord } from '../query/record-text.ts';
import type { CountStep, SearchProgress, SearchStep, TimeRange } from '../query/request.ts';
import { SearchRun } from '../query/search-run.ts';
import { parseTime, TIME_FORMS } from '../query/time-text.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, wholeNumber } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { count } from './figures.ts';
import { Progress } from './progress.ts';
import { understood } from './query-operand.ts';
import { formatRecord } from './tail.ts';
import { printable, table } from './terminal.ts';

/** How long to search before looking whether somebody wants it to end. */
const STEP_MS = 50;
const RECORDS_DEFAULT = 100;
const BUCKETS = 24;
const BAR_CELLS = 40;

export const searchCommand = defineCommand({
  name: 'search',
  summary: 'Finds records in the journal.',
  operands: '[QUERY]',
  notes: [
    'QUERY is made of words, "phrases" and field:value, where * stands for anything; - takes out, OR joins, brackets group. Case does ' +
      'not matter. docs/search.md has it on one page. In a shell put single quotes around it.',
    'Reads the journal beside the running relay, or without one, and slows nothing. Control characters in records are shown, not obeyed.',
  ],
  examples: [
    "search 'connection refused' --since 2h",
    "search 'dataset:harbor.audit user:jane* -action:pull' --limit 20",
    'search \'repository:acme/web "exit code 1"\' --since 2026-11-21 --until 2026-11-22 --csv > failures.csv',
    "search 'level:error' --since 7d --histogram",
  ],
  options: {
    ...configOption,
    since: {
      type: 'string',
      value: 'TIME',
      description: 'From then on: an ISO 8601 time, or how long ago (90s, 15m, 2h, 7d).',
    },
    until: { type: 'string', value: 'TIME', description: 'Before then.' },
    received: { type: 'boolean', description: 'Both times are those of receipt, not those that records name.' },
    oldest: { type: 'boolean', description: 'The oldest records first, instead of the newest.' },
    limit: { type: 'string', short: 'n', value: 'N', description: 'The most records. Default: 100; 0: all.' },
    cursor: { type: 'string', value: 'SEQ', description: 'Goes on after that place, in the search’s order.' },
    json: { type: 'boolean', description: 'Prints the records as they are stored, a line each; counts as JSON.' },
    csv: { type: 'boolean', description: 'Prints a table for spreadsheets.' },
    fields: { type: 'string', value: 'A,B', description: 'The fields to print, with commas between them.' },
    count: { type: 'boolean', description: 'Prints only how many there are.' },
    histogram: { type: 'boolean', description: 'Prints how many there are over time.' },
  },
  async run({ options, operands }, context) {
    const folder = await dataFolder(options.config, context);
    const query = operands.join(' ');
    const nowMs = context.clock.nowMs();
    const at = (name: string, text: string | undefined, otherwise: number): number => {
      const ms = text === undefined ? otherwise : parseTime(text, nowMs);
      if (ms === undefined) throw new RelayError('USAGE', `--${name} takes ${TIME_FORMS}; not ${JSON.stringify(text)}`);
      return ms;
    };
    const limit = wholeNumber('limit', options.limit, { fallback: RECORDS_DEFAULT, least: 0, most: 1_000_000_000 });
    const fields = options.fields?.split(',').filter((name) => name !== '');
    const isTimed = options.since !== undefined || options.until !== undefined;
    const range: TimeRange = {
      of: options.received === true ? 'received' : 'event',
      sinceMs: at('since', options.since, 0),
      untilMs: at('until', options.until, Number.MAX_SAFE_INTEGER),
    };
    if (range.sinceMs >= range.untilMs) throw new RelayError('USAGE', '--since must be before --until');
    const scope = { query, ...(isTimed ? { range } : {}) };
    if (options.count === true || options.histogram === true) {
      const buckets = options.histogram === true ? BUCKETS : 1;
      using run = understood(query, () => new CountRun(folder, { ...scope, buckets, facets: [] }, context.clock));
      const last = await stepThrough(context, run, async () => {});
      if (last === undefined) return 1;
      context.stdout.write(
        options.json === true ? `${JSON.stringify(countJson(last))}\n` : countText(last, buckets > 1),
      );
      return outcome(context, last);
    }
    const cursor = options.cursor === undefined ? undefined : wholeNumber('cursor', options.cursor, ANY_PLACE);
    const request = {
      ...scope,
      order: options.oldest === true ? ('oldest' as const) : ('newest' as const),
      recordsMax: limit === 0 ? Number.MAX_SAFE_INTEGER : limit,
      cursor,
    };
    using run = understood(query, () => new SearchRun(folder, request, context.clock));
    const show =
      options.csv === true ? csvOf(fields) : options.json === true ? asStored : textOf(query, fields, context);
    if (options.csv === true) context.stdout.write(csvRow(fields ?? DEFAULT_COLUMNS));
    const last = await stepThrough(context, run, async ({ found }) => {
      const text = found.map(({ line }) => show(line)).join('');
      if (text !== '' && !context.stdout.write(text)) await context.stdout.drained();
    });
    if (last === undefined) return 1;
    if (last.ending === 'records' && options.limit === undefined)
      context.stderr.write(`there may be more: --limit N shows so many, --cursor ${last.cursor} goes on here\n`);
    return outcome(context, last);
  },
});

const ANY_PLACE = { fallback: 0, least: 0, most: Number.MAX_SAFE_INTEGER } as const;

/** Takes steps until the last one, and returns that; undefined where somebody wanted it to end before. */
async function stepThrough<Step extends SearchStep | CountStep>(
  context: CommandContext,
  run: { step(budgetMs: number): Step },
  take: (step: Step) => Promise<void>,
): Promise<Step | undefined> {
  const progress = new Progress(context, undefined, 100);
  while (!context.signal.aborted) {
    const step = run.step(STEP_MS);
    if ('found' in step && step.found.length > 0) progress.end();
    await take(step);
    progress.at(step.progress.part * 100, `${count(step.progress.found)} found`);
    if (step.ending !== undefined) {
      progress.end();
      return step;
    }
    // A signal is heard only between two steps.
    await new Promise<void>((resolve) => context.clock.soon(resolve));
  }
  progress.end();
  return undefined;
}

function outcome({ stderr }: CommandContext, { progress }: { readonly progress: SearchProgress }): ExitCode {
  if (progress.batchesUnreadable === 0) return 0;
  stderr.write(`${progress.batchesUnreadable} batches cannot be read and were passed over; see spillway doctor\n`);
  return 1;
}

function asStored(line: string): string {
  return `${line}\n`;
}

function csvOf(fields: readonly string[] = DEFAULT_COLUMNS): (line: string) => string {
  return (line) => csvRow(fieldTexts(parseRecord(line) ?? {}, fields));
}

/** Lines for people; on a terminal what was looked for is lit up. */
function textOf(
  query: string,
  fields: readonly string[] | undefined,
  { stdout, environment }: CommandContext,
): (line: string) => string {
  const lit = stdout.isTerminal && environment['NO_COLOR'] === undefined ? highlights(query) : undefined;
  return (line) => {
    const text =
      fields === undefined
        ? formatRecord(line)
        : `${printable(fieldTexts(parseRecord(line) ?? {}, fields).join('  '))}\n`;
    return lit === undefined ? text : text.replaceAll(lit, '\u001b[1;31m$&\u001b[0m');
  };
}

function countText({ counted, counts, firstMs, bucketMs }: CountStep, columns: boolean): string {
  if (!columns) return `${counted}\n`;
  const most = Math.max(1, ...counts);
  const rows = counts.map((value, index) => [
    new Date(firstMs + index * bucketMs).toISOString().replace('.000Z', 'Z'),
    count(value).padStart(count(most).length),
    '█'.repeat(Math.ceil((value / most) * BAR_CELLS)),
  ]);
  return `${table(rows)}${count(counted)} in all\n`;
}

function countJson({ counted, counts, firstMs, bucketMs, ending, progress }: CountStep): object {
  return { total: counted, first: new Date(firstMs).toISOString(), bucket_ms: bucketMs, counts, ending, progress };
}

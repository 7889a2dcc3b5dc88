import { sleep } from '../io/clock.ts';
import { Archive } from '../journal/archive.ts';
import { compileQuery } from '../query/compile.ts';
import { parseRecord } from '../query/record-text.ts';
import { forEachLine } from '../record/lines.ts';
import { type CommandContext, configOption, defineCommand, jsonOption, wholeNumber } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { type Selection, selectionOf, selectionOptions, selectRecords } from './selection.ts';
import { understood } from './query-operand.ts';
import { printable } from './terminal.ts';

/** How often the journal is looked at for new records. */
const LOOK_INTERVAL_MS = 200;

export const tailCommand = defineCommand({
  name: 'tail',
  summary: 'Prints records as they are committed to the journal.',
  operands: '[QUERY]',
  notes: [
    'Reads the journal beside the running relay and never slows it. Control characters in records are shown, not obeyed.',
    'QUERY says which records are meant, as `spillway search` takes it; in a shell put single quotes around it.',
  ],
  examples: ['tail', "tail --lines 100 'host:web-* -level:debug'", 'tail --json --no-follow'],
  options: {
    ...configOption,
    ...selectionOptions,
    lines: { type: 'string', short: 'n', value: 'N', description: 'Begins with the last N records. Default: 10.' },
    'no-follow': { type: 'boolean', description: 'Ends after those.' },
    ...jsonOption,
  },
  async run({ options, operands }, context) {
    const folder = await dataFolder(options.config, context);
    const selection = selectionOf(options, context.clock.nowMs());
    const query = operands.join(' ');
    const { matches } = understood(query, () => compileQuery(query, context.clock.nowMs()));
    const meant: LineFilter | undefined = query === '' ? undefined : (line) => matches(parseRecord(line) ?? {});
    const wanted = wholeNumber('lines', options.lines, { fallback: 10, least: 0, most: 1_000_000 });
    using archive = new Archive(folder);
    const print = (lines: Buffer): Promise<void> => printLines(lines, options.json === true, context);

    let nextSeq = archive.nextSeq();
    if (wanted > 0) await print(lastRecords(archive, selection, meant, wanted, nextSeq));
    while (options['no-follow'] !== true && !context.signal.aborted) {
      const end = archive.nextSeq();
      for (const part of selectRecords(archive, selection, { fromSeq: nextSeq, endSeq: end }, () => {}))
        await print(filtered(part.lines, meant));
      nextSeq = end;
      await sleep(context.clock, LOOK_INTERVAL_MS, context.signal);
    }
    return 0;
  },
});

type LineFilter = (line: string) => boolean;

function filtered(lines: Buffer, meant: LineFilter | undefined): Buffer {
  if (meant === undefined) return lines;
  const parts: Buffer[] = [];
  forEachLine(lines, (start, end) => {
    if (end > start && meant(lines.toString('utf8', start, end))) parts.push(lines.subarray(start, end + 1));
  });
  return Buffer.concat(parts);
}

/** The last `wanted` of the selected records before `end`. Looks backwards in growing steps, until it has enough or there is no more. */
function lastRecords(
  archive: Archive,
  selection: Selection,
  meant: LineFilter | undefined,
  wanted: number,
  end: number,
): Buffer {
  const firstSeq = archive.firstSeq();
  let found: string[] = [];
  let endSeq = end;
  for (let step = Math.max(wanted, 100); found.length < wanted && endSeq > firstSeq; step *= 4) {
    const fromSeq = Math.max(firstSeq, endSeq - step);
    const parts = [...selectRecords(archive, selection, { fromSeq, endSeq }, () => {})];
    const lines = parts.flatMap((part) => filtered(part.lines, meant).toString('utf8').split('\n').slice(0, -1));
    found = [...lines, ...found].slice(-wanted);
    endSeq = fromSeq;
  }
  return Buffer.from(found.map((line) => `${line}\n`).join(''));
}

async function printLines(lines: Buffer, asJson: boolean, { stdout }: CommandContext): Promise<void> {
  if (lines.length === 0) return;
  const text = asJson ? lines : lines.toString('utf8').split('\n').slice(0, -1).map(formatRecord).join('');
  if (!stdout.write(text)) await stdout.drained();
}

/** `time host application: message`, on one line whatever is in it. */
export function formatRecord(line: string): string {
  const record: unknown = JSON.parse(line);
  const text = (...path: string[]): string => {
    let value: unknown = record;
    for (const name of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const source = [text('host', 'name'), text('log', 'syslog', 'appname')].filter((part) => part !== '').join(' ');
  const level = text('log', 'level');
  const head = [text('@timestamp'), level === '' ? text('event', 'dataset') : level, source]
    .filter((part) => part !== '')
    .join(' ');
  return `${printable(`${head}: ${text('message')}`)}\n`;
}

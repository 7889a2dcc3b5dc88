import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../errors.ts';
import { Archive, type Verification } from '../journal/archive.ts';
import type { Cursor } from '../journal/journal.ts';
import { type CommandContext, configOption, defineCommand, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { count } from './figures.ts';
import { type KnownDamage, readKnownDamage, writeKnownDamage } from './known-damage.ts';
import { Progress } from './progress.ts';
import { table } from './terminal.ts';

/** One endpoint's books: what became of every record accepted since its cursor began. */
export interface Books extends Cursor {
  readonly accepted: number;
  /** `accepted` less all that is accounted for. Not 0: something is wrong. */
  readonly unaccounted: number;
}

interface Report {
  readonly endpoints: readonly Books[];
  readonly pages: readonly string[];
  readonly chain: Verification;
  readonly setAside: readonly string[];
  readonly damagedRecords: number;
  readonly reclaimedRecords: number;
  readonly problems: readonly string[];
  /** Damage that was acknowledged. */
  readonly known: readonly string[];
}

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'Proves that nothing is missing, and names what is damaged.',
  notes: [
    'For every endpoint: accepted = delivered + filtered + waiting + dead letters + dropped + purged. For the journal: SQLite’s own check of ' +
      'its pages, every batch’s content against its hash, and the hash chain from end to end.',
    'Changes nothing, and may run beside the relay. Ends with 1 where it finds a problem.',
    'Damage that is past cannot be undone: records that could not be read, damaged files that were set aside. --acknowledge notes what ' +
      'there is of it now, so that only more of it is a problem from then on. Anything else stays a problem until it is solved.',
  ],
  examples: ['doctor', 'doctor --json', 'doctor --acknowledge'],
  options: {
    ...configOption,
    acknowledge: { type: 'boolean', description: 'Notes past damage as seen.' },
    ...jsonOption,
  },
  async run({ options }, context) {
    const folder = await dataFolder(options.config, context);
    if (options.acknowledge === true) acknowledge(folder, context);
    const report = examine(folder, context);
    if (options.json === true) context.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else show(report, context);
    return report.problems.length === 0 ? 0 : 1;
  },
});

const NO_FIGURES = { records: 0, damagedRecords: 0, reclaimedRecords: 0 };
const NO_CHAIN: Verification = {
  batches: 0,
  records: 0,
  goneRecords: 0,
  goneBy: {},
  certificates: 0,
  anchors: { fitting: 0, unknown: 0 },
  misfits: [],
  head: 'unknown',
};

function examine(folder: string, context: CommandContext): Report {
  using archive = new Archive(folder);
  const unreadable: string[] = [];
  // What cannot be read must not keep the rest from being looked at.
  const attempt = <T>(part: string, fallback: T, look: () => T): T => {
    try {
      return look();
    } catch (error) {
      unreadable.push(`${part} cannot be read: ${describeError(error)}`);
      return fallback;
    }
  };
  const pages = attempt('the journal’s pages', [], () => archive.checkPages());
  const stats = attempt('the journal’s figures', NO_FIGURES, () => archive.stats());
  const endpoints = attempt('the endpoints’ books', [], () =>
    archive.consistently(() => {
      const nextSeq = archive.nextSeq();
      return archive.cursors().map((cursor) => balance(cursor, nextSeq));
    }),
  );
  const internal = attempt('the books of the relay’s own parts', [], () =>
    archive.consistently(() => {
      const nextSeq = archive.nextSeq();
      return archive.internalCursors().map((cursor) => balance(cursor, nextSeq));
    }),
  );
  const progress = new Progress(context, 'records', stats.records);
  const chain = attempt('the hash chain', NO_CHAIN, () =>
    archive.verify((records) => progress.at(records, 'hash chain')),
  );
  progress.end();
  const acknowledged = attempt('what was acknowledged', undefined, () => readKnownDamage(folder));
  const damage = pastDamage(folder, stats.damagedRecords, acknowledged);
  const problems = [
    ...endpoints
      .filter(({ unaccounted }) => unaccounted !== 0)
      .map(({ endpoint, unaccounted }) => `endpoint ${endpoint}: ${unaccounted} records are not accounted for`),
    ...internal
      .filter(({ unaccounted }) => unaccounted !== 0)
      .map(({ endpoint, unaccounted }) => `${endpoint}: ${unaccounted} records are not accounted for`),
    ...unreadable,
    ...pages.map((problem) => `the journal’s pages: ${problem}`),
    ...chain.misfits.map(({ seq, problem }) => `at record ${seq}: ${problem}`),
    ...damage.problems,
  ];
  const { damagedRecords, reclaimedRecords } = stats;
  const { setAside, known } = damage;
  return { endpoints, pages, chain, setAside, damagedRecords, reclaimedRecords, problems, known };
}

interface PastDamage {
  readonly setAside: readonly string[];
  readonly problems: readonly string[];
  readonly known: readonly string[];
}

/** Damage that the relay has dealt with already: what of it is news, and what somebody has seen. */
function pastDamage(dataFolder: string, damagedRecords: number, seen: KnownDamage | undefined): PastDamage {
  const folder = join(dataFolder, 'damaged');
  const setAside = setAsideIn(dataFolder).map((name) => ({
    name,
    text: `a damaged journal was set aside in ${join(folder, name)}`,
  }));
  const isSeen = (name: string): boolean => seen?.setAside.includes(name) === true;
  const recordsSeen = Math.min(damagedRecords, seen?.damagedRecords ?? 0);
  const records = damagedRecords - recordsSeen;
  const unreadable = (number: number): string[] =>
    number === 0 ? [] : [`${count(number)} records could not be read and were set aside`];
  const texts = (wanted: boolean): string[] =>
    setAside.filter(({ name }) => isSeen(name) === wanted).map(({ text }) => text);
  return {
    setAside: setAside.map(({ name }) => join(folder, name)),
    problems: [...texts(false), ...unreadable(records)],
    known: [...texts(true), ...unreadable(recordsSeen)],
  };
}

function setAsideIn(dataFolder: string): string[] {
  const folder = join(dataFolder, 'damaged');
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Notes the past damage that there is now. */
function acknowledge(folder: string, { clock }: CommandContext): void {
  using archive = new Archive(folder);
  writeKnownDamage(folder, {
    acknowledgedAt: new Date(clock.nowMs()).toISOString(),
    damagedRecords: archive.stats().damagedRecords,
    setAside: setAsideIn(folder),
  });
}

/** The sum that must hold for every endpoint at any moment. */
export function balance(cursor: Cursor, nextSeq: number): Books {
  const accepted = nextSeq - cursor.startSeq;
  const { delivered, filtered, deadLettered, dropped, purged, backlogRecords } = cursor;
  const unaccounted = accepted - (delivered + filtered + deadLettered + dropped + purged + backlogRecords);
  return { ...cursor, accepted, unaccounted };
}

function show(report: Report, { stdout }: CommandContext): void {
  stdout.write(
    table([
      ['ENDPOINT', 'ACCEPTED', '=', 'DELIVERED', 'FILTERED', 'WAITING', 'DEAD', 'DROPPED', 'PURGED', ''],
      ...report.endpoints.map((books) => [
        books.endpoint,
        count(books.accepted),
        '=',
        count(books.delivered),
        count(books.filtered),
        count(books.backlogRecords),
        count(books.deadLettered),
        count(books.dropped),
        count(books.purged),
        books.unaccounted === 0 ? 'ok' : `${books.unaccounted} NOT ACCOUNTED FOR`,
      ]),
    ]),
  );
  const { chain } = report;
  stdout.write(
    `\njournal: ${count(chain.records)} records in ${count(chain.batches)} batches read, ${count(chain.goneRecords)} gone by rule or limit` +
      `\nhash chain: ${chain.misfits.length === 0 ? 'whole' : 'BROKEN'}, head ${chain.head === '' ? 'unknown' : chain.head}\n`,
  );
  for (const known of report.known) stdout.write(`  acknowledged: ${known}\n`);
  for (const problem of report.problems) stdout.write(`  ! ${problem}\n`);
  stdout.write(
    report.problems.length === 0
      ? 'nothing is missing\n'
      : `${report.problems.length} problem${report.problems.length === 1 ? '' : 's'}\n`,
  );
}

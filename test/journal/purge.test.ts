import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { balance } from '../../relay/cli/doctor.ts';
import { selectRecords } from '../../relay/cli/selection.ts';
import { compileMatch } from '../../relay/delivery/match.ts';
import { Archive } from '../../relay/journal/archive.ts';
import { Reader } from '../../relay/journal/sqlite/reader.ts';
import type { PlannedRule } from '../../relay/journal/retention-store.ts';
import { Purger } from '../../relay/journal/sqlite/purge/purger.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { harborBatch, heldBatch, JournalBench } from '../support/journal-bench.ts';

const rule = (rest: Partial<PlannedRule> = {}): PlannedRule => ({
  name: 'pulls',
  match: { operation: ['pull_*'] },
  beforeMs: 5_000,
  undelivered: 'keep',
  ...rest,
});

const MIXED = ['pull_artifact', 'create_artifact', 'pull_artifact', 'pull_artifact', 'delete_artifact'];
const PULLS = ['pull_artifact', 'pull_artifact'];

/** Places 1 to 5 mixed, 6 and 7 only pulls, 8 to 12 mixed, 13 pulled too recently. */
function filled(): JournalBench {
  const bench = new JournalBench();
  bench.append(harborBatch(1, MIXED));
  bench.append(harborBatch(6, PULLS));
  bench.append(harborBatch(8, MIXED));
  bench.append(harborBatch(13, ['pull_artifact'], 9_000));
  return bench;
}

const LEFT = [2, 5, 9, 12, 13];

test('what a rule matches goes, whole batches and parts of them, and what stays keeps its place', () => {
  using bench = filled();

  const run = bench.purge({ rules: [rule()] });

  expect(run).toMatchObject({ state: 'done', position: 14 });
  expect(run.tally).toMatchObject({ looked: 13, records: 8, batchesRemoved: 1, batchesRewritten: 2 });
  expect(run.tally).toMatchObject({ rules: { pulls: 8 }, datasets: { 'harbor.audit': 8 }, firstSeq: 1, endSeq: 13 });
  expect(run.tally.operations).toEqual({ pull_artifact: 8 });
  expect([...bench.records()]).toEqual(
    LEFT.map((seq) => [seq, `${seq === 13 ? 'pull' : seq % 7 === 2 ? 'create' : 'delete'}_artifact ${seq}`]),
  );
  expect(bench.verify()).toMatchObject({ records: 5, goneBy: { purge: 8 }, certificates: 1, misfits: [] });
  bench.reopen();
  expect([...bench.records().keys()]).toEqual(LEFT);
  expect(bench.reader.stats()).toMatchObject({ records: 5, purgedRecords: 8 });
});

test('a batch that is rewritten again, and in the end empty, keeps its history and the chain', () => {
  using bench = filled();
  bench.purge({ rules: [rule()] });
  bench.purge({ rules: [rule({ match: { operation: ['create_*'] } })] });
  expect([...bench.records().keys()]).toEqual([5, 12, 13]);
  expect(bench.verify()).toMatchObject({ records: 3, certificates: 2, misfits: [] });

  bench.purge({ rules: [rule({ match: {} })] });

  expect([...bench.records().keys()]).toEqual([13]);
  expect(bench.verify()).toMatchObject({ batches: 1, records: 1, goneBy: { purge: 12 }, certificates: 3, misfits: [] });
});

test('small batches that were merged prove themselves also after a purge', () => {
  using bench = filled();
  bench.reopen();
  expect(bench.verify().batches).toBe(1);

  bench.purge({ rules: [rule()] });

  expect([...bench.records().keys()]).toEqual(LEFT);
  expect(bench.verify()).toMatchObject({ batches: 1, records: 5, misfits: [] });
  bench.append(harborBatch(14, MIXED));
  bench.reopen();
  expect([...bench.records().keys()]).toEqual([...LEFT, 14, 15, 16, 17, 18]);
  expect(bench.verify().misfits).toEqual([]);
});

test('the first rule that matches decides, and one without an end keeps for ever', () => {
  using bench = filled();
  const rules = [
    rule({ name: 'team', match: { project: ['te*'], operation: ['*_artifact'] }, beforeMs: undefined }),
    rule(),
  ];

  expect(bench.purge({ rules }).tally.records).toBe(0);
  expect(bench.ask('untold')).toEqual([]);
});

test.each([
  ['dataset', { dataset: ['harbor.*'] }, 12],
  ['another dataset', { dataset: ['syslog'] }, 0],
  ['repository', { repository: ['team/web'] }, 12],
  ['another repository', { repository: ['team/web/*'] }, 0],
  ['source', { source: ['core-*'] }, 12],
  ['several at once', { source: ['core-*'], operation: ['delete_artifact', 'create_artifact'] }, 4],
])('a rule matches by %s', (_, match, records) => {
  using bench = filled();

  expect(bench.purge({ rules: [rule({ match })] }).tally.records).toBe(records);
});

test('nothing goes that an endpoint has not got yet, and what has gone does not trouble its books', () => {
  using bench = filled();
  bench.writer.openCursor('siem', 'first');
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 4, delivered: 3, filtered: 0, refused: [] });

  const run = bench.purge({ rules: [rule()] });

  expect(run.tally).toMatchObject({ records: 2, undelivered: 6, owed: {} });
  expect([...bench.records().keys()]).toEqual([2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const [cursor] = bench.reader.cursors();
  expect(cursor).toMatchObject({ delivered: 3, purged: 0, backlogRecords: 10 });
  expect(balance(cursor!, bench.nextSeq).unaccounted).toBe(0);
});

test('with the override it goes, counted for every endpoint, whether the cursor stands before, in or behind it', () => {
  using bench = filled();
  bench.writer.openCursor('all', 'first');
  bench.writer.openCursor('siem', 'first');
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 4, delivered: 3, filtered: 0, refused: [] });

  const run = bench.purge({ rules: [rule({ undelivered: 'purge' })] });

  expect(run.tally).toMatchObject({ records: 8, undelivered: 0, owed: { all: 8, siem: 6 } });
  const [all, siem] = bench.reader.cursors();
  expect(all).toMatchObject({ purged: 8, backlogRecords: 5, delivered: 0 });
  expect(siem).toMatchObject({ purged: 6, backlogRecords: 4, delivered: 3 });
  expect(JSON.parse(bench.ask('untold')[0]!.body)).toMatchObject({ undelivered: { all: 8, siem: 6 } });

  // It reads on as an endpoint does: two places of the rest of its batch, one of them empty; then past the batch that went.
  bench.writer.advance('siem', { fromSeq: 4, toSeq: 6, delivered: 1, filtered: 0, refused: [], purged: 1 });
  bench.writer.advance('siem', { fromSeq: 8, toSeq: 14, delivered: 3, filtered: 0, refused: [], purged: 3 });
  bench.writer.settle();
  const [, after] = bench.reader.cursors();
  expect(after).toMatchObject({ seq: 14, delivered: 7, purged: 6, dropped: 0, backlogRecords: 0 });
  expect(balance(after!, bench.nextSeq).unaccounted).toBe(0);
});

test('an endpoint that comes anew begins where the journal does, and is not owed what was purged', () => {
  using bench = filled();
  bench.purge({ rules: [rule()] });

  bench.writer.openCursor('late', 'first');

  expect(bench.reader.cursors()[0]).toMatchObject({ startSeq: 1, backlogRecords: 5, purged: 8 });
});

test.each([
  ['of a dataset', { dataset: 'harbor.*' }, 0],
  ['of a repository', { repository: 'team/*' }, 0],
  ['of another repository', { repository: 'other' }, 8],
  ['of a time', { fromMs: 500, toMs: 1_001 }, 0],
  ['of a later time', { fromMs: 1_001 }, 8],
  ['of a run', { run: '4711' }, 8],
])('a hold %s beats the rules', (_, scope, records) => {
  using bench = filled();
  bench.ask('addHold', { scope, who: 'auditor', why: 'case 7' });

  const run = bench.purge({ rules: [rule()] });

  expect(run.tally).toMatchObject({ records, held: 8 - records });
});

test('a hold that was lifted holds nothing, and stays on record', () => {
  using bench = filled();
  const { id } = bench.ask('addHold', { scope: { dataset: '*' }, who: 'auditor', why: 'case 7' });

  bench.ask('liftHold', id, { who: 'auditor', why: 'case closed' });

  expect(() => bench.ask('liftHold', id, { who: 'x', why: 'again' })).toThrow('there is no hold');
  expect(bench.ask('holds', false)).toEqual([]);
  expect(bench.ask('holds', true)).toMatchObject([
    { id, why: 'case 7', liftedBy: 'auditor', liftedWhy: 'case closed' },
  ]);
  expect(bench.purge({ rules: [rule()] }).tally.records).toBe(8);
});

test('a dry run counts what a real one takes, byte for byte, and takes nothing', () => {
  using bench = filled();

  const dry = bench.purge({ rules: [rule()], dryRun: true }, { batches: 1 });
  expect(bench.records().size).toBe(13);
  expect(bench.ask('untold')).toEqual([]);
  const real = bench.purge({ rules: [rule()] }, { batches: 3 });

  expect(dry.tally).toEqual(real.tally);
  expect(real.tally.storedBytes).not.toBe(0);
});

test('a purge goes on after a restart where it was, and counts nothing twice', () => {
  using bench = filled();
  const begun = bench.purge({ rules: [rule()] }, { batches: 1, steps: 1 });
  expect(begun).toMatchObject({ state: 'running', position: 6 });
  bench.reopen();
  expect(() => bench.purge()).toThrow('has not ended');
  expect(bench.verify().misfits).toEqual([]);

  const run = bench.carryOn(bench.ask('run', begun.id)!, { batches: 1 });

  expect(run).toMatchObject({ state: 'done', tally: { records: 8, looked: 13 } });
  expect(bench.verify()).toMatchObject({ records: 5, misfits: [] });
});

test.each([
  ['a hold came', (bench: JournalBench) => bench.ask('addHold', { scope: {}, who: 'a', why: 'b' })],
  ['its batch was merged', (bench: JournalBench) => bench.reopen()],
  ['an endpoint came that is owed it', (bench: JournalBench) => bench.writer.openCursor('siem', 'first')],
  ['the purge was stopped', (bench: JournalBench, id: number) => bench.ask('end', id, 'stopped', undefined)],
])('a step that was thought out before %s changes nothing', (_, meanwhile) => {
  using bench = filled();
  const run = bench.purge({ rules: [rule()] }, { steps: 0 });
  const purger = new Purger({ directory: bench.directory, compressionLevel: 1 }, systemClock);
  const step = purger.scan(run.plan, run.position, { batchesMax: 9, lookMs: 1_000 });
  purger.close();

  meanwhile(bench, run.id);

  expect(bench.ask('apply', run.id, step).outcome).toBe('stale');
  expect(bench.records().size).toBe(13);
});

test('a step is not done twice', () => {
  using bench = filled();
  const run = bench.purge({ rules: [rule()] }, { steps: 0 });
  const purger = new Purger({ directory: bench.directory, compressionLevel: 1 }, systemClock);
  const step = purger.scan(run.plan, run.position, { batchesMax: 1, lookMs: 1_000 });
  purger.close();

  expect(bench.ask('apply', run.id, step).outcome).toBe('applied');
  expect(bench.ask('apply', run.id, step).outcome).toBe('stale');
});

test('certificates are never purged', () => {
  using bench = filled();
  const line = JSON.stringify({
    event: { id: 'x'.repeat(24), created: '1970-01-01T00:00:01.000Z', dataset: 'spillway.certificate' },
  });
  const shared = new SharedArrayBuffer(line.length + 1);
  Buffer.from(`${line}\n`).copy(Buffer.from(shared));
  bench.append(heldBatch(14, [''], { shared, bytes: line.length + 1, datasets: { 'spillway.certificate': 1 } }));

  expect(bench.purge({ rules: [rule({ match: {}, beforeMs: 1e15 })] }).tally.records).toBe(13);
});

test('the pages that a purge freed are given back to the disk', () => {
  using bench = new JournalBench();
  const noisy = (seq: number) => heldBatch(seq, [`${Math.sin(seq)}`.repeat(4_000)], { datasets: { syslog: 1 } });
  for (let seq = 1; seq <= 40; seq++) bench.append(noisy(seq));
  bench.purge({ rules: [rule({ match: {} })] });

  let left = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 100 && left > 0; n++) left = bench.ask('giveBack', 8);

  expect(left).toBe(0);
});

test('runs are forgotten by age and by number, their certificates are not', () => {
  using bench = filled();
  const first = bench.purge({ rules: [rule()] });
  bench.ask('note', first.id, ['a line']);
  const rest = [bench.purge(), bench.purge()];
  expect(bench.ask('forget', 0, 2)).toBe(1);

  expect(bench.ask('runs', 10, 1e9).map(({ id }) => id)).toEqual(rest.map(({ id }) => id).toReversed());
  expect(bench.ask('log', first.id)).toEqual([]);
  expect(bench.ask('untold')).toHaveLength(1);
  expect(bench.verify().misfits).toEqual([]);
});

test('who reads for export gets what is left, by its own place', () => {
  using bench = filled();
  bench.purge({ rules: [rule()] });
  using archive = new Archive(bench.directory);
  const all = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, matcher: compileMatch(undefined) };

  const found = [...selectRecords(archive, all, { fromSeq: 3, endSeq: archive.nextSeq() }, () => {})];

  const lines = found.flatMap((batch) => batch.lines.toString().split('\n').slice(0, -1));
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    ...bench.records(3).values(),
  ]);
  expect(found.reduce((sum, { records }) => sum + records, 0)).toBe(4);
});

test('a journal that is written anew after damage still adds up, and knows its purges', () => {
  using bench = filled();
  bench.purge({ rules: [rule()] });
  bench.writer.openCursor('siem', 'first');
  bench.close();
  const journal = join(bench.directory, 'journal.db');
  const database = new Database(journal);
  const { rootpage } = database.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'batch'").get() as {
    rootpage: number;
  };
  database.close();
  const bytes = readFileSync(journal);
  bytes.fill(0, (rootpage - 1) * 8_192, rootpage * 8_192);
  writeFileSync(journal, bytes);

  bench.writer = new JournalBench({}, { directory: bench.directory }).writer;
  bench.reader = new Reader(bench.directory);
  expect(bench.writer.ready.salvage).toBeDefined();
  for (const cursor of bench.reader.cursors()) expect(balance(cursor, bench.nextSeq).unaccounted).toBe(0);
  expect(bench.ask('runs', 10, 1e9)).toMatchObject([{ state: 'done', tally: { records: 8 } }]);
});

import type Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { jobStream, runStream, type JobRow } from '../../relay/journal/runs.ts';
import type { PlannedRule } from '../../relay/journal/retention-store.ts';
import { GoneJobs } from '../../relay/journal/sqlite/gone-jobs.ts';
import { StreamIndex } from '../../relay/journal/sqlite/stream-index.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { heldBatch, JournalBench } from '../support/journal-bench.ts';
import { jobRow, pageRow, runChanges, stepRow } from '../support/run-rows.ts';

const HOUR_MS = 3_600_000;
const KEPT_MS = 10 * HOUR_MS;
const guid = (n: number): string => `${String(n).repeat(8)}-1111-2222-3333-444444444444`;

/** A journal with a look at its jobs, by a clock that the test moves. */
class Looking implements Disposable {
  readonly clock = new FakeClock();
  readonly bench: JournalBench;
  readonly jobs: GoneJobs;
  database!: Database.Database;
  streamsForgotten = 0;

  constructor() {
    this.bench = new JournalBench({}, { opened: (database) => (this.database = database) });
    this.jobs = new GoneJobs(this.database, this.clock, () => this.streamsForgotten++);
  }

  /** A job with lines in a batch of its own, entered into the index as it would be with others; with what the batch holds beside them. */
  add(n: number, given: Partial<JobRow> = {}, besides: readonly string[] = []): void {
    const seq = this.bench.nextSeq;
    const texts = [`line of ${guid(n)} ${'x'.repeat(70_000)}`, ...besides];
    const timeline = given.timeline ?? guid(n);
    const rows = { timeline, jobRecord: guid(n), repository: 'corp/web', runId: String(n) };
    const job = jobRow({ ...rows, firstSeq: seq, lastSeq: seq, ...given });
    const streams = [jobStream({ timeline }), runStream('corp/web', String(n))];
    const pages = [pageRow({ timeline, jobRecord: guid(n), record: guid(n) })];
    const changes = [runChanges({ job, steps: [stepRow()], pages })];
    this.bench.append(heldBatch(seq, texts, { streams, changes }));
    new StreamIndex(this.database).enter(seq, streams);
  }

  /** A whole pass, an hour after the one before. */
  async pass(): Promise<void> {
    await this.clock.advance(HOUR_MS);
    while (this.jobs.due) this.jobs.step(KEPT_MS);
  }

  get gone(): Record<string, unknown> {
    const jobs = this.bench.reader.jobs({ limit: 100 });
    return Object.fromEntries(jobs.map(({ runId, gone }) => [runId, gone?.reason]));
  }

  rows(table: string): number {
    return Number(this.database.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  }

  /** Takes the first line of each batch, as all batches here begin at odd places. */
  purgeFirstLines(): number {
    const rule = { name: 'odd', match: { operation: ['odd'] }, beforeMs: 4_000_000_000_000, undelivered: 'keep' };
    return this.bench.purge({ rules: [rule as PlannedRule] }).id;
  }

  [Symbol.dispose](): void {
    this.bench[Symbol.dispose]();
  }
}

test('a job whose lines were purged says so for a time, with the purge; then its rows go', async () => {
  using looking = new Looking();
  looking.add(1, {}, ['somebody else’s']);
  looking.add(2);
  // Streams come into the index some batches later.
  for (let n = 0; n < 64; n++) {
    const seq = looking.bench.nextSeq;
    looking.bench.append(heldBatch(seq, ['y'.repeat(70_000), ''], { streams: ['host:a'] }));
  }
  await looking.pass();
  expect(looking.gone).toEqual({ 1: undefined, 2: undefined });

  // What is left of the batch has nothing of the job, though the index says so.
  const purge = looking.purgeFirstLines();

  await looking.pass();
  expect(looking.gone).toEqual({ 1: 'purge', 2: 'purge' });
  const [job] = looking.bench.reader.jobs({ limit: 1 });
  expect(job?.gone).toEqual({ sinceMs: expect.any(Number), reason: 'purge', purge });

  for (let hour = 0; hour < 9; hour++) await looking.pass();
  expect([looking.rows('job'), looking.rows('step'), looking.rows('page'), looking.streamsForgotten]).toEqual([
    2, 2, 2, 0,
  ]);
  await looking.pass();
  await looking.pass();
  expect([looking.rows('job'), looking.rows('step'), looking.rows('page')]).toEqual([0, 0, 0]);
  // The index still tells of the batch that was rewritten, but for nothing of the one that went.
  expect(looking.database.prepare('SELECT name FROM stream ORDER BY 1').pluck().all()).toEqual([
    'host:a',
    jobStream({ timeline: guid(1) }),
    runStream('corp/web', '1'),
  ]);
});

test('a job keeps its rows as long as one line of it is there', async () => {
  using looking = new Looking();
  looking.add(1, {}, [`another line of ${guid(1)}`]);
  looking.add(2);
  looking.purgeFirstLines();
  await looking.pass();

  expect(looking.gone).toEqual({ 1: undefined, 2: 'purge' });
  expect(looking.bench.reader.job({ timeline: guid(1), jobRecord: guid(1) })?.steps).toHaveLength(1);
});

test('a job whose lines a hold keeps is kept with them', async () => {
  using looking = new Looking();
  looking.add(1);
  looking.bench.ask('addHold', { scope: { dataset: '*' }, who: 'auditor', why: 'case 7' });
  looking.purgeFirstLines();
  for (let hour = 0; hour < 20; hour++) await looking.pass();

  expect(looking.gone).toEqual({ 1: undefined });
});

test('what the quota took is said, and a job that never had a line; one that is at work is left alone', async () => {
  using looking = new Looking();
  looking.add(1);
  looking.add(2, { firstSeq: undefined, lastSeq: undefined, lines: 0 });
  looking.add(3, { state: 'running', verdict: 'open' });
  looking.bench.writer.setLimits({ bytesMax: 1, freeBytesMin: 0, whenFull: 'block' });
  expect(looking.bench.append(heldBatch(looking.bench.nextSeq, ['no room']))).toBe(false);
  await looking.pass();

  expect(looking.gone).toEqual({ 1: 'quota', 2: 'empty', 3: undefined });
});

test('a job that gets lines again is there again', async () => {
  using looking = new Looking();
  looking.add(1);
  looking.purgeFirstLines();
  await looking.pass();
  expect(looking.gone).toEqual({ 1: 'purge' });

  looking.add(1, { firstSeq: 1 });
  await looking.pass();
  expect(looking.gone).toEqual({ 1: undefined });
});

test('many jobs are gone through in short steps', async () => {
  using looking = new Looking();
  for (let n = 0; n < 130; n++)
    looking.add(1, { jobRecord: guid(1).replace(/^.{3}/, String(100 + n)), runId: String(n) });
  looking.bench.writer.setLimits({ bytesMax: 1, freeBytesMin: 0, whenFull: 'block' });
  looking.bench.append(heldBatch(looking.bench.nextSeq, ['no room']));
  await looking.clock.advance(HOUR_MS);
  let steps = 0;
  while (looking.jobs.due) steps += looking.jobs.step(KEPT_MS) ? 1 : 0;

  expect(steps).toBe(2);
  expect(Object.values(looking.gone).every((reason) => reason === 'quota')).toBe(true);
});

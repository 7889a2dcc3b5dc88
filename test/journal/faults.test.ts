import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { balance } from '../../relay/cli/doctor.ts';
import { JOURNAL_FILE } from '../../relay/journal/sqlite/database.ts';
import { Faults, LOCK_FAULTS, ROLLED_BACK_FAULTS } from '../support/failing-database.ts';
import { heldBatch, JournalBench, noise } from '../support/journal-bench.ts';
import { JournalHarness } from '../support/journal-harness.ts';

const batch = (seq: number) =>
  heldBatch(seq, [`r${seq}`, `r${seq + 1} ${noise(seq, 30_000)}`], { receipts: [`k${seq}`] });

/** The texts of all records, each by its place, must be those that were accepted, and the sum and the chain must fit. */
function expectWhole(bench: JournalBench, nextSeq: number): void {
  const records = bench.records();
  expect([...records.keys()]).toEqual(Array.from({ length: nextSeq - 1 }, (_, i) => i + 1));
  for (const [seq, text] of records) expect(text.split(' ')[0]).toBe(`r${seq}`);
  expect(bench.verify().misfits).toEqual([]);
  for (const cursor of bench.reader.cursors()) expect(balance(cursor, nextSeq).unaccounted).toBe(0);
}

test('a full disk refuses a batch whole, keeps what was kept, and takes the same batch once there is room', () => {
  let setPagesMax = (_pages: number): void => {};
  using bench = new JournalBench(
    {},
    { opened: (database) => (setPagesMax = (pages) => void database.pragma(`max_page_count = ${pages}`)) },
  );
  bench.writer.openCursor('siem', 'first');
  setPagesMax(60);
  let seq = 1;
  while (bench.append(batch(seq))) seq += 2;
  expect(seq).toBeGreaterThan(3);
  expect(bench.told.at(-1)).toMatchObject({ kind: 'refused', batches: 1, error: { code: 'JOURNAL_FULL' } });
  // Again and again, as the acceptor offers it.
  for (let n = 0; n < 3; n++) expect(bench.append(batch(seq))).toBe(false);
  expectWhole(bench, seq);
  expect(bench.nextSeq).toBe(seq);

  setPagesMax(100_000);
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 3, delivered: 2, filtered: 0, refused: [] });
  expect(bench.append(batch(seq))).toBe(true);
  bench.reopen();
  expectWhole(bench, seq + 2);
  expect(bench.writer.receipts()).toContain(`k${seq}`);
});

test('a journal that another process has locked refuses for now, and takes the same batch afterwards', () => {
  using bench = new JournalBench({}, { opened: (database) => void database.pragma('busy_timeout = 20') });
  bench.writer.openCursor('siem', 'first');
  expect(bench.append(batch(1))).toBe(true);
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 2, delivered: 1, filtered: 0, refused: [] });
  const other = bench.openBehindItsBack();
  other.exec('BEGIN IMMEDIATE');
  expect(bench.append(batch(3))).toBe(false);
  expect(bench.told.at(-1)).toMatchObject({ kind: 'refused', error: { code: 'JOURNAL_WRITE_FAILED' } });
  expect(() => bench.writer.settle()).toThrow('locked');
  expect(bench.writer.hasProgress).toBe(true);
  other.exec('ROLLBACK');
  other.close();

  expect(bench.append(batch(3))).toBe(true);
  expect(bench.writer.hasProgress).toBe(false);
  expectWhole(bench, 5);
  expect(bench.reader.cursors()).toMatchObject([{ seq: 2, delivered: 1 }]);
});

test('nothing is acknowledged while the journal is locked', async () => {
  await using harness = await JournalHarness.open();
  const other = new Database(join(harness.directory, JOURNAL_FILE));
  other.exec('BEGIN IMMEDIATE');
  let kept = false;
  const appended = harness.append(['waits']).then(() => (kept = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(kept).toBe(false);
  expect(harness.journal.nextSeq).toBe(1);
  other.exec('ROLLBACK');
  other.close();
  await appended;
  expect(harness.journal.nextSeq).toBe(2);
});

test('a journal whose disk has gone says so when it is closed, and does not keep the process from ending', async () => {
  const threads = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort');
  const before = threads().length;
  const harness = await JournalHarness.open();
  await harness.append(['kept']);
  rmSync(harness.directory, { recursive: true });

  await expect(harness.journal.close()).rejects.toThrow('ENOENT');
  await expect.poll(() => threads().length).toBe(before);
  await harness.journal.close();
});

/** Repeats what the disk refused, as the thread around the writer and the acceptor before it do. */
function untilDone(work: () => boolean): void {
  for (let tries = 0; tries < 4; tries++) if (work()) return;
  throw new Error('it failed again and again');
}

function attempted(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** A journal's life in short: batches, cursor moves, a dead letter, merging, records that are not stored, room made. */
function life(bench: JournalBench): number {
  untilDone(() => attempted(() => bench.writer.openCursor('siem', 'first')));
  let seq = 1;
  for (; seq < 13; seq += 2) {
    const transient = seq === 5;
    untilDone(() => bench.append(heldBatch(seq, [`r${seq}`, `r${seq + 1}`], { transient, receipts: [`k${seq}`] })));
  }
  const line = Buffer.from('{"message":"r4"}');
  const refused = [{ seq: 4, code: 'OUTPUT_REFUSED_RECORD', reason: 'no', line }];
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 9, delivered: 6, filtered: 1, refused });
  untilDone(() => attempted(() => bench.writer.settle()));
  untilDone(() => attempted(() => void bench.writer.discardDeadLetters('siem', [1], 'discarded')));
  untilDone(() => attempted(() => void bench.writer.tidy()));
  untilDone(() => bench.append(heldBatch(seq, [`r${seq} ${noise(seq, 70_000)}`])));
  return seq + 1;
}

// Goal: whichever single write the disk refuses, nothing is lost, nothing is there twice and the books fit. Method: the same life again and
// again, its first, second, third … write failing, until it runs through without one.
test.each([{ codes: ROLLED_BACK_FAULTS }, { codes: LOCK_FAULTS }])(
  'whichever write fails with $codes, what was refused is taken later',
  ({ codes }) => {
    for (let at = 1, reached = true; reached; at++) {
      const faults = new Faults();
      const code = codes[at % codes.length]!;
      using bench = new JournalBench({}, { opened: (database) => faults.over(database) });
      Object.assign(faults, { at: faults.calls + at, code, count: 1 + (at % 2) });
      const nextSeq = life(bench);
      reached = faults.calls >= faults.at;
      expect(at < 20 ? reached : true).toBe(true);
      faults.at = 0;

      const gone = [5, 6];
      const there = [...bench.records().keys()];
      const kept = Array.from({ length: nextSeq - 1 }, (_, i) => i + 1);
      expect(there, `${code} at write ${at}`).toEqual(kept.filter((seq) => there.includes(5) || !gone.includes(seq)));
      expect(bench.verify().misfits).toEqual([]);
      const [cursor] = bench.reader.cursors();
      expect(cursor).toMatchObject({ seq: 9, delivered: 6, filtered: 1, deadLettered: 0, dropped: 1 });
      expect(balance(cursor!, nextSeq).unaccounted).toBe(0);
      bench.reopen();
      expect(bench.nextSeq).toBe(nextSeq);
      expect(bench.verify().misfits).toEqual([]);
      expect(bench.writer.receipts().toSorted()).toEqual(['k1', 'k11', 'k3', 'k5', 'k7', 'k9']);
    }
  },
);

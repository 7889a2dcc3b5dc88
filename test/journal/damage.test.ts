import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { JournalBench } from '../support/journal-bench.ts';
import { damagedCopy, sample } from '../support/damage.ts';

test.each(['flip', 'zero', 'cut'] as const)('a page that is damaged (%s) is told of, and the rest is read', (how) => {
  using original = sample();
  const pages = Math.ceil(readFileSync(join(original.path, 'journal.db')).length / 8_192);
  for (let page = 0; page < pages; page += 7) damagedCopy(original.path, { file: 'journal.db', page, how });
});

test('a file that ends within the page of its last batch is told of, and no record is counted twice', () => {
  using original = sample();
  const pages = Math.ceil(readFileSync(join(original.path, 'journal.db')).length / 8_192);
  // The half page that is left is read as a row of zeroes in only one of these places.
  for (let page = pages - 12; page < pages; page++)
    damagedCopy(original.path, { file: 'journal.db', page, how: 'cut' });
});

test('a write-ahead log that is damaged in its middle does not lose what was committed after it without a word', () => {
  using original = sample({ leaveWal: true });
  const frames = Math.floor(readFileSync(join(original.path, 'journal.db-wal')).length / 8_216);
  expect(frames).toBeGreaterThan(10);
  for (let page = 0; page < frames - 12; page += 9)
    damagedCopy(original.path, { file: 'journal.db-wal', page, how: 'flip' });
});

test.each(['journal.db-shm', 'journal.db-wal'])('a journal without its %s starts', (file) => {
  using original = sample();
  rmSync(join(original.path, file), { force: true });
  using bench = new JournalBench({}, { directory: original.path });

  expect(bench.records().size).toBe(sample.records);
});

test('an older copy that was put in place is noticed, and no place is given twice', () => {
  using original = sample();
  const copy = `${original.path}/older`;
  cpSync(join(original.path, 'journal.db'), copy);
  const grown = new JournalBench({}, { directory: original.path });
  const firstSeq = grown.nextSeq;
  grown.append(sample.batch(firstSeq));
  grown.close();
  cpSync(copy, join(original.path, 'journal.db'));

  const bench = new JournalBench({}, { directory: original.path });
  const { missing } = bench.writer.ready;
  const nextSeq = bench.nextSeq;
  bench.close();

  expect(missing).toMatchObject({ firstSeq, records: nextSeq - firstSeq });
});

test('an empty file and one that is no journal are set aside', () => {
  for (const spoil of [
    (file: string) => truncateSync(file, 100),
    (file: string) =>
      writeFileSync(file, 'this is not a journal, and long enough to be told from an empty one'.repeat(99)),
  ]) {
    using original = sample();
    spoil(join(original.path, 'journal.db'));
    const bench = new JournalBench({}, { directory: original.path });
    const { salvage } = bench.writer.ready;
    expect(salvage).toMatchObject({ recordsSaved: 0, recordsLost: sample.records });
    expect(bench.nextSeq).toBe(sample.records + 1);
    bench.close();
  }
});

import { expect, test } from 'vitest';
import type { Progress } from '../../relay/journal/journal.ts';
import { heldBatch, JournalBench, noise } from '../support/journal-bench.ts';
import { runChanges } from '../support/run-rows.ts';

// Batches of 70 KB that do not compress, in a journal that takes about ten of them. The relay's own reader stands at the beginning.
const LIMIT = 1_000_000;

function benchWithReaders(): JournalBench {
  const bench = new JournalBench({ bytesMax: LIMIT });
  bench.writer.openCursor('siem', 'first');
  bench.writer.openCursor('relay:runs', 'first');
  return bench;
}

function add(bench: JournalBench, options: Parameters<typeof heldBatch>[2] = {}): boolean {
  const seq = bench.nextSeq;
  return bench.append(heldBatch(seq, [noise(seq, 70_000)], options));
}

function delivered(fromSeq: number, toSeq: number): Progress {
  return { fromSeq, toSeq, delivered: toSeq - fromSeq, filtered: 0, refused: [] };
}

test('where the relay’s own reader is behind, only what is kept for it stays: all else goes once endpoints have it', () => {
  using bench = benchWithReaders();
  for (let n = 0; n < 60; n++) {
    expect(add(bench, { transient: n % 20 === 0 })).toBe(true);
    bench.writer.advance('siem', delivered(bench.nextSeq - 1, bench.nextSeq));
  }
  bench.writer.settle();

  const left = [...bench.records().keys()];
  expect(left.slice(0, 3)).toEqual([1, 21, 41]);
  expect(left.length).toBeLessThan(20);
  const told = bench.told.filter((message) => message.kind === 'reclaimed');
  expect(told.length).toBeGreaterThan(0);
  expect(told.every(({ owedRecords }) => owedRecords === 0)).toBe(true);
  expect(bench.verify().misfits).toEqual([]);
  // Once it has come further, that goes too.
  bench.writer.advance('relay:runs', delivered(1, 42));
  bench.writer.settle();
  bench.writer.tidy();
  expect([...bench.records().keys()][0]).toBeGreaterThan(41);
});

test('lines of runners as they came are told apart from what else waits', () => {
  using bench = benchWithReaders();
  const datasets = { 'github.runner.page': 2, 'github.runner.worker': 1 };
  const add = (options: Parameters<typeof heldBatch>[2]): void =>
    void bench.append(heldBatch(bench.nextSeq, ['a', 'b', 'c'], options));
  add({ transient: true, datasets });
  add({});
  add({ transient: true, datasets: { secret: 3 } });
  add({ transient: true, datasets: { ...datasets, secret: 1 } });
  const siem = () => bench.reader.cursors().find(({ endpoint }) => endpoint === 'siem')!;

  expect(siem()).toMatchObject({ backlogRecords: 12, internal: { records: 3 } });
  bench.writer.advance('siem', delivered(1, 3));
  bench.writer.settle();
  expect(siem()).toMatchObject({ backlogRecords: 10, internal: { records: 1 } });
  bench.writer.advance('siem', delivered(3, 4));
  bench.writer.settle();
  expect(siem().internal).toBeUndefined();
});

test('nothing goes that an endpoint is owed', () => {
  using bench = benchWithReaders();
  let taken = 0;
  while (taken < 40 && add(bench)) taken++;

  expect(taken).toBeLessThan(20);
  expect(bench.records().size).toBe(taken);
});

test('what is urgent passes the limit by a bound, all that stands before it too', () => {
  using bench = benchWithReaders();
  while (add(bench, { transient: true }));
  const full = bench.nextSeq;
  const group = (records: number) => [
    ...Array.from({ length: records }, (_, n) =>
      heldBatch(full + n, [noise(full + n, 1_000_000)], { transient: true }),
    ),
    heldBatch(full + records, ['derived'], { changes: [runChanges({})] }),
  ];
  bench.writer.append(group(40), true);
  expect(bench.nextSeq).toBe(full);

  bench.writer.append(group(10), true);

  expect(bench.nextSeq).toBe(full + 11);
  expect(bench.told.findLast(({ kind }) => kind === 'full')).toMatchObject({ full: true });
  expect(add(bench)).toBe(false);
});

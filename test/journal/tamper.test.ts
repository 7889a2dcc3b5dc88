import { expect, test } from 'vitest';
import { heldBatch, JournalBench, noise } from '../support/journal-bench.ts';

/** Four small batches of one record, merged by closing; then two large ones, a mark of one gone between them. */
function filled(): JournalBench {
  const bench = new JournalBench();
  bench.writer.openCursor('siem', 'first');
  for (let seq = 1; seq <= 4; seq++) bench.append(heldBatch(seq, [`small ${seq}`]));
  bench.reopen();
  bench.append(heldBatch(5, [noise(5, 70_000)]));
  bench.append(heldBatch(6, [noise(6, 70_000)], { transient: true }));
  bench.append(heldBatch(7, [noise(7, 70_000)]));
  bench.append(heldBatch(8, [noise(8, 70_000)]));
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 9, delivered: 8, filtered: 0, refused: [] });
  bench.reopen();
  expect(bench.verify()).toMatchObject({ records: 7, goneRecords: 1, misfits: [] });
  return bench;
}

test.each([
  [
    'a record is edited',
    "UPDATE batch SET payload = CAST(replace(CAST(payload AS TEXT), 'small 2', 'SMALL 2') AS BLOB) WHERE first_seq = 1",
    1,
  ],
  ['the text of its hash too', 'UPDATE batch SET payload_hash = zeroblob(32) WHERE first_seq = 5', 5],
  ['a time is edited', 'UPDATE batch SET received_first_ms = 0 WHERE first_seq = 7', 7],
  ['a batch is deleted', 'DELETE FROM batch WHERE first_seq = 7', 8],
  ['the first batch is deleted', 'DELETE FROM batch WHERE first_seq = 1', 5],
  [
    'two batches change places',
    'UPDATE batch SET first_seq = 70 WHERE first_seq = 7; UPDATE batch SET first_seq = 7 WHERE first_seq = 8; UPDATE batch SET first_seq = 8 WHERE first_seq = 70',
    7,
  ],
  ['the mark of what went gives another reason', "UPDATE gap SET reason = 'purge' WHERE first_seq = 6", 6],
  ['the mark of what went counts more', 'UPDATE gap SET records = 2 WHERE first_seq = 6', 6],
  ['the mark of what went is deleted', 'DELETE FROM gap WHERE first_seq = 6', 7],
])('where %s, the chain names the place', (_, sql, seq) => {
  using bench = filled();
  const database = bench.openBehindItsBack();
  database.exec(sql);
  database.close();

  expect(bench.verify().misfits.map((misfit) => misfit.seq)).toContain(seq);
});

test('a batch that is removed and marked as gone by somebody else does not fit what follows it', () => {
  using bench = filled();
  const database = bench.openBehindItsBack();
  // Even with all its hashes made anew a batch cannot get the link that the next one was made from.
  database.exec('UPDATE batch SET chain_hash = zeroblob(32) WHERE first_seq = 7');
  database.close();

  expect(bench.verify().misfits.map((misfit) => misfit.seq)).toEqual(expect.arrayContaining([7, 8]));
});

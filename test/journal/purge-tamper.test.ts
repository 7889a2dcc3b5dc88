import { expect, test } from 'vitest';
import type { PlannedRule } from '../../relay/journal/retention-store.ts';
import { encodePayload } from '../../relay/journal/sqlite/codec.ts';
import { BATCH_COLUMNS, columnValues, intactLines, type BatchRow } from '../../relay/journal/sqlite/batch-row.ts';
import { contentHash } from '../../relay/journal/sqlite/chain.ts';
import { harborBatch, heldBatch, JournalBench } from '../support/journal-bench.ts';

const rule: PlannedRule = { name: 'pulls', match: { operation: ['pull_*'] }, beforeMs: 5_000, undelivered: 'keep' };
const MIXED = ['pull_artifact', 'create_artifact', 'pull_artifact'];

/** Batches at 1, 4 and 8 rewritten by purge 1, that at 7 gone by it; 11 gone by purge 2. Both certificates stand in the stream. */
function purged(): JournalBench {
  const bench = new JournalBench();
  bench.append(harborBatch(1, MIXED));
  bench.append(harborBatch(4, MIXED));
  bench.append(harborBatch(7, ['pull_artifact']));
  bench.append(harborBatch(8, MIXED));
  bench.append(harborBatch(11, ['delete_artifact'], 2_000));
  bench.append(harborBatch(12, ['delete_artifact'], 9_000));
  bench.purge({ rules: [rule] });
  tell(bench, 1, 13);
  bench.purge({ rules: [{ ...rule, match: { operation: ['delete_*'] } }] });
  tell(bench, 2, 14);
  expect(bench.verify()).toMatchObject({ certificates: 2, goneBy: { purge: 8 }, misfits: [] });
  return bench;
}

function tell(bench: JournalBench, runId: number, seq: number): void {
  const { hash } = bench.ask('untold')[0]!;
  const event = { id: 'x'.repeat(24), created: '1970-01-01T00:00:09.000Z', dataset: 'spillway.certificate' };
  const line = Buffer.from(`${JSON.stringify({ event, spillway: { certificate: { purge: runId, hash } } })}\n`);
  const shared = new SharedArrayBuffer(line.length);
  line.copy(Buffer.from(shared));
  bench.append(heldBatch(seq, [''], { shared, bytes: line.length, datasets: { 'spillway.certificate': 1 } }));
  bench.ask('told', runId, seq);
}

function behindItsBack(bench: JournalBench, sql: string): void {
  const database = bench.openBehindItsBack();
  database.exec(sql);
  database.close();
}

test.each([
  [
    'a certificate is edited',
    `UPDATE certificate SET body = replace(body, 'tester', 'nobody') WHERE run_id = 1`,
    1,
    'was changed',
  ],
  ['a certificate is removed', 'DELETE FROM certificate WHERE run_id = 2', 14, 'was removed'],
  ['the first certificate is removed', 'DELETE FROM certificate WHERE run_id = 1', 13, 'was removed'],
  [
    'what a purge says that it took is edited',
    'UPDATE purge_item SET taken = 3 WHERE first_seq = 1',
    1,
    'does not fit the list',
  ],
  [
    'what a purge took is struck from its list',
    'DELETE FROM purge_item WHERE first_seq = 7',
    7,
    'no purge says that it took them',
  ],
  ['a batch is removed and marked as purged', FORGED_GAP(), 8, 'no purge says that it took them'],
  [
    'the count of what a batch lacks is edited',
    'UPDATE batch_absent SET records = 1 WHERE first_seq = 4',
    4,
    'are gone',
  ],
  ['a rewritten batch is removed', 'DELETE FROM batch WHERE first_seq = 4', 7, 'are missing'],
])('where %s, verify names the place', (_, sql, seq, problem) => {
  using bench = purged();
  behindItsBack(bench, sql);

  const found = bench.verify().misfits.filter((misfit) => misfit.seq === seq);
  expect(found.map((misfit) => misfit.problem).join('\n')).toContain(problem);
});

/** With the very links that stood there, and all hashes made anew by somebody who knows how. */
function FORGED_GAP(): string {
  return `INSERT INTO gap SELECT 8, 3, line_bytes, 'purge', 0, (SELECT chain_after FROM gap WHERE first_seq = 7), chain_hash, zeroblob(32)
      FROM batch WHERE first_seq = 8;
    DELETE FROM batch WHERE first_seq = 8; DELETE FROM purge_item WHERE first_seq = 8;`;
}

test('a rewritten batch that is edited, with all of its own hashes made anew, is found', () => {
  using bench = purged();
  const database = bench.openBehindItsBack();
  const row = database.prepare(`SELECT ${BATCH_COLUMNS} FROM batch WHERE first_seq = 4`).get() as BatchRow;
  const lines = Buffer.from(intactLines(row).toString().replaceAll('create_artifact', 'CREATE_ARTIFACT'));
  const payload = encodePayload(lines, 1);
  const forged = { ...row, payload_hash: contentHash(payload.bytes), payload_bytes: payload.bytes.length };
  database
    .prepare(`INSERT OR REPLACE INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`)
    .run(...columnValues({ ...forged, encoding: payload.encoding }, payload.bytes));
  database.close();

  expect(bench.verify().misfits).toEqual([{ seq: 4, problem: 'it is not as purge 1 left it: it was changed' }]);
});

test('a certificate that is forged with a hash that fits is not the one in the stream', () => {
  using bench = purged();
  const database = bench.openBehindItsBack();
  const body = String(database.prepare('SELECT body FROM certificate WHERE run_id = 2').pluck().get());
  const forged = body.replace('tester', 'nobody');
  database
    .prepare('UPDATE certificate SET body = ?, hash = ? WHERE run_id = 2')
    .run(forged, contentHash(Buffer.from(forged)));
  database.close();

  expect(bench.verify().misfits.map(({ problem }) => problem)).toEqual([
    'the certificate of purge 2 is not the one that was told in the stream',
  ]);
});

test('an end that was cut shows by how far the journal is known to have come', () => {
  using bench = purged();
  behindItsBack(bench, 'DELETE FROM batch WHERE first_seq >= 12');

  expect(bench.verify({ nextSeqMin: 15 }).misfits).toContainEqual({
    seq: 12,
    problem: expect.stringContaining('its end is gone'),
  });
});

test('anchors fit the journal that they were taken of, wherever in it they were taken', () => {
  using bench = new JournalBench();
  const anchors = [0, 1, 2, 3].map((n) => {
    bench.append(harborBatch(n * 3 + 1, MIXED));
    return anchor(bench);
  });
  bench.reopen();
  expect(bench.verify({ anchors })).toMatchObject({ batches: 1, anchors: { fitting: 4, unknown: 0 }, misfits: [] });

  // The places where merged batches ended are not known any more once their lines have gone; its own end is.
  bench.purge({ rules: [rule] });
  expect(bench.verify({ anchors })).toMatchObject({ anchors: { fitting: 1, unknown: 3 }, misfits: [] });
});

test('an older copy, and one that was rewritten from some place on, are found by an anchor', () => {
  using bench = purged();
  using other = purged();
  other.append(harborBatch(15, MIXED));
  bench.append(harborBatch(15, ['pull_artifact', 'pull_artifact', 'pull_artifact']));
  const rewritten = { ...anchor(other), where: 'siem.ndjson' };
  behindItsBack(other, 'DELETE FROM batch WHERE first_seq >= 15');

  expect(bench.verify({ anchors: [rewritten] }).misfits[0]).toMatchObject({
    seq: 18,
    problem: expect.stringContaining('the chain is another one'),
  });
  expect(other.verify({ anchors: [rewritten] }).misfits).toMatchObject([
    {
      seq: 15,
      problem: expect.stringMatching(/siem.ndjson knows of 3 records more: its end was cut, or this is an older copy/),
    },
  ]);
});

test('an anchor names the last certificate, so that none can be taken away with all that speaks of it', () => {
  using bench = purged();
  const told = anchor(bench);
  behindItsBack(bench, 'UPDATE certificate SET hash = zeroblob(32) WHERE run_id = 2');

  expect(bench.verify({ anchors: [told] }).misfits.map(({ problem }) => problem)).toContain(
    'the certificate that the anchor in a.ndjson names is not there',
  );
});

function anchor(bench: JournalBench) {
  return { ...bench.ask('anchor'), where: 'a.ndjson' };
}

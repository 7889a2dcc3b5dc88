import { expect, test } from 'vitest';
import type { PlannedRule, PurgeRun } from '../../relay/journal/retention-store.ts';
import { JournalHarness } from '../support/journal-harness.ts';

// The journal as the relay has it, with its threads; what purges take is tested without them.

const rule: PlannedRule = { name: 'all', match: {}, beforeMs: 1e15, undelivered: 'keep' };
const start = { dryRun: false, cause: 'manual', who: 'tester', parameters: {} };

async function toEnd(harness: JournalHarness, begun: PurgeRun, meanwhile: () => Promise<void> = async () => {}) {
  const store = harness.journal.retention;
  for (let run = begun; ;) {
    const outcome = await store.step(run, { batchesMax: 1, lookMs: 5 });
    await meanwhile();
    run = outcome.run;
    if (outcome.done) return store.end(run.id, 'done');
  }
}

test('purges, intake and reading go on side by side, and the run is known after a restart', async () => {
  await using harness = await JournalHarness.open();
  for (let n = 0; n < 5; n++) await harness.append([`old ${n}`], { datasets: { old: 1 } });
  const begun = await harness.journal.retention.begin({ ...start, rules: [rule] });
  let n = 0;

  const run = await toEnd(harness, begun, () => harness.append([`new ${n++}`]));
  expect(run).toMatchObject({ state: 'done', tally: { records: 5, batchesRemoved: 5 } });
  expect((await harness.journal.retention.giveBack(10)).pagesLeft).toBeGreaterThanOrEqual(0);
  await harness.journal.retention.rest();

  await harness.reopen();
  expect(await harness.texts()).toEqual(Array.from({ length: n }, (_, i) => `new ${i}`));
  expect(await harness.journal.retention.run(run.id)).toEqual(run);
  expect(await harness.journal.retention.untold()).toMatchObject([{ runId: run.id }]);
  expect(await harness.journal.stats()).toMatchObject({ records: n, purgedRecords: 5 });
});

test('an error of the journal’s thread keeps its code', async () => {
  await using harness = await JournalHarness.open();
  await harness.journal.retention.begin({ ...start, rules: [] });

  await expect(harness.journal.retention.begin({ ...start, rules: [] })).rejects.toMatchObject({
    code: 'PURGE_RUNNING',
  });
  await expect(harness.journal.retention.liftHold(1, { who: 'x', why: 'y' })).rejects.toMatchObject({
    code: 'HOLD_UNKNOWN',
  });
});

test('what an override takes goes from memory, too, and whoever has read it is told', async () => {
  await using harness = await JournalHarness.open();
  const { journal } = harness;
  await journal.openCursor('siem', 'first');
  await harness.append(['one', 'two']);
  const told: number[] = [];
  const end = journal.onPurge((seqs) => told.push(...seqs));
  const begun = await journal.retention.begin({ ...start, rules: [{ ...rule, undelivered: 'purge' }] });
  await harness.append(['three']);

  const run = await toEnd(harness, begun);

  expect(run.tally).toMatchObject({ records: 2, owed: { siem: 2 } });
  expect(told).toEqual([1, 2]);
  const batch = await journal.read(1);
  expect(batch).toMatchObject({ firstSeq: 3, records: 1 });
  batch!.release();
  end();
});

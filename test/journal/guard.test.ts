import { expect, test } from 'vitest';
import { harborBatch, heldBatch, JournalBench, noise } from '../support/journal-bench.ts';

// Batches of 70 KB that do not compress, in a journal that takes about ten of them.
const LIMIT = 1_000_000;

/** Appends until it is refused, or `most` are in. Returns how many went in. */
function fill(bench: JournalBench, most: number, options: Parameters<typeof heldBatch>[2] = {}): number {
  for (let n = 0; n < most; n++) {
    const seq = bench.nextSeq;
    const batch = heldBatch(seq, [noise(seq, 70_000)], {
      receivedFirstMs: Date.now(),
      receivedLastMs: Date.now(),
      ...options,
    });
    if (!bench.append(batch)) return n;
  }
  return most;
}

const scope = { dataset: 'harbor.audit' };
const hold = { scope, who: 'auditor', why: 'case 7' };

test.each(['block', 'drop_oldest'] as const)(
  'with %s a full journal goes on without the batches that a hold is on',
  (whenFull) => {
    using bench = new JournalBench({ bytesMax: LIMIT, whenFull });
    bench.append(harborBatch(1, ['pull_artifact']));
    bench.append(harborBatch(2, ['pull_artifact']));
    bench.ask('addHold', hold);
    expect(fill(bench, 40)).toBe(40);

    const left = [...bench.records().keys()];
    expect(left.slice(0, 2)).toEqual([1, 2]);
    expect(left.length).toBeLessThan(20);
    expect(bench.verify().misfits).toEqual([]);
  },
);

test('a hold on some records of a batch keeps the batch, one on others does not', () => {
  using bench = new JournalBench({ bytesMax: LIMIT });
  bench.append(harborBatch(1, ['pull_artifact']));
  bench.ask('addHold', { ...hold, scope: { repository: 'team/*' } });
  bench.ask('addHold', { ...hold, scope: { dataset: 'syslog', repository: 'team/*' } });
  fill(bench, 40);

  expect([...bench.records().keys()].slice(0, 1)).toEqual([1]);
});

test('with everything held a full journal that blocks takes no more, until the hold is lifted', () => {
  using bench = new JournalBench({ bytesMax: LIMIT });
  const { id } = bench.ask('addHold', { ...hold, scope: { dataset: '*' } });
  // The test's lines name no dataset; the batches do.
  const taken = fill(bench, 40, { datasets: { syslog: 1 } });
  expect(taken).toBeLessThan(20);

  bench.ask('liftHold', id, { who: 'auditor', why: 'closed' });
  expect(fill(bench, 5)).toBe(5);
});

test('what a rule still keeps is not taken back where the journal blocks, and is where it drops', () => {
  for (const [whenFull, goesOn] of [
    ['block', false],
    ['drop_oldest', true],
  ] as const) {
    using bench = new JournalBench({ bytesMax: LIMIT, whenFull });
    bench.ask('protect', { rules: [{ datasets: ['sys*'], keepMs: 3_600_000 }] });
    expect(fill(bench, 40) === 40).toBe(goesOn);
  }
});

test('what no rule names, or has kept for long enough, is taken back', () => {
  using bench = new JournalBench({ bytesMax: LIMIT });
  bench.ask('protect', {
    rules: [
      { datasets: ['harbor.*'], keepMs: undefined },
      { datasets: ['syslog'], keepMs: 1_000 },
    ],
  });
  bench.append(harborBatch(1, ['pull_artifact']));

  expect(fill(bench, 40, { receivedFirstMs: 1_000, receivedLastMs: 1_000 })).toBe(40);
  expect([...bench.records().keys()].slice(0, 1)).toEqual([1]);
});

test('records that are not to be stored stay while a hold is on them', () => {
  using bench = new JournalBench();
  bench.append(heldBatch(1, ['a'], { transient: true, datasets: { syslog: 1 } }));
  const { id } = bench.ask('addHold', { ...hold, scope: { dataset: 'syslog', fromMs: 0, toMs: 1e13 } });
  bench.append(heldBatch(2, ['b'], { transient: true, datasets: { other: 1 } }));
  while (bench.writer.tidy());
  expect([...bench.records().keys()]).toEqual([1]);

  bench.ask('liftHold', id, { who: 'auditor', why: 'closed' });
  while (bench.writer.tidy());
  expect(bench.records().size).toBe(0);
});

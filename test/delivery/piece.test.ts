import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileMatch } from '../../relay/delivery/match.ts';
import { cutBatch, seqAt, splitPiece, type Piece } from '../../relay/delivery/piece.ts';
import { Window } from '../../relay/delivery/window.ts';
import type { Batch } from '../../relay/record/batch.ts';
import { messagesOf } from '../support/fake-journal.ts';

/** Some records of the batch purged: their lines empty, their places there. */
function purged(batch: Batch, absent: readonly number[]): Batch {
  const lines = batch.lines.toString().split('\n').slice(0, -1);
  for (const index of absent) lines[index] = '';
  return { ...batch, absent: absent.length, lines: Buffer.from(lines.map((line) => `${line}\n`).join('')) };
}

interface Made {
  readonly batch: Batch;
  readonly released: () => number;
}

function makeBatch(firstSeq: number, datasets: readonly string[], padding: readonly number[]): Made {
  let released = 0;
  const counts: Record<string, number> = {};
  for (const dataset of datasets) counts[dataset] = (counts[dataset] ?? 0) + 1;
  const line = (dataset: string, i: number): string =>
    `${JSON.stringify({ event: { dataset }, message: `r${firstSeq + i}`, pad: 'x'.repeat(padding[i] ?? 0) })}\n`;
  return {
    batch: {
      firstSeq,
      records: datasets.length,
      lines: Buffer.from(datasets.map(line).join('')),
      datasets: counts,
      receivedFirstMs: 1,
      receivedLastMs: 2,
      release: () => released++,
    },
    released: () => released,
  };
}

const cases = fc.record({
  firstSeq: fc.integer({ min: 1, max: 1_000_000 }),
  datasets: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 40 }),
  padding: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }),
  skip: fc.integer({ min: -5, max: 39 }),
  until: fc.option(fc.integer({ min: 1, max: 45 }), { nil: undefined }),
  wanted: fc.option(fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }), { nil: undefined }),
  recordsMax: fc.integer({ min: 1, max: 50 }),
  bytesMax: fc.integer({ min: 1, max: 2_000 }),
  splits: fc.array(fc.nat(), { maxLength: 8 }),
});

// Goal: however a batch is cut and its pieces are split, they cover its stretch with each wanted record once, in order, and the batch is
// let go of exactly once. Method: random batches, filters, limits and splits, compared with the records themselves.
test('the pieces of a batch hold each wanted record once, in order, and cover the whole stretch', () => {
  fc.assert(
    fc.property(cases, ({ firstSeq, datasets, padding, skip, until, wanted, recordsMax, bytesMax, splits }) => {
      const { batch, released } = makeBatch(firstSeq, datasets, padding);
      const fromSeq = firstSeq + Math.min(skip, datasets.length - 1);
      const start = Math.max(firstSeq, fromSeq);
      const untilSeq = until === undefined ? undefined : Math.max(start + 1, firstSeq + until);
      const end = Math.min(firstSeq + datasets.length, untilSeq ?? Number.MAX_SAFE_INTEGER);
      const matcher = compileMatch(wanted === undefined ? undefined : { 'event.dataset': wanted });

      let pieces = cutBatch(batch, fromSeq, matcher, { recordsMax, bytesMax, inFlightMax: 1 }, untilSeq);
      for (const piece of pieces) {
        expect(piece.records).toBeLessThanOrEqual(recordsMax);
        if (piece.records > 1) expect(piece.lines.length).toBeLessThanOrEqual(bytesMax);
      }
      for (const split of splits) {
        const at = pieces.findIndex((piece) => piece.records > 1);
        if (at < 0) break;
        const piece = pieces[at]!;
        pieces = pieces.toSpliced(at, 1, ...splitPiece(piece, 1 + (split % (piece.records - 1))));
      }

      const expected = datasets.flatMap((dataset, i) => {
        const seq = firstSeq + i;
        return seq >= start && seq < end && (wanted === undefined || wanted.includes(dataset)) ? [seq] : [];
      });
      expect(pieces.flatMap(seqsOf)).toEqual(expected);
      expect(pieces.flatMap(messagesOf)).toEqual(expected.map((seq) => `r${seq}`));
      expect(pieces[0]!.fromSeq).toBe(start);
      expect(pieces.at(-1)!.toSeq).toBe(end);
      for (let i = 1; i < pieces.length; i++) expect(pieces[i]!.fromSeq).toBe(pieces[i - 1]!.toSeq);
      for (const piece of pieces)
        for (const seq of seqsOf(piece)) expect(seq >= piece.fromSeq && seq < piece.toSeq).toBe(true);

      const copied = released() === 1;
      for (const piece of pieces.slice(1)) piece.release();
      if (!copied) expect(released()).toBe(0);
      pieces[0]!.release();
      expect(released()).toBe(1);
    }),
    { numRuns: 500 },
  );
});

test('the place after the last record of a piece is its end', () => {
  const { batch } = makeBatch(10, ['a', 'b', 'a', 'b'], []);
  const [piece] = cutBatch(batch, 10, compileMatch({ 'event.dataset': 'a' }), {
    recordsMax: 10,
    bytesMax: 10_000,
    inFlightMax: 1,
  });

  expect([0, 1, 2].map((index) => seqAt(piece!, index))).toEqual([10, 12, 14]);
});

test('a record larger than the limit goes by itself', () => {
  const { batch } = makeBatch(1, ['a', 'a', 'a'], [0, 5_000, 0]);
  const pieces = cutBatch(batch, 1, compileMatch(undefined), { recordsMax: 10, bytesMax: 1_000, inFlightMax: 1 });

  expect(pieces.map(messagesOf)).toEqual([['r1'], ['r2'], ['r3']]);
});

function seqsOf(piece: Piece): number[] {
  return Array.from({ length: piece.records }, (_, i) => seqAt(piece, i));
}

test.each([
  { what: 'all', fromSeq: 10, match: undefined, untilSeq: undefined, seqs: [10, 12, 15] },
  { what: 'from the middle', fromSeq: 12, match: undefined, untilSeq: undefined, seqs: [12, 15] },
  { what: 'from a place that is gone', fromSeq: 13, match: undefined, untilSeq: undefined, seqs: [15] },
  { what: 'up to a place', fromSeq: 10, match: undefined, untilSeq: 14, seqs: [10, 12] },
  { what: 'only one dataset', fromSeq: 10, match: 'b', untilSeq: undefined, seqs: [15] },
  { what: 'nothing that matches', fromSeq: 10, match: 'z', untilSeq: undefined, seqs: [] },
])('of a batch that a purge has taken from, $what keeps its places and counts what is gone', (wanted) => {
  // Places 10 to 15: a, (gone), a, (gone), (gone), b.
  const { batch } = makeBatch(10, ['a', 'a', 'a', 'b', 'a', 'b'], []);
  const matcher = compileMatch(wanted.match === undefined ? undefined : { 'event.dataset': wanted.match });
  const limits = { recordsMax: 2, bytesMax: 10_000, inFlightMax: 9 };
  const window = new Window();

  const pieces = cutBatch(purged(batch, [1, 3, 4]), wanted.fromSeq, matcher, limits, wanted.untilSeq);
  for (const piece of pieces) window.add(piece);
  const sent = pieces.flatMap((piece) => messagesOf(piece));
  for (let piece = window.take(); piece !== undefined; piece = window.take()) window.done(piece);
  const progress = window.settle()!;

  const end = wanted.untilSeq ?? 16;
  const gone = [11, 13, 14].filter((seq) => seq >= wanted.fromSeq && seq < end).length;
  expect(sent).toEqual(wanted.seqs.map((seq) => `r${seq}`));
  expect(progress).toMatchObject({ fromSeq: wanted.fromSeq, toSeq: end, delivered: wanted.seqs.length });
  expect(progress.purged ?? 0).toBe(gone);
  expect(progress.filtered).toBe(end - wanted.fromSeq - gone - wanted.seqs.length);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { median, medians } from './figures.ts';
import { Judge, sentAtIn, sequenceIn } from './load/judge.ts';
import { LineReader, countLines } from './load/line-reader.ts';
import { BLOCK_LINES } from './load/lines.ts';

function judged(records: number, connections: number, numbers: readonly number[]): Judge {
  const judge = new Judge(records, connections);
  for (const number of numbers) judge.number(number);
  return judge;
}

test('all numbers once and in order is a clean verdict', () => {
  const judge = judged(100, 1, [...Array(100).keys()]);

  expect(judge.verdict()).toEqual({ distinct: 100, lost: 0, repeated: 0, outOfOrder: 0, unknown: 0 });
});

test('what is missing is lost, what comes again is repeated', () => {
  const judge = judged(10, 1, [0, 1, 2, 2, 5, 5, 5]);

  expect(judge.verdict()).toMatchObject({ distinct: 4, lost: 6, repeated: 3, outOfOrder: 0 });
});

test('what was never sent is not missed', () => {
  expect(judged(10, 1, [0, 1, 2]).verdict(4)).toMatchObject({ lost: 1 });
});

test('order is judged for each connection alone', () => {
  const otherConnection = BLOCK_LINES;

  const inOrder = judged(2 * BLOCK_LINES, 2, [otherConnection, 0, otherConnection + 1, 1]);
  expect(inOrder.verdict().outOfOrder).toBe(0);
  const swapped = judged(2 * BLOCK_LINES, 2, [1, otherConnection, 0]);
  expect(swapped.verdict().outOfOrder).toBe(1);
});

test('a repeat of an old number is a repeat, not a lack of order', () => {
  expect(judged(10, 1, [0, 1, 2, 0]).verdict()).toMatchObject({ repeated: 1, outOfOrder: 0 });
});

test('a number beyond all that were sent, or none at all, is unknown', () => {
  const judge = new Judge(10, 1);
  const garbage = Buffer.from('no number here');

  judge.number(10);
  judge.line(garbage, 0, garbage.length);

  expect(judge.verdict()).toMatchObject({ unknown: 2, distinct: 0 });
});

test.each([
  ['raw', '[load@32473 seq="000000123456" at="0000000000000042"] hello'],
  ['inside a JSON string', String.raw`{"sd":"[load@32473 seq=\"000000123456\" at=\"0000000000000042\"]"}`],
  [
    'behind the same letters by chance',
    '{"id":"k3f9x2-7gq2m1z-00000seq1","at=":"","sd":"seq=000000123456 at=0000000000000042"}',
  ],
  ['as JSON fields', '{"load@32473":{"seq":"000000123456","at":"0000000000000042"}}'],
])('the numbers of a line are found %s', (_, text) => {
  const bytes = Buffer.from(text);

  expect(sequenceIn(bytes, 0, bytes.length)).toBe(123_456);
  expect(sentAtIn(bytes, 0, bytes.length)).toBe(42);
});

test.each(['seq="12"', 'seq="00000012x456"', 'seq', 'sequence 000000123456', ''])('%j has no number', (text) => {
  const bytes = Buffer.from(text);

  expect(sequenceIn(bytes, 0, bytes.length)).toBe(-1);
});

test('a number in the next line is not taken for this one', () => {
  const bytes = Buffer.from('nothing\nseq="000000000007"\n');

  expect(sequenceIn(bytes, 0, 7)).toBe(-1);
  expect(sequenceIn(bytes, 8, bytes.length)).toBe(7);
});

test('lines are the same however they are cut into reads', () => {
  const text = fc.array(
    fc.string({ maxLength: 12 }).map((line) => line.replaceAll('\n', '_')),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(text, fc.array(fc.nat(200), { maxLength: 10 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const seen: string[] = [];
      const reader = new LineReader((from, start, end) => seen.push(from.toString('utf8', start, end)));
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      const chunks = places.slice(1).map((end, n) => bytes.subarray(places[n], end));

      const counts = chunks.map((chunk) => reader.push(chunk));

      expect(seen).toEqual(lines);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(lines.length);
      expect(chunks.reduce((sum, chunk) => sum + countLines(chunk), 0)).toBe(lines.length);
    }),
  );
});

test('a median does not care for outliers, nor for what was not measured', () => {
  expect(median([3, 1, 1_000])).toBe(3);
  expect(median([4, 2])).toBe(3);
  expect(median([Number.NaN, 5])).toBe(5);
  expect(median([])).toBeNaN();
  expect(medians([{ a: 1 }, { a: 3 }, { a: 2 }])).toEqual({ a: 2 });
});

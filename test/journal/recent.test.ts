import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Recent } from '../../relay/journal/sqlite/recent.ts';
import { endSeq, type BuiltBatch } from '../../relay/record/batch.ts';
import { Slab } from '../../relay/record/slab.ts';

const lineOf = (seq: number, bytes: number): string => `${String(seq).padStart(8, '0')}${'x'.repeat(bytes)}\n`;

function batchOf(firstSeq: number, records: number, lineBytes: number, dataset = 'syslog'): BuiltBatch {
  const text = Array.from({ length: records }, (_, n) => lineOf(firstSeq + n, lineBytes)).join('');
  const slab = new Slab(text.length);
  slab.bytes.write(text, 'latin1');
  return {
    firstSeq,
    records,
    slab,
    bytes: text.length,
    receivedFirstMs: firstSeq * 10,
    receivedLastMs: (firstSeq + records) * 10,
    eventFirstMs: 0,
    eventLastMs: 0,
    datasets: { [dataset]: records },
    streams: [],
    streamsCut: false,
    transient: false,
    receipts: [],
    changes: [],
    continues: false,
  };
}

/** Small ones mostly, and some of the size that is not joined. */
const sizes = fc.array(
  fc.record({
    records: fc.integer({ min: 1, max: 4 }),
    lineBytes: fc.oneof(
      { weight: 5, arbitrary: fc.nat(300) },
      { weight: 1, arbitrary: fc.integer({ min: 20_000, max: 40_000 }) },
    ),
  }),
  { minLength: 1, maxLength: 120 },
);

test('every record that is kept is read with those after it, as it was, whatever was added since', () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 50_000, max: 900_000 }), (batches, bytesMax) => {
      const recent = new Recent(bytesMax);
      const lines: string[] = [''];
      const given: { text: string; lines: Buffer }[] = [];
      for (const { records, lineBytes } of batches) {
        const batch = batchOf(lines.length, records, lineBytes);
        for (let n = 0; n < records; n++) lines.push(lineOf(batch.firstSeq + n, lineBytes));
        recent.add(batch);
        const read = recent.read(lines.length - 1)!;
        given.push({ text: read.lines.toString('latin1'), lines: read.lines });
      }
      for (let seq = recent.firstSeq!; seq < lines.length; seq++) {
        const read = recent.read(seq)!;
        expect(read.firstSeq).toBeLessThanOrEqual(seq);
        expect(endSeq(read)).toBeGreaterThan(seq);
        expect(read.lines.toString('latin1')).toBe(lines.slice(read.firstSeq, endSeq(read)).join(''));
        expect(read.receivedFirstMs).toBe(read.firstSeq * 10);
        expect(read.receivedLastMs).toBe(endSeq(read) * 10);
        read.release();
      }
      for (const { text, lines: bytes } of given) expect(bytes.toString('latin1')).toBe(text);
      expect(recent.read(lines.length)).toBeUndefined();
    }),
    { numRuns: 60 },
  );
});

test('the oldest go where there is no more room; small ones in their tens of thousands too', () => {
  const recent = new Recent(1_048_576);

  for (let seq = 1; seq <= 20_000; seq++) recent.add(batchOf(seq, 1, 300));

  expect(recent.firstSeq).toBeGreaterThan(15_000);
  expect(recent.firstSeq).toBeLessThan(19_000);
  expect(recent.read(recent.firstSeq! - 1)).toBeUndefined();
  expect(recent.read(20_000)!.records).toBe(1);
});

test('what holds none of some datasets is passed over', () => {
  const recent = new Recent(1_048_576);
  recent.add(batchOf(1, 2, 300));
  recent.add(batchOf(3, 2, 40_000));
  recent.add(batchOf(5, 2, 300, 'wanted'));

  expect(recent.passOver(2, ['wanted'])).toBe(5);
  expect(recent.passOver(2, ['syslog'])).toBe(2);
  expect(recent.passOver(2, ['other'])).toBe(7);
});

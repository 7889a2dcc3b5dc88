import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Compressor } from '../../relay/journal/sqlite/compressor.ts';
import { noise } from '../support/journal-bench.ts';

const piece = fc.oneof(
  fc.uint8Array({ maxLength: 3_000 }),
  fc.integer({ min: 0, max: 300_000 }).map((bytes) => Buffer.from(noise(bytes, bytes))),
  fc.integer({ min: 0, max: 300_000 }).map((bytes) => Buffer.alloc(bytes, 'abcdefg ')),
);

test.each([1, 3, 9])('at level %s each piece comes back as it was, whatever came before it', (level) => {
  const compressor = new Compressor(level);
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), (pieces) => {
      const packed = pieces.map((bytes) => compressor.compress(bytes));
      for (const [i, bytes] of pieces.entries())
        expect(zstdDecompressSync(packed[i]!).equals(Buffer.from(bytes))).toBe(true);
    }),
    { numRuns: level === 1 ? 40 : 10 },
  );
});

test('what compresses well becomes small, and one piece does not depend on another', () => {
  const compressor = new Compressor(1);
  const lines = Buffer.from('{"message":"the same again and again"}\n'.repeat(10_000));
  const first = compressor.compress(lines);
  compressor.compress(Buffer.from(noise(1, 200_000)));

  expect(first.length).toBeLessThan(lines.length / 100);
  expect(compressor.compress(lines)).toEqual(first);
});

import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePayload } from '../../relay/journal/sqlite/codec.ts';
import { Compressor } from '../../relay/journal/sqlite/compressor.ts';
import { Unpacker } from '../../relay/journal/sqlite/unpacker.ts';
import { noise } from '../support/journal-bench.ts';

const compressor = new Compressor(1);

const piece = fc.oneof(
  fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 0, max: 300_000 }).map((bytes) => Buffer.from(noise(bytes, bytes))),
  fc.integer({ min: 0, max: 300_000 }).map((bytes) => Buffer.alloc(bytes, 'abcdefg ')),
);

test('each payload comes back as it was, whatever was unpacked before it', () => {
  const unpacker = new Unpacker();
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), (pieces) => {
      for (const bytes of pieces) {
        expect(unpacker.unpack(compressor.compress(bytes), 'zstd', bytes.length).equals(bytes)).toBe(true);
        expect(unpacker.unpack(zstdCompressSync(bytes), 'zstd', bytes.length).equals(bytes)).toBe(true);
        expect(unpacker.unpack(bytes, 'plain', bytes.length).equals(bytes)).toBe(true);
      }
    }),
    { numRuns: 40 },
  );
});

// Goal: damage is told, and never spoils what comes after it. Method: payloads cut, changed, and with a wrong length, each followed by a
// good one; what the documented function says of them is what must be said.
test('of a damaged payload it gives nothing but what the documented function gives, and goes on with the next', () => {
  const unpacker = new Unpacker();
  const good = Buffer.from('{"message":"as it was written"}\n'.repeat(500));
  const packedGood = compressor.compress(good);
  fc.assert(
    fc.property(
      piece,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.integer({ min: -2, max: 2 }),
      fc.boolean(),
      (bytes, place, change, off, cut) => {
        const packed = Buffer.from(compressor.compress(bytes));
        const at = place % packed.length;
        packed[at]! ^= change;
        const damaged = cut ? packed.subarray(0, at) : packed;
        const size = Math.max(0, bytes.length + off);
        const attempt = (decode: () => Buffer): string => {
          try {
            return decode().toString('base64');
          } catch {
            return 'refused';
          }
        };
        const told = attempt(() => unpacker.unpack(damaged, 'zstd', size));
        // Where the end of a frame is missing, as much as was asked for may have come already.
        const right = [attempt(() => decodePayload(damaged, 'zstd', size)), bytes.toString('base64', 0, size)];
        if (told !== 'refused') expect(right).toContain(told);
        expect(unpacker.unpack(packedGood, 'zstd', good.length).equals(good)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test('a payload that holds more or less than it should is refused', () => {
  const unpacker = new Unpacker();
  const packed = compressor.compress(Buffer.alloc(100_000, 'abc'));

  expect(() => unpacker.unpack(packed, 'zstd', 99_999)).toThrow();
  expect(() => unpacker.unpack(packed, 'zstd', 100_001)).toThrow('100000 bytes where 100001 were written');
  expect(() => unpacker.unpack(packed.subarray(0, -1), 'zstd', 100_000)).toThrow();
  expect(unpacker.unpack(packed, 'zstd', 100_000)).toHaveLength(100_000);
});

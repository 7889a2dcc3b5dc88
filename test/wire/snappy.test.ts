import fc from 'fast-check';
import { compress } from 'snappyjs';
import { expect, test } from 'vitest';
import { SNAPPY_MALFORMED, SNAPPY_TOO_LARGE, unpackSnappy } from '../../relay/wire/snappy.ts';

test('what snappyjs packs is unpacked', () => {
  const runs = fc
    .array(fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 1, max: 300 })))
    .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))));
  fc.assert(
    fc.property(runs, (bytes) => {
      expect(unpackSnappy(compress(bytes), bytes.length)).toEqual(bytes);
    }),
  );
});

test('what announces more than is allowed is not unpacked', () => {
  const packed = compress(Buffer.alloc(1_000));

  expect(unpackSnappy(packed, 1_000)).toEqual(Buffer.alloc(1_000));
  expect(unpackSnappy(packed, 999)).toBe(SNAPPY_TOO_LARGE);
});

test.each([
  ['nothing', []],
  ['a length without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['more promised than comes', [5, 0x00, 0x61]],
  ['less promised than comes', [1, 0x04, 0x61, 0x62]],
  ['a literal beyond the end', [4, 0x0c, 0x61]],
  ['a literal of negative length', [10, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['a copy from before the start', [4, 0x00, 0x61, 0x01, 0x02]],
  ['a copy with offset 0', [5, 0x00, 0x61, 0x01, 0x00]],
  ['a copy cut off', [5, 0x00, 0x61, 0x02]],
])('%s is malformed', (_, bytes) => {
  expect(unpackSnappy(Buffer.from(bytes), 100)).toBe(SNAPPY_MALFORMED);
});

test('no bytes make it throw, or run on', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const unpacked = unpackSnappy(bytes, 10_000);
      expect(typeof unpacked === 'string' || unpacked.length <= 10_000).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

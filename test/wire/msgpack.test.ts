import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { JSON_DEPTH_MAX, JSON_EXPANSION_MAX } from '../../relay/wire/msgpack-json.ts';
import { readTime, valueEnd, ValueScanner, type Moment, type ScanResult } from '../../relay/wire/msgpack.ts';
import { EventTime, pack, rawString, toJson } from '../support/msgpack.ts';

const BYTES_MAX = 16 << 20;

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function scan(bytes: Uint8Array, endMax = BYTES_MAX): { result: ScanResult; position: number } {
  const scanner = new ValueScanner();
  return { result: scanner.scan(bytes, bytes.length, endMax), position: scanner.position };
}

/** Anything that MessagePack can carry and JSON can too. */
const plainValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    // The encoder writes minus zero as the integer 0, so there is nothing to compare.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value')),
  ),
})).value;

/** JSON.stringify that writes every digit of a bigint. */
function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}:${jsonOf(inner)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}

/** Characters that we escape and JSON.stringify does not, made alike on both sides. */
function normal(json: string): string {
  return json.replace(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Goal: whatever another implementation encodes, we read. Method: random values, encoded by theirs, written as JSON by ours, and
// compared as text with the JSON of the value itself.
test('the JSON of a value is the same, digit for digit, as that of the value another implementation encoded', () => {
  fc.assert(
    fc.property(plainValue, (value) => {
      const bytes = pack(value);

      expect(scan(bytes)).toEqual({ result: 'complete', position: bytes.length });
      const { text, end, lossy } = toJson(bytes);
      expect(text).toBe(normal(jsonOf(value)));
      expect(end).toBe(bytes.length);
      expect(lossy).toBe(false);
    }),
    { numRuns: 1_500 },
  );
});

// Goal: the scanner's state survives any split. Method: the same bytes at once and in random pieces.
test('a value that arrives in pieces is found at the same place as one that arrives at once', () => {
  fc.assert(
    fc.property(plainValue, fc.array(fc.nat(50), { maxLength: 20 }), (value, sizes) => {
      const bytes = pack(value);
      const scanner = new ValueScanner();
      let shown = 0;
      for (const size of sizes) {
        shown = Math.min(shown + size, bytes.length - 1);
        expect(scanner.scan(bytes, shown, BYTES_MAX)).toBe('incomplete');
      }

      expect(scanner.scan(bytes, bytes.length, BYTES_MAX)).toBe('complete');
      expect(scanner.position).toBe(bytes.length);
    }),
  );
});

test('a value cut at any byte is incomplete, never malformed and never complete', () => {
  const bytes = pack([
    'tag',
    [[new EventTime(1, 2), { a: [1.5, -7, 2n ** 63n, 'x'.repeat(300)], b: Buffer.alloc(70_000) }]],
  ]);

  for (let end = 0; end < bytes.length; end += end < 600 ? 1 : 997) {
    expect(scan(bytes.subarray(0, end)).result).toBe('incomplete');
    expect(valueEnd(bytes, 0, end)).toBe(-1);
  }
});

// Goal: no bytes make the reader throw or write more than it said. Method: random bytes; where the scanner finds a value, it is
// written as JSON into exactly the room promised.
test('random bytes never throw, and what is found in them is valid JSON within the promised room', () => {
  const spiced = fc.array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0x80, 0x81, 0x90, 0x91, 0x92, 0xc0, 0xc4, 0xc7, 0xca, 0xd4, 0xd6, 0xd7, 0xd8, 0xd9, 0xdc, 0xde),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(spiced, (numbers) => {
      const bytes = Uint8Array.from(numbers);
      const { result, position } = scan(bytes, 1_000);
      if (result !== 'complete') return;

      const { text, end } = toJson(bytes);
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(end).toBe(position);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(position * JSON_EXPANSION_MAX);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ['array32 of 4 294 967 295', 'dd ffffffff'],
  ['map32 of 4 294 967 295', 'df ffffffff'],
  ['str32 without a body', 'db ffffffff'],
  ['bin32 without a body', 'c6 ffffffff'],
  ['ext32 without a body', 'c9 ffffffff 01'],
  ['map32 in an array', '91 df 80000000'],
])('%s is refused as soon as it is read', (_name, text) => {
  expect(scan(hex(text)).result).toBe('too_large');
  expect(valueEnd(hex(text), 0, 6)).toBe(-1);
});

test('the one byte that MessagePack never uses is malformed wherever a value should begin', () => {
  expect(scan(hex('c1')).result).toBe('malformed');
  expect(scan(hex('93 01 c1 02')).result).toBe('malformed');
});

test('100 000 nested arrays are read without recursion and kept as base64 from the depth that is allowed', () => {
  const bytes = Buffer.concat([Buffer.alloc(100_000, 0x91), hex('c0')]);

  expect(scan(bytes)).toEqual({ result: 'complete', position: bytes.length });
  const { text, end } = toJson(bytes);
  expect(end).toBe(bytes.length);
  expect(text.slice(0, JSON_DEPTH_MAX + 9)).toBe(`${'['.repeat(JSON_DEPTH_MAX)}"msgpack:`);
  let value = JSON.parse(text) as unknown;
  for (let depth = 0; depth < JSON_DEPTH_MAX; depth++) value = (value as unknown[])[0];
  expect(Buffer.from(String(value).slice('msgpack:'.length), 'base64')).toEqual(bytes.subarray(JSON_DEPTH_MAX));
});

test.each([
  ['cf ffffffffffffffff', '18446744073709551615'],
  ['d3 8000000000000000', '-9223372036854775808'],
  ['cf 0020000000000001', '9007199254740993'],
  ['ff', '-1'],
  ['d0 80', '-128'],
  ['d1 8000', '-32768'],
  ['d2 80000000', '-2147483648'],
  ['ca 3fc00000', '1.5'],
  ['ca 7fc00000', '"NaN"'],
  ['cb 7ff0000000000000', '"Infinity"'],
  ['cb fff0000000000000', '"-Infinity"'],
  ['cb 8000000000000000', '-0'],
  ['c4 03 616263', '"abc"'],
  ['c4 02 fffe', '"//4="'],
  ['d4 05 00', '"msgpack:1AUA"'],
  ['c7 00 05', '"msgpack:xwAF"'],
  ['d7 00 0000000a 00000001', '"1970-01-01T00:00:10.000000001Z"'],
  ['c7 08 00 0000000a 00000000', '"1970-01-01T00:00:10Z"'],
  ['d6 ff 0000000a', '"1970-01-01T00:00:10Z"'],
  ['c7 03 ff 000000', '"msgpack:xwP/AAAA"'],
  ['84 01 02 c0 03 c3 04 ca3fc00000 05', '{"1":2,"null":3,"true":4,"1.5":5}'],
  ['81 91 01 02', '{"kQE=":2}'],
  ['82 a1 61 01 a1 61 02', '{"a":1,"a":2}'],
])('%s is written as %s', (bytes, json) => {
  expect(toJson(hex(bytes)).text).toBe(json);
});

test('a key named __proto__ is a key like any other', () => {
  const bytes = Buffer.concat([
    hex('81 a9'),
    Buffer.from('__proto__'),
    hex('81 a8'),
    Buffer.from('polluted'),
    hex('c3'),
  ]);

  expect(toJson(bytes).text).toBe('{"__proto__":{"polluted":true}}');
});

test('a string that is not UTF-8 is marked as such', () => {
  expect(toJson(rawString(hex('63 61 66 e9')))).toMatchObject({ text: '"caf\ufffd"', lossy: true });
});

test.each([
  ['d7 00 6b025d39 39b9e0bd', { epochSeconds: 0x6b025d39, nanos: 0x39b9e0bd }],
  ['c7 08 00 6b025d39 00000000', { epochSeconds: 0x6b025d39, nanos: 0 }],
  ['ce 6b025d39', { epochSeconds: 0x6b025d39, nanos: 0 }],
  ['d6 ff 6b025d39', { epochSeconds: 0x6b025d39, nanos: 0 }],
  ['d7 ff 00000004 00000001', { epochSeconds: 1, nanos: 1 }],
  ['c7 0c ff 00000007 0000000000000002', { epochSeconds: 2, nanos: 7 }],
  ['cb 3ff8000000000000', { epochSeconds: 1, nanos: 500_000_000 }],
])('%s is a time', (bytes, expected) => {
  const moment: Moment = { epochSeconds: 0, nanos: 0 };

  expect(readTime(sourceOf(hex(bytes)), 0, moment)).toBe(true);
  expect(moment).toEqual(expected);
});

test.each([
  ['nanoseconds beyond a second', 'd7 00 00000001 3b9aca00'],
  ['the start of a group', 'd7 00 ffffffff 00000000'],
  ['before 1970', 'ff'],
  ['beyond the year 9999', 'cf 0000ffffffffffff'],
  ['not a number', 'cb 7ff8000000000000'],
  ['an extension of another type', 'd7 01 00000001 00000000'],
  ['an EventTime of the wrong length', 'd6 00 00000001'],
  ['a timestamp of the wrong length', 'c7 03 ff 000000'],
  ['text', 'a1 31'],
])('%s is no time', (_name, bytes) => {
  expect(readTime(sourceOf(hex(bytes)), 0, { epochSeconds: 0, nanos: 0 })).toBe(false);
});

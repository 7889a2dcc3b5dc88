import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSize, parseSize, sizeOption } from '../../relay/config/size.ts';

test.each([
  { text: '0', bytes: 0 },
  { text: '1024', bytes: 1_024 },
  { text: '20GiB', bytes: 20 * 1024 ** 3 },
  { text: ' 512 KiB ', bytes: 512 * 1024 },
  { text: '1.5GB', bytes: 1_500_000_000 },
])('$text is $bytes bytes', ({ text, bytes }) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', 'GiB', '-1', '1 gib', '1e9', '20 G', '1constructor', '999999999TiB', '１GiB'])(
  '%j is no size',
  (text) => {
    expect(parseSize(text)).toBeTypeOf('string');
  },
);

test('a size that is written out reads back the same', () => {
  fc.assert(fc.property(fc.nat(), (n) => parseSize(formatSize(n * 1024).replace(' bytes', '')) === n * 1024));
});

test('an option takes numbers and texts within its limits', () => {
  const option = sizeOption({ bytesMin: 1024, bytesMax: 1024 ** 2, fallback: '64KiB' });

  expect([undefined, '2KiB', 4096].map((value) => option.parse(value))).toEqual([65_536, 2_048, 4_096]);
  expect(['1B', '2MiB', 'much', -5, 1.5, true].map((value) => option.safeParse(value).success)).not.toContain(true);
});

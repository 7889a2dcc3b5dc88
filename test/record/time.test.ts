import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { daysFromCivil, daysInMonth, parseRfc3339, rfc3339Time, writeIsoTime } from '../../relay/record/time.ts';

const YEAR_0_MS = Date.parse('0000-01-01T00:00:00.000Z');
const YEAR_9999_MS = Date.parse('9999-12-31T23:59:59.999Z');
const anyTime = fc.oneof(
  fc.integer({ min: YEAR_0_MS, max: YEAR_9999_MS }),
  fc.integer({ min: 0, max: 4_102_444_800_000 }),
  // Around midnight, where the date that is kept must change.
  fc.integer({ min: -100_000, max: 100_000 }).map((day) => day * 86_400_000),
  fc.integer({ min: -100_000, max: 100_000 }).map((day) => day * 86_400_000 - 1),
);

function written(ms: number): string {
  const bytes = Buffer.alloc(24);
  writeIsoTime(bytes, 0, ms);
  return bytes.toString();
}

/** Parses a text that stands in the middle of other bytes. */
function parsed(text: string): number | undefined {
  const before = 'x'.repeat(3);
  const source = sourceOf(Buffer.from(`${before}${text}5+09:00Z`));
  return parseRfc3339(source, 3, 3 + Buffer.byteLength(text)) ? rfc3339Time.epochMs : undefined;
}

test('times are written as Date writes them', () => {
  fc.assert(
    fc.property(anyTime, (ms) => {
      expect(written(ms)).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 2_000 },
  );
});

test('what is written is read back, with any offset and any digits of a second', () => {
  const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
  const fraction = fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: 9 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_000_000_000 }), offset, fraction, (seconds, minutes, digits) => {
      const local = new Date((seconds + minutes * 60) * 1_000).toISOString().slice(0, 19);
      const size = Math.abs(minutes);
      const zone = `${minutes < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
      const text = `${local}${digits === '' ? '' : `.${digits}`}${zone}`;

      expect(parsed(text)).toBe(seconds * 1_000 + Number(digits.padEnd(3, '0').slice(0, 3)));
      expect(rfc3339Time).toMatchObject({ offsetMinutes: minutes === 0 ? expect.closeTo(0) : minutes, zulu: false });
      expect(rfc3339Time.fractionEnd - rfc3339Time.fractionStart).toBe(digits.length);
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:60Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.Z',
  '2026-01-01T00:00:00.1234567890Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00+01:60',
  '2026-01-01T00:00:00+0100',
  '2026-01-01T00:00:00 Z',
  '2026-01-01t00:00:00Z',
  '2026-01-01T00:00:00z',
  '2026-01-01 00:00:00Z',
  '2026-1-1T00:00:00Z',
  '+026-01-01T00:00:00Z',
  '2026-01-01T00:00:0٣Z',
  '',
])('%j is no time', (text) => {
  expect(parsed(text)).toBeUndefined();
});

test('a bad time after a good one of the same minute is still bad, and the other way round', () => {
  expect(parsed('2026-01-01T00:00:01Z')).toBe(Date.parse('2026-01-01T00:00:01Z'));
  expect(parsed('2026-01-01T00:00:99Z')).toBeUndefined();
  expect(parsed('2026-01-01T00:99:01Z')).toBeUndefined();
  expect(parsed('2026-01-01T00:00:02Z')).toBe(Date.parse('2026-01-01T00:00:02Z'));
});

test('days and months are those of the calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_999 }), fc.integer({ min: 1, max: 12 }), (year, month) => {
      const first = new Date(0);
      first.setUTCFullYear(year, month - 1, 1);
      const next = new Date(0);
      next.setUTCFullYear(year, month, 1);
      expect(daysFromCivil(year, month, 1)).toBe(first.getTime() / 86_400_000);
      expect(daysInMonth(year, month)).toBe((next.getTime() - first.getTime()) / 86_400_000);
    }),
  );
});

import { expect, test } from 'vitest';
import { retentionOptions, type WindowOptions } from '../../relay/retention/options.ts';
import { isOpen, nextOpening } from '../../relay/retention/windows.ts';

const windows = (...given: object[]): readonly WindowOptions[] => retentionOptions.parse({ windows: given }).windows;
const at = (text: string): number => Date.parse(text);

test.each([
  ['2026-11-22T22:00:00Z', true],
  ['2026-11-22T21:59:59Z', false],
  ['2026-11-23T05:59:59Z', true],
  ['2026-11-23T06:00:00Z', false],
])('a window over midnight at %s is open: %s', (time, open) => {
  expect(isOpen(windows({ start: '22:00', length_minutes: 480 }), 'UTC', at(time))).toBe(open);
});

test('a window opens on its days only, also where it reaches into the next week', () => {
  const sunday = windows({ start: '22:00', length_minutes: 480, days: ['sun'] });

  expect(isOpen(sunday, 'UTC', at('2026-11-23T03:00:00Z'))).toBe(true);
  expect(isOpen(sunday, 'UTC', at('2026-11-24T03:00:00Z'))).toBe(false);
  expect(nextOpening(sunday, 'UTC', at('2026-11-23T07:00:30Z'))).toBe(at('2026-11-29T22:00:00Z'));
});

test('windows go by the clock of their time zone', () => {
  const night = windows({ start: '22:00', length_minutes: 60 });

  expect(isOpen(night, 'Europe/Berlin', at('2026-11-22T21:30:00Z'))).toBe(true);
  expect(isOpen(night, 'Europe/Berlin', at('2026-07-22T20:30:00Z'))).toBe(true);
  expect(isOpen(night, 'Asia/Kolkata', at('2026-11-22T21:30:00Z'))).toBe(false);
});

test('without windows purges may work at any time', () => {
  expect(isOpen([], 'UTC', 0)).toBe(true);
});

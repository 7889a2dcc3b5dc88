import { expect, test } from 'vitest';
import { LocalTimeResolver, zoneOffset } from '../../../relay/inputs/syslog/local-time.ts';
import { SyslogHeader, TIME_LOCAL } from '../../../relay/wire/syslog-header.ts';

function resolve(zone: string, time: string, now = '2026-11-22T05:20:10Z', yearless = false): string | undefined {
  const [year, month, day, hour, minute, second] = time.split(/[-T:]/).map(Number);
  const header = new SyslogHeader();
  Object.assign(header, { time: TIME_LOCAL, year: yearless ? 0 : year, month, day, hour, minute, second });
  const ms = new LocalTimeResolver(zoneOffset(zone)!).resolve(header, Date.parse(now));
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

test.each([
  ['UTC', '2026-07-01T12:00:00', '2026-07-01T12:00:00.000Z'],
  ['+05:30', '2026-07-01T12:00:00', '2026-07-01T06:30:00.000Z'],
  ['-03:30', '2026-12-31T23:00:00', '2027-01-01T02:30:00.000Z'],
  ['Europe/Berlin', '2026-07-01T12:00:00', '2026-07-01T10:00:00.000Z'],
  ['Europe/Berlin', '2026-01-01T12:00:00', '2026-01-01T11:00:00.000Z'],
  ['Europe/Berlin', '2026-03-29T01:59:59', '2026-03-29T00:59:59.000Z'],
  ['Europe/Berlin', '2026-03-29T03:00:00', '2026-03-29T01:00:00.000Z'],
  // There twice: the first is taken. Not there at all: the clock goes on as before.
  ['Europe/Berlin', '2026-10-25T02:30:00', '2026-10-25T00:30:00.000Z'],
  ['Europe/Berlin', '2026-10-25T03:00:00', '2026-10-25T02:00:00.000Z'],
  ['Europe/Berlin', '2026-03-29T02:30:00', '2026-03-29T01:30:00.000Z'],
  ['Australia/Lord_Howe', '2026-12-01T12:00:00', '2026-12-01T01:00:00.000Z'],
])('in %s %s is %s', (zone, local, expected) => {
  expect(resolve(zone, local)).toBe(expected);
});

test.each([
  ['12-31T23:59:59', '2027-01-01T00:00:05Z', '2026-12-31T23:59:59.000Z'],
  ['01-01T00:00:05', '2026-12-31T23:59:59Z', '2027-01-01T00:00:05.000Z'],
  ['12-20T00:00:00', '2026-11-22T00:00:00Z', '2026-12-20T00:00:00.000Z'],
  ['12-31T00:00:00', '2026-11-22T00:00:00Z', '2025-12-31T00:00:00.000Z'],
  ['02-05T00:00:00', '2026-11-22T00:00:00Z', '2026-02-05T00:00:00.000Z'],
  ['02-29T00:00:00', '2024-02-29T01:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['02-29T00:00:00', '2025-02-10T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['02-29T00:00:00', '2026-02-10T00:00:00Z', undefined],
])('%s without a year, received %s, is %s', (local, now, expected) => {
  expect(resolve('UTC', `0000-${local}`, now, true)).toBe(expected);
});

test('what is no zone is told apart', () => {
  expect(zoneOffset('Mars/Olympus')).toBeUndefined();
  expect(zoneOffset('+25:00')).toBeUndefined();
  expect(zoneOffset('')).toBeUndefined();
});

import { expect, test } from 'vitest';
import { type Observation, standingOf } from '../../relay/keeper/standing.ts';

const patience = { settleMs: 2_000, idleMs: 86_400_000, unendedMs: undefined };
const file: Observation = { names: 1, bytes: 100, quietMs: 10_000, position: 100, handedOverTo: 0 };

test.each([
  { what: 'deleted and read', file: {}, standing: 'finished' },
  { what: 'deleted and read a moment ago', file: { quietMs: 500 }, standing: 'read' },
  { what: 'read and still there', file: { names: 2 }, standing: 'read' },
  { what: 'read and not written for a day', file: { names: 2, quietMs: 90_000_000 }, standing: 'idle' },
  { what: 'partly read', file: { position: 40, quietMs: 10 }, standing: 'reading' },
  { what: 'unknown to Fluent Bit', file: { position: undefined }, standing: 'reading' },
  {
    what: 'unknown to Fluent Bit, for years',
    file: { position: undefined, names: 2, quietMs: 1e11 },
    standing: 'reading',
  },
  { what: 'empty, deleted, unknown to Fluent Bit', file: { bytes: 0, position: undefined }, standing: 'finished' },
  {
    what: 'empty, there, unknown to Fluent Bit',
    file: { bytes: 0, position: undefined, names: 2 },
    standing: 'reading',
  },
  { what: 'deleted and partly read', file: { position: 40 }, standing: 'rest' },
  { what: 'there and partly read', file: { names: 2, position: 40 }, standing: 'reading' },
  {
    what: 'deleted, its rest handed over',
    file: { position: 40, handedOverTo: 100 },
    standing: 'finished',
  },
  {
    what: 'grown after its rest was handed over',
    file: { bytes: 120, position: 40, handedOverTo: 100, quietMs: 10 },
    standing: 'reading',
  },
  { what: 'of a time to come', file: { quietMs: -5_000 }, standing: 'read' },
])('a file that is $what is $standing', ({ file: differences, standing }) => {
  expect(standingOf({ ...file, ...differences }, patience)).toBe(standing);
});

test('at the end the rest of a page that is still there goes after a moment of quiet', () => {
  const atTheEnd = { ...patience, unendedMs: 5_000 };

  expect(standingOf({ ...file, names: 2, position: 40, quietMs: 6_000 }, atTheEnd)).toBe('rest');
  expect(standingOf({ ...file, names: 2, position: 40, quietMs: 4_000 }, atTheEnd)).toBe('reading');
});

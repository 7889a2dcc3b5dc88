import { expect, test } from 'vitest';
import type { PurgeRun } from '../../relay/journal/retention-store.ts';
import { NO_TALLY } from '../../relay/journal/sqlite/purge/tally.ts';
import { confirmationOf, CONFIRM_WITHIN_MS } from '../../relay/retention/confirmation.ts';

const run: PurgeRun = {
  id: 7,
  state: 'done',
  dryRun: true,
  cause: 'manual',
  who: 'alice',
  parameters: {},
  plan: { rules: [], untilSeq: 100 },
  position: 100,
  startedMs: 1_000,
  updatedMs: 5_000,
  endedMs: 5_000,
  tally: NO_TALLY,
  error: undefined,
};

test('a dry run that is done has a word for a quarter of an hour, the same for the same result', () => {
  const { word, untilMs } = confirmationOf(run, 6_000)!;

  expect(word).toMatch(/^7-[0-9a-f]{16}$/);
  expect(untilMs).toBe(5_000 + CONFIRM_WITHIN_MS);
  expect(confirmationOf(run, untilMs - 1)?.word).toBe(word);
  expect(confirmationOf(run, untilMs)).toBeUndefined();
  expect(confirmationOf({ ...run, tally: { ...NO_TALLY, records: 1 } }, 6_000)?.word).not.toBe(word);
});

test.each([
  ['a purge', { dryRun: false }],
  ['a dry run that was stopped', { state: 'stopped' as const }],
  ['one under way', { state: 'running' as const, endedMs: undefined }],
])('%s has none', (_, change) => {
  expect(confirmationOf({ ...run, ...change }, 6_000)).toBeUndefined();
});

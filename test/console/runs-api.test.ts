import { expect, test } from 'vitest';
import { logMeaning } from '../../relay/console/src/runs-api.ts';

test('what a job’s log came to is its verdict, unless its lines have gone since', () => {
  const since = '2026-11-22T10:00:00.000Z';

  expect(logMeaning({ verdict: 'complete' })).toBe('Every byte that the runner wrote is here.');
  expect(logMeaning({ verdict: 'complete', gone: { since, reason: 'purge', purge: 7 } })).toBe(
    'The lines of this job were purged, by purge 7.',
  );
  expect(logMeaning({ verdict: 'complete', gone: { since, reason: 'quota' } })).toContain('within its limits');
  expect(logMeaning({ verdict: 'cut', gone: { since, reason: 'empty' } })).toContain('ended in the middle');
});

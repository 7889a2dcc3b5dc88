import { expect, test } from 'vitest';
import { readScheduleRequest } from '../../../relay/admin/harbor/purge-schedule.ts';
import { ruleOptions } from '../../../relay/retention/options.ts';

const read = (parameters: Record<string, unknown>, schedule = { type: 'Manual' as const }) =>
  readScheduleRequest({ schedule, parameters });

test.each([
  ['pull_artifact', [{ name: 'harbor', operation: ['pull_artifact'], keep: 24 }]],
  ['Pull_Artifact, create_TAG', [{ name: 'harbor', operation: ['pull_artifact', 'create_tag'], keep: 24 }]],
  ['create_artifact,delete_artifact,pull_artifact,other', [{ name: 'harbor', operation: undefined, keep: 24 }]],
  [
    'create_artifact,other',
    [
      { name: 'harbor_kept', operation: ['delete_artifact', 'pull_artifact'], keep: 0 },
      { name: 'harbor', operation: undefined, keep: 24 },
    ],
  ],
])('%s becomes rules of the relay’s own, for Harbor’s records alone', (types, expected) => {
  const { rules } = read({ audit_retention_hour: 24, include_event_types: types });

  expect(rules.map(({ name, match, keep_hours }) => ({ name, operation: match.operation, keep: keep_hours }))).toEqual(
    expected,
  );
  for (const rule of rules) {
    expect(rule).toMatchObject({ match: { dataset: 'harbor.audit' }, undelivered: 'keep' });
    expect(ruleOptions.parse(rule)).toEqual(rule);
  }
});

test('what older clients call operations is taken too', () => {
  const { rules, parameters } = read({ audit_retention_hour: 1, include_operations: 'create,pull' });

  expect(rules[0]!.match.operation).toEqual(['create_*', 'pull_*']);
  expect(parameters).toEqual({ audit_retention_hour: 1, include_event_types: 'create_*,pull_*', dry_run: false });
  expect(() => read({ audit_retention_hour: 1, include_operations: 'pull_artifact' })).toThrow(/is no event type/);
});

test('a keep time of 0 keeps everything, and the longest is 240000 hours', () => {
  expect(
    read({ audit_retention_hour: 0, include_event_types: 'other' }).rules.every(({ keep_hours }) => keep_hours === 0),
  ).toBe(true);
  expect(read({ audit_retention_hour: 240_000, include_event_types: 'other' }).parameters.audit_retention_hour).toBe(
    240_000,
  );
});

test('zero times and members that only answers have do no harm', () => {
  const sent = {
    id: 0,
    creation_time: '0001-01-01T00:00:00.000Z',
    schedule: { type: 'Weekly' as const, cron: '0 0 0 * * 0', next_scheduled_time: '0001-01-01T00:00:00Z' },
    parameters: { audit_retention_hour: 24, include_event_types: 'create_artifact', include_operations: 'create' },
  };

  expect(readScheduleRequest(sent)).toMatchObject({ type: 'Weekly', cron: '0 0 0 * * 0' });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../../relay/io/clock.ts';
import { AdminHarness } from '../../support/admin-harness.ts';
import { RelayHarness } from '../../support/relay-harness.ts';

const HOUR_MS = 3_600_000;

const line = (type: string, action: string, resource: string): string =>
  `<6>2026-11-22T02:41:36Z h audit[1]: 2026-11-22T02:41:36Z [INFO] [/pkg/auditext/manager.go:86][operator="admin" resourceType="${type}" ` +
  `time="2026-11-22 02:41:36.5 +0000 UTC m=+0.1"]: action:${action}, resource:${resource}, operation_description:x\n`;

// Goal: a purge by Harbor's API takes what it names, of Harbor's records alone. Method: records that came two hours ago by the relay's clock.
test('takes the event types that are named, and leaves all others', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const relay = await RelayHarness.start(
    { inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } }, endpoints: { e: { type: 'memory' } } },
    clock,
  );
  await using admin = await AdminHarness.over(relay);
  const socket = connect(relay.port('a'), '127.0.0.1');
  const events = [
    line('artifact', 'pull', 'a/b:1'),
    line('artifact', 'create', 'a/b:2'),
    line('artifact', 'delete', 'a/b:3'),
    line('tag', 'create', 'a/b:4'),
    line('user', 'login', 'u'),
  ];
  socket.end([...events, ...events, '<13>Nov 22 02:41:36 h app: pull_artifact\n'].join(''));
  await once(socket.resume(), 'close');
  await expect.poll(() => relay.memory.at('e').lines.length).toBe(11);
  await expect.poll(async () => (await relay.relay.journal.cursors())[0]?.backlogRecords).toBe(0);
  const call = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: string; location: string }> => {
    const token = admin.tokens.get('admin');
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await admin.ask({ method, path: `/api/v2.0${path}`, token, ...text });
    return { ...answer, location: String(answer.headers['location']) };
  };
  const left = async (): Promise<string[]> => {
    const rows = JSON.parse((await call('GET', '/auditlog-exts?page_size=100')).body) as {
      operation: string;
      resource_type: string;
    }[];
    return rows.map(({ operation, resource_type }) => `${operation}_${resource_type}`).sort();
  };
  const purge = async (types: string, dryRun = false): Promise<string> => {
    const parameters = { audit_retention_hour: 1, include_event_types: types, dry_run: dryRun };
    const { location } = await call('POST', '/system/purgeaudit/schedule', {
      schedule: { type: 'Manual' },
      parameters,
    });
    await relay.relay.retention.idle();
    return (await call('GET', `${location.slice('/api/v2.0'.length)}/log`)).body;
  };
  const twice = (...types: string[]): string[] => types.flatMap((type) => [type, type]).sort();
  aheadMs = 2 * HOUR_MS;

  // What the endpoint has not got yet would stay.
  await expect.poll(() => purge('pull_artifact', true)).toContain('[DRYRUN]Purged 2 rows of audit logs');
  expect(await left()).toEqual(
    twice('pull_artifact', 'create_artifact', 'delete_artifact', 'create_tag', 'login_user'),
  );

  expect(await purge('pull_artifact')).toContain('Purged 2 rows of audit logs');
  expect(await left()).toEqual(twice('create_artifact', 'delete_artifact', 'create_tag', 'login_user'));

  expect(await purge('delete_artifact,other')).toContain('Purged 6 rows of audit logs');
  expect(await left()).toEqual(twice('create_artifact'));
  const own = await relay.relay.journal.stats();
  expect(own.records, 'the plain line, and what the relay says of itself, stay').toBeGreaterThanOrEqual(3);
});

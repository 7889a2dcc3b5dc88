import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../../support/admin-harness.ts';
import { HarborApi, type JsonAnswer, line, pulls, purgeBody as purge } from '../../support/harbor-api.ts';
import type { ParsedRecord } from '../../support/input-harness.ts';

// One relay serves all tests, which run in order.

let harbor: HarborApi;
let listener: Server;
/** What came to the forward endpoint. */
const received: string[] = [];

beforeAll(async () => {
  harbor = await HarborApi.start();
  listener = createServer((socket) =>
    socket.on('error', () => {}).on('data', (chunk) => received.push(chunk.toString())),
  ).listen(0, '127.0.0.1');
  await once(listener, 'listening');
});

afterAll(async () => {
  await harbor[Symbol.asyncDispose]();
  listener.close();
});

const ask: HarborApi['ask'] = (call) => harbor.ask(call);
const post = (body: unknown): Promise<JsonAnswer> => harbor.purge(body);
const settings = (body: object): Promise<JsonAnswer> => harbor.settings(body);

async function ended(id: string): Promise<string> {
  let status = '';
  await expect
    .poll(async () => (status = (await ask({ path: `/system/purgeaudit/${id}` })).json.job_status), { timeout: 10_000 })
    .toMatch(/^(Stopped|Success|Error)$/);
  return status;
}

const idOf = ({ headers }: Answer): string => /\/system\/purgeaudit\/(\d+)$/.exec(String(headers['location']))![1]!;

// The ten steps of Harbor's own API tests of log rotation and forwarding, over HTTP.
describe('what Harbor’s own tests do', () => {
  const types = 'create_artifact,delete_artifact,pull_artifact';

  test('1 to 3: a dry run is in the history, and can be stopped', async () => {
    const answer = await post(purge('Manual', { audit_retention_hour: 24, include_event_types: types, dry_run: true }));
    expect(answer.status).toBe(201);
    const id = idOf(answer);
    const history = await ask({ path: '/system/purgeaudit?sort=-creation_time&page_size=1&page=1' });

    expect(history.json).toMatchObject([
      { id: Number(id), job_name: 'PURGE_AUDIT_LOG', job_kind: 'MANUAL', schedule: { type: 'Manual' } },
    ]);
    expect(JSON.parse(history.json[0].job_parameters)).toEqual({
      audit_retention_hour: 24,
      dry_run: true,
      include_event_types: types,
    });
    expect(
      (await ask({ path: `/system/purgeaudit/${id}`, method: 'PUT', headers: { 'content-type': 'application/json' } }))
        .status,
    ).toBe(200);
    expect(['Stopped', 'Success']).toContain(await ended(id));
  });

  test('4 and 5: a real run ends, and its log has Harbor’s words', async () => {
    const begun = await post(purge('Manual', { audit_retention_hour: 1, include_event_types: types, dry_run: false }));
    const id = idOf(begun);

    expect(begun.headers['warning']).toBe('299 spillway "What this purge takes cannot be recovered."');
    expect(await ended(id)).toBe('Success');
    const log = await ask({ path: `/system/purgeaudit/${id}/log` });
    expect(log.headers['content-type']).toMatch(/^text\/plain/);
    expect(log.body).toContain('Purge audit job start');
    expect(log.body).toContain('rows of audit logs');
    // All that is there came within the hour.
    expect((await ask({ path: '/auditlog-exts' })).headers['x-total-count']).toBe(String(pulls.length + 4));
  });

  test('6 and 7: a schedule is read back as it was set', async () => {
    expect((await ask({ path: '/system/purgeaudit/schedule' })).body).toBe('');
    const created = await post(
      purge('Weekly', { audit_retention_hour: 24, include_event_types: types }, '0 0 0 * * 0'),
    );
    expect([created.status, created.headers['location']]).toEqual([201, '/api/v2.0/system/purgeaudit/0']);
    const weekly = (await ask({ path: '/system/purgeaudit/schedule' })).json;
    expect(weekly.schedule).toMatchObject({ type: 'Weekly', cron: '0 0 0 * * 0' });
    expect(JSON.parse(weekly.job_parameters).audit_retention_hour).toBe(24);
    expect(Date.parse(weekly.schedule.next_scheduled_time)).toBeGreaterThan(Date.now());

    const custom = purge('Custom', { audit_retention_hour: 12, include_event_types: types }, '0 15 10 ? * *');
    expect((await ask({ path: '/system/purgeaudit/schedule', method: 'PUT', body: custom })).status).toBe(200);
    const changed = (await ask({ path: '/system/purgeaudit/schedule' })).json;
    expect(changed.schedule).toMatchObject({ type: 'Custom', cron: '0 15 10 ? * *' });
    expect(JSON.parse(changed.job_parameters).audit_retention_hour).toBe(12);
  });

  test('9: a change without a type does nothing, and the type None removes', async () => {
    const nothing = {
      schedule: { cron: '' },
      parameters: { audit_retention_hour: 0, include_event_types: 'create_artifact' },
    };
    expect((await ask({ path: '/system/purgeaudit/schedule', method: 'PUT', body: nothing })).status).toBe(200);
    expect((await ask({ path: '/system/purgeaudit/schedule' })).json.schedule.type).toBe('Custom');

    const none = purge('None', { audit_retention_hour: 1, include_event_types: 'other' });
    expect((await ask({ path: '/system/purgeaudit/schedule', method: 'PUT', body: none })).status).toBe(200);
    expect((await ask({ path: '/system/purgeaudit/schedule' })).body).toBe('');
  });

  test('10: the database is not skipped without an endpoint, and the endpoint must be there', async () => {
    const { port } = listener.address() as AddressInfo;
    const endpoint = `127.0.0.1:${port}`;
    const shown = async (): Promise<ParsedRecord[string]> => (await ask({ path: '/configurations' })).json;
    expect((await settings({ skip_audit_log_database: true })).json.errors).toEqual([
      {
        code: 'BAD_REQUEST',
        message:
          'bad request: audit log forward endpoint should be configured before enable skip audit log in database',
      },
    ]);
    const dead = createServer().listen(0, '127.0.0.1');
    await once(dead, 'listening');
    const gone = `127.0.0.1:${(dead.address() as AddressInfo).port}`;
    dead.close();
    await once(dead, 'close');
    expect((await settings({ audit_log_forward_endpoint: gone })).json.errors[0].message).toBe(
      `bad request: could not connect to the audit endpoint: ${gone}`,
    );
    expect((await shown()).audit_log_forward_endpoint).toEqual({ value: '', editable: true });

    expect((await settings({ audit_log_forward_endpoint: endpoint })).status).toBe(200);
    expect((await shown()).audit_log_forward_endpoint.value).toBe(endpoint);
    expect(harbor.admin.relay.relay.endpoints.has('harbor_forward')).toBe(true);
    expect((await settings({ skip_audit_log_database: true })).status).toBe(200);
    expect((await shown()).skip_audit_log_database).toEqual({ value: true, editable: true });
    expect((await settings({ audit_log_forward_endpoint: '' })).status).toBe(400);
    expect((await shown()).audit_log_forward_endpoint.value).toBe(endpoint);
  });

  test('what then comes goes to the endpoint', async () => {
    await harbor.log(line(50, 'late', 'user', 'logout', 'late', 'logout'));

    await expect.poll(() => received.join('')).toContain('[operator="late" resourceType="user"');
    expect(received.join('').split('\n')).toHaveLength(2);
  });

  test('a cleared endpoint gets what it is owed, and no more', async () => {
    expect((await settings({ skip_audit_log_database: false })).status).toBe(200);
    expect((await settings({ audit_log_forward_endpoint: '' })).status).toBe(200);

    expect((await ask({ path: '/configurations' })).json.audit_log_forward_endpoint).toEqual({
      value: '',
      editable: true,
    });
    const forward = harbor.admin.relay.relay.config.endpoints.find(({ name }) => name === 'harbor_forward');
    expect(forward?.delivery.retire).toBe('drain');
  });
});

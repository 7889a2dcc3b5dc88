import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HarborApi, type JsonAnswer, purgeBody as purge } from '../../support/harbor-api.ts';

let harbor: HarborApi;
beforeAll(async () => {
  harbor = await HarborApi.start();
});
afterAll(() => harbor[Symbol.asyncDispose]());

const ask: HarborApi['ask'] = (call) => harbor.ask(call);
const post = (body: unknown): Promise<JsonAnswer> => harbor.purge(body);
const settings = (body: object): Promise<JsonAnswer> => harbor.settings(body);

describe('a purge that Harbor would do and should not', () => {
  const good = { audit_retention_hour: 24, include_event_types: 'create_artifact', dry_run: true };
  test.each([
    ['no schedule', { parameters: good }, "bad request: schedule cann't be empty"],
    ['no body', '', "bad request: schedule cann't be empty"],
    ['no parameters', { schedule: { type: 'Manual' } }, "bad request: schedule parameter cann't be empty"],
    ['empty parameters', purge('Manual', {}), "bad request: schedule parameter cann't be empty"],
    [
      'no keep time',
      purge('Manual', { include_event_types: 'other' }),
      'bad request: audit_retention_hour should provide',
    ],
    [
      'half an hour',
      purge('Manual', { ...good, audit_retention_hour: 0.5 }),
      'bad request: audit_retention_hour should be integer format',
    ],
    [
      'a keep time as text',
      purge('Manual', { ...good, audit_retention_hour: '24' }),
      'bad request: audit_retention_hour should be integer format',
    ],
    [
      'too long a keep time',
      purge('Manual', { ...good, audit_retention_hour: 240_001 }),
      'bad request: audit_retention_hour should be less than 240000',
    ],
    ['a negative keep time', purge('Manual', { ...good, audit_retention_hour: -1 }), /0, which keeps everything/],
    [
      'no event types',
      purge('Manual', { audit_retention_hour: 24 }),
      'bad request: include_event_types should provide',
    ],
    ['an empty list of event types', purge('Manual', { ...good, include_event_types: ' , ' }), /at least one/],
    [
      'an event type that there is not',
      purge('Manual', { ...good, include_event_types: 'pull_artifact,pull_all' }),
      /"pull_all" is no event type/,
    ],
    ['a dry run that is a text', purge('Manual', { ...good, dry_run: 'yes' }), /dry_run should be true or false/],
    [
      'a cron of three fields',
      purge('Custom', good, '0 2 3'),
      'bad request: invalid cron string for scheduled log rotation purge: 0 2 3, error: expected exactly 6 fields, found 3: [0 2 3]',
    ],
    ['a cron with seconds', purge('Custom', good, '1 0 0 1 1 0'), /invalid cron string .*must be 0/],
    [
      'no cron',
      purge('Weekly', good),
      /invalid cron string for scheduled log rotation purge: , error: empty spec string/,
    ],
    ['a cron out of range', purge('Custom', good, '0 99 0 * * *'), /invalid cron string/],
  ])('%s is 400', async (_name, body, message) => {
    const answer = await post(body);

    expect(answer.status).toBe(400);
    expect(answer.json.errors).toEqual([
      { code: 'BAD_REQUEST', message: typeof message === 'string' ? message : expect.stringMatching(message) },
    ]);
  });

  test('a type of schedule that there is not is 422, and so is a number that is none', async () => {
    expect((await post(purge('Yearly', good))).status).toBe(422);
    expect((await ask({ path: '/system/purgeaudit/x' })).status).toBe(422);
    expect((await post('{"schedule":')).status).toBe(400);
  });

  test('purges that did not come by this API are not in it', async () => {
    const { retention } = harbor.admin.relay.relay;
    const { id } = await retention.start({ cause: 'manual', who: 'somebody', dryRun: true });
    await retention.idle();

    expect((await ask({ path: `/system/purgeaudit/${id}` })).status).toBe(404);
    expect((await ask({ path: `/system/purgeaudit/${id}`, method: 'PUT' })).status).toBe(404);
    expect((await ask({ path: `/system/purgeaudit/${id}/log` })).json.errors[0].message).toBe(
      `purge job with execution ID: ${id} taskLog is not found`,
    );
    expect((await ask({ path: '/system/purgeaudit' })).json).toEqual([]);
  });
});

describe('the settings', () => {
  test.each([
    ['disabling event types', { disabled_audit_log_event_types: 'pull_artifact' }, 400, /keeps every audit record/],
    ['disabling pulls', { pull_audit_log_disable: true }, 400, /keeps every audit record/],
    ['an endpoint that is none', { audit_log_forward_endpoint: 'nowhere' }, 400, /host:port/],
    ['an endpoint with a path', { audit_log_forward_endpoint: 'http://x:1/y' }, 400, /host:port/],
    ['a switch that is a text', { skip_audit_log_database: 'true' }, 422, /./],
  ])('%s is refused', async (_name, body, status, message) => {
    const answer = await settings(body);

    expect(answer.status).toBe(status);
    expect(answer.json.errors[0].message).toMatch(message);
  });

  test('an endpoint that is the relay itself is refused', async () => {
    const answer = await settings({ audit_log_forward_endpoint: `127.0.0.1:${harbor.admin.relay.port('harbor')}` });

    expect(answer.json.errors[0].message).toMatch(/send its records to itself/);
  });

  test('keys that the relay has nothing like are passed over', async () => {
    expect((await settings({ auth_mode: 'ldap_auth', disabled_audit_log_event_types: '' })).status).toBe(200);
  });
});

import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { withHarborSettings } from '../../relay/config/harbor-settings.ts';
import { AdminHarness, type Answer } from '../support/admin-harness.ts';
import { answers } from '../support/harbor-answers.ts';
import type { ParsedRecord } from '../support/input-harness.ts';
import { RelayHarness } from '../support/relay-harness.ts';

// One relay serves all tests, which run in order. What Harbor's own API tests do is the last of them.

const config = {
  inputs: { harbor: { type: 'syslog', listen: 'tcp://127.0.0.1:0', harbor: { skew_ms: 31_536_000_000 } } },
  endpoints: { e: { type: 'memory' } },
};
const DIGEST = `sha256:${'9f2d'.repeat(16)}`;

let admin: AdminHarness;
let listener: Server;
/** What came to the forward endpoint. */
const received: string[] = [];

function line(
  number: number,
  operator: string,
  type: string,
  action: string,
  resource: string,
  description?: string,
): string {
  const at = new Date(Date.parse('2026-11-22T02:00:00Z') + number * 1_000).toISOString().slice(0, 19);
  const file = description === undefined ? 'audit' : 'auditext';
  const described = description === undefined ? '' : `, operation_description:${description}`;
  return (
    `<6>${at}Z 814da02eb5a8 audit[1]: ${at}Z [INFO] [/pkg/${file}/manager.go:8][operator="${operator}" resourceType="${type}" ` +
    `time="${at.replace('T', ' ')}.5 +0000 UTC m=+0.1"]: action:${action}, resource:${resource}${described}\n`
  );
}

const pulls = Array.from({ length: 25 }, (_, n) =>
  line(
    n,
    `robot$team-${n % 2}+ci`,
    'artifact',
    'pull',
    `team-${n % 2}/app:${n}`,
    `pull artifact: team-${n % 2}/app@${DIGEST}`,
  ),
);
const others = [
  line(30, 'admin', 'project', 'create', 'team-0', 'create project: team-0'),
  line(31, 'jane%20doe', 'user', 'login', 'jane%20doe', 'login'),
  line(32, '', 'artifact', 'create', 'team-0/app:x', `push artifact: team-0/app@${DIGEST}`),
  line(33, 'jane doe', 'tag', 'create', 'team-0/app:y', 'create tag: team-0/app:y'),
  line(40, 'CORP\\j.doe', 'artifact', 'pull', 'library/nginx:1.25'),
];

beforeAll(async () => {
  const relay = await RelayHarness.start(config);
  const reload = async () => relay.relay.reload(withHarborSettings(relay.config(config), relay.memory.registry));
  admin = await AdminHarness.over(relay, { reload });
  for (const each of [...pulls, ...others]) {
    const socket = connect(relay.port('harbor'), '127.0.0.1');
    socket.end(each);
    await once(socket.resume(), 'close');
  }
  await relay.send('harbor', 'Udp data');
  await vi.waitFor(() => expect(relay.memory.at('e').lines.length).toBe(pulls.length + others.length + 1));
  listener = createServer((socket) =>
    socket.on('error', () => {}).on('data', (chunk) => received.push(chunk.toString())),
  ).listen(0, '127.0.0.1');
  await once(listener, 'listening');
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  listener.close();
});

type Method = 'GET' | 'POST' | 'PUT';

interface Call {
  readonly path: string;
  readonly method?: Method;
  readonly body?: unknown;
  readonly as?: 'admin' | 'operator' | 'viewer' | 'nobody';
  readonly headers?: Record<string, string>;
}

/** With the body parsed, where it is JSON. */
interface JsonAnswer extends Answer {
  readonly json: ParsedRecord[string];
}

/** Asks as Harbor's clients do, with a user's name and a password, and checks the shape of what comes back. */
async function ask({ path, method = 'GET', body, as = 'admin', headers = {} }: Call): Promise<JsonAnswer> {
  const token = as === 'nobody' ? 'spw_wrong' : admin.tokens.get(as)!;
  const answer = await admin.ask({
    method,
    path: `/api/v2.0${path}`,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}`, ...headers },
  });
  answers.check(method, path, answer);
  const isJson = String(answer.headers['content-type']).includes('json');
  return { ...answer, json: isJson ? JSON.parse(answer.body) : undefined };
}

const list = async (query: string, path = '/auditlog-exts'): Promise<ParsedRecord[]> =>
  (await ask({ path: `${path}?${query}` })).json;
const resources = async (query: string): Promise<string[]> => (await list(query)).map(({ resource }) => resource);
const q = (text: string): string => `page_size=100&q=${encodeURIComponent(encodeURIComponent(text))}`;

describe('the lists', () => {
  test('hold Harbor’s records, newest first, without what the line does not say', async () => {
    const answer = await ask({ path: '/auditlog-exts?page_size=3' });

    expect(answer.json).toEqual([
      {
        id: expect.any(Number),
        username: 'jane doe',
        resource: 'team-0/app:y',
        resource_type: 'tag',
        operation: 'create',
        op_time: '2026-11-22T02:00:33.500Z',
        operation_description: 'create tag: team-0/app:y',
        operation_result: true,
        operation_result_known: false,
      },
      expect.not.objectContaining({ username: expect.anything() }),
      expect.objectContaining({ username: 'jane%20doe', operation: 'login', operation_result_known: false }),
    ]);
    expect(answer.headers['x-total-count']).toBe(String(pulls.length + 4));
    expect(answer.headers['x-total-count-exact']).toBe('true');
    expect(answer.headers['link']).toBe('</api/v2.0/auditlog-exts?page_size=3&page=2>; rel="next"');
  });

  test('what Harbor 2.12 wrote is in the older list', async () => {
    expect(await list('', '/audit-logs')).toEqual([
      {
        id: expect.any(Number),
        username: 'CORP\\j.doe',
        resource: 'library/nginx:1.25',
        resource_type: 'artifact',
        operation: 'pull',
        op_time: '2026-11-22T02:00:40.500Z',
      },
    ]);
  });

  test('one project’s records are listed by its name', async () => {
    const own = await list(`page_size=100`, '/projects/team-1/auditlog-exts');

    expect(own).toHaveLength(12);
    expect(own.every(({ resource }) => resource.startsWith('team-1/'))).toBe(true);
    expect(await list('', '/projects/library/logs')).toHaveLength(1);
    expect(await list('', '/projects/nothing/auditlog-exts')).toEqual([]);
  });

  test('pages follow each other without a gap, and say where the next is', async () => {
    const seen: number[] = [];
    for (let path: string | undefined = '/auditlog-exts?page_size=10'; path !== undefined;) {
      const answer = await ask({ path });
      seen.push(...answer.json.map(({ id }: { id: number }) => id));
      path = /<\/api\/v2\.0([^>]+)>; rel="next"/.exec(String(answer.headers['link']))?.[1];
    }

    expect(new Set(seen).size).toBe(pulls.length + 4);
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
    expect((await ask({ path: '/auditlog-exts?page=2&page_size=10' })).headers['link']).toMatch(
      /rel="prev" , <.*rel="next"/,
    );
    const everything = await ask({ path: '/auditlog-exts?page_size=0' });
    expect(everything.json).toHaveLength(pulls.length + 4);
    expect(everything.headers['link']).toBe('');
    expect(await list('page=99')).toEqual([]);
  });

  test.each([
    ['operation=create', ['team-0/app:y', 'team-0/app:x', 'team-0']],
    ['resource=team-0/app:x', ['team-0/app:x']],
    ['resource=TEAM-0/app:x', ['team-0/app:x']],
    ['resource=team-0', ['team-0']],
    ['resource=~app:1', [19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1].map((n) => `team-${n % 2}/app:${n}`)],
    ['username=jane doe', ['team-0/app:y', 'jane%20doe']],
    ['username=~ne do', ['team-0/app:y', 'jane%20doe']],
    ['username=robot$team-1+ci,resource=~:3', ['team-1/app:3']],
    ['resource_type={tag user}', ['team-0/app:y', 'jane%20doe']],
    ['op_desc=login', ['jane%20doe']],
    ['op_time=[2026-11-22T02:00:30~2026-11-22T02:00:31]', ['jane%20doe', 'team-0']],
    ['op_time=[2026-11-22T02:00:33~]', ['team-0/app:y']],
    ['op_time=[~2026-11-22 02:00:00]', ['team-0/app:0']],
    ['op_time=2026-11-22T02:00:31', ['jane%20doe']],
    ['OpTime=[2026-11-22T02:00:33~],ResourceType=tag', ['team-0/app:y']],
    ['operation__icontains=LOGI', ['jane%20doe']],
    ['resource=nothing like it', []],
  ])('q=%s', async (text, expected) => {
    const answer = await ask({ path: `/auditlog-exts?${q(text)}` });

    expect(answer.json.map(({ resource }: { resource: string }) => resource)).toEqual(expected);
    expect(answer.headers['x-total-count']).toBe(String(expected.length));
  });

  test('one record is found by its id', async () => {
    const [row = {}] = await list('page_size=1');

    expect(await list(q(`id=${row['id']}`))).toEqual([row]);
    expect(await list(q('id=999999'))).toEqual([]);
  });

  test('sorting by any column, and in the order of time', async () => {
    expect(await resources('sort=op_time&page_size=2')).toEqual(['team-0/app:0', 'team-1/app:1']);
    expect(await resources('sort=-resource_type,op_time&page_size=2')).toEqual(['jane%20doe', 'team-0/app:y']);
    expect(await resources('sort=nonsense&page_size=1')).toEqual(['team-0/app:y']);
  });

  test.each([
    ['an unknown key', 'user=x', /"user" is not one/],
    ['a term without a value', 'operation', /must contain "="/],
    ['an empty value', 'operation=', /must contain "="/],
    ['all of several values', 'operation=(a b)', /\(…\)/],
    ['a range with three ends', 'op_time=[a~b~c]', /invalid query string value/],
    ['a time that is none', 'op_time=[yesterday~]', /no time/],
    ['a list that is not closed', 'operation={a', /invalid query string value/],
    ['the result, which nobody knows', 'op_result=false', /does not say/],
    ['a project’s number', 'project_id=1', /projects\/\{project_name\}/],
    ['an operator that there is not', 'operation__in=x', /operator/],
    ['a range of texts', 'resource=[a~b]', /op_time can/],
  ])('%s is refused, not ignored', async (_name, text, message) => {
    const answer = await ask({ path: `/auditlog-exts?${q(text)}` });

    expect(answer.status).toBe(400);
    expect(answer.json.errors).toEqual([{ code: 'BAD_REQUEST', message: expect.stringMatching(message) }]);
  });

  test.each(['page_size=101', 'page_size=x', 'page=0', 'page_size=-1'])('%s is unprocessable', async (query) => {
    const answer = await ask({ path: `/auditlog-exts?${query}` });

    expect(answer.status).toBe(422);
    expect(answer.json.errors[0].code).toBe('UNPROCESSABLE_ENTITY');
  });

  test('the types of events are listed in Harbor’s order', async () => {
    const { json } = await ask({ path: '/auditlog-exts/events' });

    expect(json.slice(0, 3)).toEqual(['create', 'delete', 'pull'].map((verb) => ({ event_type: `${verb}_artifact` })));
    expect(json).toHaveLength(18);
  });
});

describe('what all answers share', () => {
  test('a request’s id comes back, and one is made where there is none', async () => {
    const named = await ask({ path: '/auditlog-exts', headers: { 'x-request-id': 'abc-1' } });
    const unnamed = await ask({ path: '/auditlog-exts?page_size=x' });

    expect(named.headers['x-request-id']).toBe('abc-1');
    expect(unnamed.headers['x-request-id']).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('strangers are 401, and an address where nothing is 404, in Harbor’s words', async () => {
    const stranger = await ask({ path: '/auditlog-exts', as: 'nobody' });

    expect(stranger.status).toBe(401);
    expect(stranger.json.errors[0].code).toBe('UNAUTHORIZED');
    expect((await ask({ path: '/replication/policies' })).json.errors[0].code).toBe('NOT_FOUND');
  });

  test('a viewer sees the lists and nothing else', async () => {
    expect((await ask({ path: '/auditlog-exts', as: 'viewer' })).status).toBe(200);
    const schedule = {
      schedule: { type: 'Manual' },
      parameters: { audit_retention_hour: 1, include_event_types: 'other' },
    };
    for (const call of [
      { path: '/system/purgeaudit' },
      { path: '/system/purgeaudit/1' },
      { path: '/system/purgeaudit/1', method: 'PUT' },
      { path: '/system/purgeaudit/1/log' },
      { path: '/system/purgeaudit/schedule' },
      { path: '/system/purgeaudit/schedule', method: 'POST', body: schedule },
      { path: '/system/purgeaudit/schedule', method: 'PUT', body: schedule },
      { path: '/configurations' },
      { path: '/configurations', method: 'PUT', body: {} },
    ] as const) {
      const answer = await ask({ ...call, as: 'viewer' });
      expect(answer.status, call.path).toBe(403);
      expect(answer.body).toContain('FORBIDDEN');
    }
    expect(
      (await ask({ path: '/system/purgeaudit/schedule', method: 'POST', body: schedule, as: 'operator' })).status,
    ).toBe(403);
  });
});

const purge = (type: string, parameters: object, cron = ''): object => ({ schedule: { type, cron }, parameters });
const post = (body: unknown): Promise<JsonAnswer> => ask({ path: '/system/purgeaudit/schedule', method: 'POST', body });

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
    const { retention } = admin.relay.relay;
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

const settings = (body: object): Promise<JsonAnswer> => ask({ path: '/configurations', method: 'PUT', body });

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
    const answer = await settings({ audit_log_forward_endpoint: `127.0.0.1:${admin.relay.port('harbor')}` });

    expect(answer.json.errors[0].message).toMatch(/send its records to itself/);
  });

  test('keys that the relay has nothing like are passed over', async () => {
    expect((await settings({ auth_mode: 'ldap_auth', disabled_audit_log_event_types: '' })).status).toBe(200);
  });
});

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
    expect(admin.relay.relay.endpoints.has('harbor_forward')).toBe(true);
    expect((await settings({ skip_audit_log_database: true })).status).toBe(200);
    expect((await shown()).skip_audit_log_database).toEqual({ value: true, editable: true });
    expect((await settings({ audit_log_forward_endpoint: '' })).status).toBe(400);
    expect((await shown()).audit_log_forward_endpoint.value).toBe(endpoint);
  });

  test('what then comes goes to the endpoint', async () => {
    const socket = connect(admin.relay.port('harbor'), '127.0.0.1');
    socket.end(line(50, 'late', 'user', 'logout', 'late', 'logout'));
    await once(socket.resume(), 'close');

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
    const forward = admin.relay.relay.config.endpoints.find(({ name }) => name === 'harbor_forward');
    expect(forward?.delivery.retire).toBe('drain');
  });
});

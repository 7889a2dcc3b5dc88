import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HarborApi, pulls } from '../../support/harbor-api.ts';
import type { ParsedRecord } from '../../support/input-harness.ts';

let harbor: HarborApi;
beforeAll(async () => {
  harbor = await HarborApi.start();
});
afterAll(() => harbor[Symbol.asyncDispose]());

const ask: HarborApi['ask'] = (call) => harbor.ask(call);
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

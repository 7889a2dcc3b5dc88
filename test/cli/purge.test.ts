import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { holdCommand } from '../../relay/cli/hold.ts';
import { purgeCommand } from '../../relay/cli/purge.ts';
import { verifyCommand } from '../../relay/cli/verify.ts';
import { doctorCommand } from '../../relay/cli/doctor.ts';
import { AdminHarness } from '../support/admin-harness.ts';
import { CliHarness } from '../support/cli-harness.ts';

// One relay serves all tests, in order. A rule by the hour can take nothing of what just came; what purges take is tested where time can
// be set.

const commands = [purgeCommand, holdCommand, verifyCommand, doctorCommand];
const config = {
  inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
  endpoints: { e: { type: 'memory' } },
  retention: {
    rules: [{ name: 'old', match: { dataset: 'syslog' }, keep_hours: 24 }],
    schedule: '0 30 2 * * *',
    anchor_interval_ms: 3_600_000,
  },
};

let admin: AdminHarness;
let cli: CliHarness;

beforeAll(async () => {
  admin = await AdminHarness.start(config);
  await admin.relay.send('a', 'one', 'two', 'three');
  await vi.waitFor(() => expect(admin.relay.memory.at('e').lines.length).toBe(3));
});

afterAll(() => admin[Symbol.asyncDispose]());

beforeEach(() => {
  cli = new CliHarness(admin.relay.folder);
  Object.assign(cli.context, { components: async () => admin.relay.memory.registry });
});

const run = (...words: string[]): Promise<number> => cli.run(commands, ...words);

test('a purge counts, asks, and does nothing where it is told no, or where nobody can be asked', async () => {
  expect(await run('purge')).toBe(2);
  expect(cli.stderr).toContain('there is nobody to ask; add --yes, or --dry-run');

  const questions: string[] = [];
  Object.assign(cli.context, { confirm: async (question: string) => (questions.push(question), false) });
  expect(await run('purge')).toBe(1);
  expect(cli.stderr).toContain('takes 0 records from the journal, 0 B as stored (dry run 1). They cannot be recovered');
  expect(questions).toEqual(['Begin it?']);
  expect(await run('purge', 'history')).toBe(0);
  expect(cli.stdout).toMatch(/^ID +STATE .*\n1 +done +dry run +manual +operator .*\n$/);
});

test('a dry run asks nothing, is waited for, and shows its log', async () => {
  expect(await run('purge', '--dry-run', '--follow')).toBe(0);

  expect(cli.stdout).toContain('Purge audit job start');
  expect(cli.stdout).toContain('[DRYRUN]Purged 0 rows of audit logs');
});

test('a purge that is agreed to begins, is in the history and in the audit', async () => {
  expect(await run('purge', '--yes', '--follow', '--rule', 'old', '--json')).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject({ state: 'done', dry_run: false, parameters: { rule: 'old' } });

  expect(await run('purge', 'history')).toBe(0);
  expect(cli.stdout).toMatch(/^ID +STATE .*\n4 +done +manual +operator .*\n3 +done +dry run +manual/);
  expect(await run('purge', 'log', '4')).toBe(0);
  expect(cli.stdout).toContain('Purged 0 rows of audit logs\n');
  expect(cli.stdout).toContain('confirmed after dry run 3, which found 0 records');
  const audits = () => admin.relay.memory.at('e').lines.filter((line) => line.includes('"start-purge"'));
  await vi.waitFor(() => expect(audits()).toHaveLength(1));
});

test.each([
  [['purge', 'hystory'], 2, 'knows forecast, history, log and stop'],
  [['purge', 'log'], 2, 'log needs the number of a purge'],
  [['purge', 'log', '99'], 1, 'there is no purge 99'],
  [['purge', '--yes', '--rule', 'nope'], 1, 'there is no rule nope; the config has: old'],
  [['purge', 'stop'], 1, 'no purge is under way'],
  [['hold'], 2, 'needs add, list or remove'],
  [['hold', 'add', '--run', '7'], 2, 'add needs --why'],
  [['hold', 'add', '--why', 'because'], 1, 'a hold needs a dataset, repository, run or time'],
  [['hold', 'remove', '99', '--why', 'because'], 1, 'there is no hold 99 in force'],
  [['verify', '--anchor', 'nothing.ndjson'], 2, 'cannot read nothing.ndjson'],
])('%j is answered with what is wrong', async (words, exitCode, message) => {
  expect(await run(...words)).toBe(exitCode);
  expect(cli.stderr).toContain(message);
});

test('the forecast says what is kept and when the next purge is', async () => {
  expect(await run('purge', 'forecast')).toBe(0);

  expect(cli.stdout).toContain('old: dataset syslog is kept 1 day');
  expect(cli.stdout).toMatch(/config: a purge at "0 30 2 \* \* \*", next at /);
});

test('a hold is placed, listed, lifted, and stays on record', async () => {
  expect(await run('hold', 'add', '--repository', 'acme/*', '--from', '2h', '--why', 'incident 23')).toBe(0);
  expect(cli.stdout).toMatch(/1 +repository acme\/\*, from \S+Z +operator .* incident 23/);

  expect(await run('hold', 'remove', '1', '--why', 'case closed')).toBe(0);
  expect(await run('hold', 'list')).toBe(0);
  expect(cli.stderr).toBe('There is no hold.\n');
  expect(await run('hold', 'list', '--lifted', '--json')).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject([{ id: 1, why: 'incident 23', lifted_why: 'case closed' }]);
  const audit = () => admin.relay.memory.at('e').lines.find((line) => line.includes('incident 23'));
  await vi.waitFor(() => expect(audit()).toContain('"place-hold"'));
});

test('who may purge may not lift a hold, and who may lift holds may not purge', async () => {
  const ask = (path: string, role: 'admin' | 'auditor' | 'operator', body: object) =>
    admin.ask({ method: 'POST', path, token: admin.tokens.get(role), body: JSON.stringify(body) });
  const holds = '/api/v1/retention/holds';

  expect((await ask('/api/v1/retention/purge', 'auditor', {})).status).toBe(403);
  expect((await ask('/api/v1/retention/purge', 'operator', {})).status).toBe(403);
  expect((await ask(holds, 'operator', { dataset: 'a', why: 'because' })).status).toBe(403);
  const placed = await ask(holds, 'admin', { dataset: 'a', why: 'because' });
  expect(placed.status).toBe(201);
  const { id } = JSON.parse(placed.body) as { id: number };
  expect((await ask(`${holds}/${id}/lift`, 'admin', { why: 'because' })).status).toBe(403);
  expect((await ask(`${holds}/${id}/lift`, 'auditor', { why: 'because' })).status).toBe(200);
});

test('the API begins a purge with the word of its dry run alone, once, and warns', async () => {
  const post = async (path: string, body: object) => {
    const token = admin.tokens.get('admin');
    const answer = await admin.ask({
      method: 'POST',
      path: `/api/v1/retention/${path}`,
      token,
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: JSON.parse(answer.body) as Record<string, unknown> };
  };
  const refused = async (body: object) => (await post('purge', body)).json;
  expect(await refused({ rule: 'old' })).toMatchObject({
    code: 'PURGE_UNCONFIRMED',
    message: expect.stringContaining('cannot be recovered'),
  });
  expect((await post('purge', {})).status).toBe(409);

  const { id } = (await post('dry-run', { rule: 'old' })).json as { id: number };
  await admin.relay.relay.retention.idle();
  const path = `/api/v1/retention/runs/${id}`;
  const counted = await admin.ask({ path, token: admin.tokens.get('viewer') });
  const { confirm, confirm_until } = JSON.parse(counted.body) as { confirm: string; confirm_until: string };
  expect(Date.parse(confirm_until)).toBeGreaterThan(Date.now());
  expect(await refused({ rule: 'old', confirm: `${confirm.slice(0, -1)}x` })).toMatchObject({
    message: expect.stringContaining('not one of a dry run'),
  });
  expect(await refused({ rule: 'old', confirm: confirm.replace(/-.*/, `-${'0'.repeat(16)}`) })).toMatchObject({
    message: expect.stringContaining(`not the "confirm" of dry run ${id}`),
  });
  expect(await refused({ confirm })).toMatchObject({ message: expect.stringContaining('not by the same rules') });

  const begun = await post('purge', { rule: 'old', confirm });
  expect(begun).toMatchObject({ status: 202, json: { dry_run: false, parameters: { rule: 'old', counted: id } } });
  expect(begun.json['warning']).toBe('What this purge takes cannot be recovered.');
  await admin.relay.relay.retention.idle();
  expect(await refused({ rule: 'old', confirm })).toMatchObject({
    message: expect.stringContaining(`began after dry run ${id}`),
  });
});

test.each([
  ['purge', { rule: 1 }],
  ['purge', { dry_run: true }],
  ['schedule', { cron: '0 2 3' }],
  ['schedule', {}],
  ['holds', { dataset: 'a', why: '' }],
  ['holds', { dataset: 'a', why: 'because', from: 'yesterday' }],
])('%s refuses %j', async (path, body) => {
  const answer = await admin.ask({
    method: 'POST',
    path: `/api/v1/retention/${path}`,
    token: admin.tokens.get('admin'),
    body: JSON.stringify(body),
  });

  expect([400, 409]).toContain(answer.status);
});

test('a schedule that is set takes the place of the config’s until it is given up', async () => {
  const set = async (cron: string | null) =>
    JSON.parse(
      (
        await admin.ask({
          method: 'POST',
          path: '/api/v1/retention/schedule',
          token: admin.tokens.get('admin'),
          body: JSON.stringify({ cron }),
        })
      ).body,
    ) as { schedules: object[] };

  expect((await set('0 0 4 * * *')).schedules).toMatchObject([
    { cron: '0 0 4 * * *', from: 'document', set_by: 'admin' },
  ]);
  expect((await set(null)).schedules).toMatchObject([{ cron: '0 30 2 * * *', from: 'config' }]);
});

test('verify finds nothing wrong, also by the anchors that an endpoint was sent, until something was altered', async () => {
  expect(await run('verify')).toBe(0);
  expect(cli.stdout).toMatch(/everything fits; the chain ends in [0-9a-f]{64}\n$/);

  await admin.relay.relay.stop(5_000);
  const anchors = admin.relay.memory.at('e').lines.filter((line) => line.includes('spillway.anchor'));
  expect(anchors).toHaveLength(1);
  const file = join(admin.relay.folder, 'anchors.ndjson');
  writeFileSync(file, JSON.stringify({ _index: 'logs', message: anchors[0] }));
  expect(await run('verify', '--anchor', file)).toBe(0);
  expect(cli.stdout).toContain('1 of 1 anchors fit\n');

  const forged = anchors[0]!.replace(/"head":"[0-9a-f]{8}/, '"head":"00000000');
  writeFileSync(file, forged);
  expect(await run('verify', '--anchor', file)).toBe(1);
  expect(cli.stdout).toMatch(/DOES NOT FIT, first at record \d+: the chain is another one/);
  expect(await run('purge', '--dry-run')).toBe(1);
  expect(cli.stderr).toContain('the relay is stopping');
});

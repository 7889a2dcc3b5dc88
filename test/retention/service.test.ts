import { expect, test, vi } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { RetentionHarness } from '../support/retention-harness.ts';

const pulls = { name: 'pulls', match: { dataset: 'harbor.audit', operation: 'pull_*' }, keep_hours: 24 };
const MIXED = ['pull_artifact', 'create_artifact', 'pull_artifact'];

async function filled(options: Parameters<typeof RetentionHarness.open>[0] = { rules: [pulls] }, clock?: FakeClock) {
  const harness = await RetentionHarness.open(options, clock);
  harness.harbor(MIXED, 48);
  harness.harbor(MIXED, 48);
  harness.harbor(['pull_artifact'], 1);
  return harness;
}

test('a purge by hand takes what the rules say, logs it in Harbor’s words, and certifies it in the stream', async () => {
  await using harness = await filled();
  const { service } = harness;

  const { id } = await service.start({ cause: 'manual', who: 'alice' });
  await service.idle();

  const run = await service.run(id);
  expect(run).toMatchObject({ state: 'done', who: 'alice', cause: 'manual', progress: 1, tally: { records: 4 } });
  const log = await service.log(id);
  expect(log).toContain('Purge audit job start');
  expect(log).toContain('Purged 4 rows of audit logs\n');
  expect(log).toMatch(
    /^\S+Z \[INFO\] rule pulls: dataset harbor.audit, operation pull_\*, received before \S+, goes$/m,
  );
  expect(log).toContain('by operation: pull_artifact 4');
  expect(harness.told.map(({ dataset }) => dataset)).toEqual(['spillway.certificate']);
  expect(harness.told[0]!.fields).toMatchObject({
    certificate: { purge: id, body: expect.stringContaining('"records":4') },
  });
  expect(harness.bench.ask('untold')).toEqual([]);
});

test('a dry run counts the same, takes nothing, and leaves no certificate', async () => {
  await using harness = await filled();

  const { id } = await harness.service.start({ cause: 'manual', who: 'alice', dryRun: true });
  await harness.service.idle();

  expect((await harness.service.run(id)).tally).toMatchObject({ records: 4, rules: { pulls: 4 } });
  expect(await harness.service.log(id)).toContain('[DRYRUN]Purged 4 rows of audit logs');
  expect(harness.told).toEqual([]);
  expect(harness.bench.reader.stats().records).toBe(7);
});

test('one purge at a time; a stop ends it where it is, certified; another may begin then', async () => {
  const clock = new FakeClock();
  await using harness = await filled({ rules: [pulls], windows: [{ start: '22:00', length_minutes: 60 }] }, clock);
  const { service } = harness;
  const { id } = await service.start({ cause: 'manual', who: 'alice' });
  await vi.waitFor(() => expect(service.active).toMatchObject({ id, state: 'waiting' }));

  await expect(service.start({ cause: 'manual', who: 'bob' })).rejects.toMatchObject({ code: 'PURGE_RUNNING' });
  expect(await service.stop(id, 'bob')).toMatchObject({ state: 'stopped', tally: { records: 0 } });

  expect(await service.log(id)).toContain('stopped by bob');
  expect(service.active).toBeUndefined();
  await service.start({ cause: 'manual', who: 'bob', ignoreWindows: true });
  await service.idle();
  expect(await service.history()).toMatchObject([{ who: 'bob', state: 'done' }, { state: 'stopped' }]);
});

test('a purge waits for its window, and goes on when it opens', async () => {
  // 05:00 on a Sunday, by UTC.
  const clock = new FakeClock();
  const windows = [{ start: '22:00', length_minutes: 60, days: ['sun' as const] }];
  await using harness = await filled({ rules: [pulls], windows }, clock);
  const { id } = await harness.service.start({ cause: 'schedule', who: 'the config' });
  await vi.waitFor(() => expect(harness.service.active?.state).toBe('waiting'));
  expect(await harness.service.log(id)).toContain('no purge window is open; goes on about 2026-11-22T22:00:00.000Z');

  await clock.advance(17 * 3_600_000 + 60_000);
  await vi.waitFor(async () => {
    await clock.advance(100);
    expect((await harness.service.run(id)).state).toBe('done');
  });

  expect((await harness.service.run(id)).tally.records).toBe(4);
});

test('a purge that a stop of the relay interrupted goes on at the next start, by the rules that it began with', async () => {
  const clock = new FakeClock();
  await using harness = await filled({ rules: [pulls], windows: [{ start: '22:00', length_minutes: 60 }] }, clock);
  const { id } = await harness.service.start({ cause: 'manual', who: 'alice' });
  await vi.waitFor(() => expect(harness.service.active?.state).toBe('waiting'));

  await harness.restart({ rules: [] });
  await vi.waitFor(async () => {
    await clock.advance(100_000);
    expect((await harness.service.run(id)).state).toBe('done');
  });

  expect(await harness.service.log(id)).toContain('goes on at record 1 after the relay was away');
  expect((await harness.service.run(id)).tally.records).toBe(4);
});

test('a clock that jumped ahead stops purges until a person says that it is right', async () => {
  const clock = new FakeClock();
  await using harness = await filled(undefined, clock);
  clock.jump(10 * 365 * 24 * 3_600_000);

  const purge = { cause: 'manual', who: 'alice' };
  await expect(harness.service.start(purge)).rejects.toMatchObject({
    code: 'PURGE_REFUSED',
    message: expect.stringContaining('3650 days ahead'),
  });
  await harness.restart({ rules: [pulls] });
  await expect(harness.service.start(purge)).rejects.toMatchObject({ code: 'PURGE_REFUSED' });
  expect(harness.warned.map(({ message }) => message)).toContain(
    'the clock is far ahead of where it was; no purge begins until somebody says that it is right',
  );

  await harness.service.acceptClock();
  await harness.service.start(purge);
});

test('a clock that only went on is no jump, however long the relay runs', async () => {
  const clock = new FakeClock();
  await using harness = await filled(undefined, clock);
  await clock.advance(200 * 3_600_000);

  await harness.service.start({ cause: 'manual', who: 'alice' });
});

test.each([
  ['an unknown rule', { rule: 'pushes' }, 'there is no rule pushes; the config has: pulls'],
  [
    'a keep time below the least',
    { rules: [{ ...pulls, keep_hours: 3, undelivered: 'keep' as const }] },
    'the least is 12',
  ],
])('%s is refused', async (_, request, message) => {
  await using harness = await filled({ rules: [pulls], keep_hours_min: 12 });

  await expect(harness.service.start({ cause: 'api', who: 'x', ...request })).rejects.toMatchObject({
    code: 'PURGE_REFUSED',
    message: expect.stringContaining(message),
  });
  expect(await harness.service.history()).toEqual([]);
});

test('rules of a request stand in place of the config’s, but for what that keeps for ever', async () => {
  const forever = { name: 'creations', match: { operation: 'create_*' }, keep_hours: 0 };
  await using harness = await filled({ rules: [pulls, forever] });
  const all = { name: 'all', match: {}, keep_hours: 24, undelivered: 'keep' as const };

  const { id } = await harness.service.start({ cause: 'api', who: 'x', rules: [all], parameters: { hours: 24 } });
  await harness.service.idle();

  expect(await harness.service.run(id)).toMatchObject({ tally: { rules: { all: 4 } }, parameters: { hours: 24 } });
});

test('one rule alone takes nothing that an earlier one decides about', async () => {
  const rest = { name: 'rest', match: {}, keep_hours: 24 };
  await using harness = await filled({ rules: [pulls, rest] });

  const { id } = await harness.service.start({ cause: 'manual', who: 'x', rule: 'rest' });
  await harness.service.idle();

  expect((await harness.service.run(id)).tally.rules).toEqual({ rest: 2 });
});

test('the config’s schedule begins purges, a document in its place outlives a restart, and removing it brings the config’s back', async () => {
  const retention = { rules: [pulls], schedule: '0 30 2 * * *' };
  await using harness = await filled(retention);
  const { service } = harness;
  expect(service.schedules()).toMatchObject([{ name: 'config', cron: '0 30 2 * * *', from: 'config' }]);
  harness.armed[0]!.due();
  await vi.waitFor(async () => expect(await service.history()).toMatchObject([{ cause: 'schedule', state: 'done' }]));

  await service.setSchedule('config', { cron: '0 0 4 * * 0' }, 'alice');
  await harness.restart(retention);
  expect(harness.armed.map(({ expression }) => expression)).toEqual(['0 0 4 * * 0']);
  expect(harness.service.schedule('config')).toMatchObject({ from: 'document', setBy: 'alice' });

  await harness.service.setSchedule('config', undefined, 'alice');
  expect(harness.armed.map(({ expression }) => expression)).toEqual(['0 30 2 * * *']);
});

test('a schedule with rules of its own runs beside the config’s and keeps what it was set with', async () => {
  await using harness = await filled({ rules: [], schedule: '0 30 2 * * *' });
  const rules = [{ ...pulls, undelivered: 'keep' as const }];
  await harness.service.setSchedule(
    'harbor',
    { cron: '0 15 10 ? * *', rules, parameters: { type: 'Custom' } },
    'admin',
  );

  harness.armed.find(({ expression }) => expression === '0 15 10 ? * *')!.due();
  await vi.waitFor(async () => expect(await harness.service.history()).toMatchObject([{ state: 'done' }]));

  const [run] = await harness.service.history();
  expect(run).toMatchObject({
    who: 'admin',
    parameters: { type: 'Custom', schedule: 'harbor' },
    tally: { records: 4 },
  });
  expect(harness.service.schedule('harbor')).toMatchObject({ parameters: { type: 'Custom' }, rules });
  const bad = { cron: '0 2 3' };
  await expect(harness.service.setSchedule('harbor', bad, 'admin')).rejects.toMatchObject({ code: 'PURGE_REFUSED' });
});

test('a hold keeps what rules would take, until it is lifted', async () => {
  await using harness = await filled();
  const { id } = await harness.service.addHold({ scope: { dataset: 'harbor.*' }, who: 'auditor', why: 'case 7' });
  await harness.service.start({ cause: 'manual', who: 'x' });
  await harness.service.idle();
  expect((await harness.service.history())[0]!.tally).toMatchObject({ records: 0, held: 4 });

  await harness.service.liftHold(id, { who: 'auditor', why: 'closed' });

  expect(await harness.service.holds()).toEqual([]);
  expect(await harness.service.holds(true)).toMatchObject([{ why: 'case 7', liftedWhy: 'closed' }]);
});

test('the chain’s value is told at intervals and at the end, and is what the journal has', async () => {
  const clock = new FakeClock();
  await using harness = await filled({ anchor_interval_ms: 60_000 }, clock);
  const { chainHead } = harness.bench.reader.stats();

  await clock.advance(60_000);
  await vi.waitFor(() => expect(harness.told).toHaveLength(1));
  expect(harness.told[0]).toMatchObject({
    dataset: 'spillway.anchor',
    fields: { anchor: { seq: 8, head: chainHead, certificate: '' } },
  });
  await harness.service.close();
  expect(harness.told).toHaveLength(1);

  await harness.start({ anchor_interval_ms: 60_000 });
  harness.harbor(['login_user']);
  await harness.service.close();
  expect(harness.told).toHaveLength(2);
});

test('the history forgets by its own rule', async () => {
  await using harness = await filled({ rules: [pulls], history: { runs_max: 10 } });
  for (let n = 0; n < 12; n++) {
    await harness.service.start({ cause: 'manual', who: 'x', dryRun: true });
    await harness.service.idle();
  }

  expect((await harness.service.history()).map(({ id }) => id)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  await expect(harness.service.log(1)).rejects.toMatchObject({ code: 'PURGE_UNKNOWN' });
});

test('the forecast says in words what is kept and when the next purge is', async () => {
  await using harness = await filled({ rules: [pulls], schedule: '0 30 2 * * *' });
  const { rules, schedules, window } = harness.service.forecast();

  expect(rules).toEqual(['pulls: dataset harbor.audit, operation pull_* is kept 1 day']);
  expect(schedules[0]).toMatch(/^config: a purge at "0 30 2 \* \* \*", next at \d{4}-\d\d-\d\dT02:30:00.000Z, in .+$/);
  expect(window).toBe('purges may work at any time');
});

test('a change of the rules counts for the next purge, and for what the journal may not take back', async () => {
  await using harness = await filled({ rules: [] });
  await harness.service.start({ cause: 'manual', who: 'x' });
  await harness.service.idle();

  await harness.service.configure(harness.options({ rules: [pulls], schedule: '0 0 1 * * *' }));
  await harness.service.start({ cause: 'manual', who: 'x' });
  await harness.service.idle();

  expect((await harness.service.history()).map(({ tally }) => tally.records)).toEqual([4, 0]);
  expect(harness.armed.map(({ expression }) => expression)).toEqual(['0 0 1 * * *']);
  expect(harness.service.counters).toMatchObject({ ended: { done: 2 }, records: 4 });
});

test('a purge that fails says why, certifies what it took, and makes room for the next', async () => {
  await using harness = await filled();
  const database = harness.bench.openBehindItsBack();
  database.exec(
    "CREATE TRIGGER no BEFORE INSERT ON purge_item WHEN NEW.first_seq > 1 BEGIN SELECT raise(FAIL, 'no room'); END",
  );

  const { id } = await harness.service.start({ cause: 'manual', who: 'x' });
  await harness.service.idle();
  database.exec('DROP TRIGGER no');
  database.close();

  expect(await harness.service.run(id)).toMatchObject({ state: 'failed', error: expect.stringContaining('no room') });
  expect(await harness.service.log(id)).toContain('failed to purge audit log, error: ');
  await harness.service.start({ cause: 'manual', who: 'x' });
  await harness.service.idle();
  expect((await harness.service.history())[0]).toMatchObject({ state: 'done' });
  expect(harness.bench.verify().misfits).toEqual([]);
});

test('what a dry run counted can be purged by hand, while the rules are the same', async () => {
  await using harness = await filled({ rules: [pulls] });
  const { service } = harness;
  const { id: counted } = await service.start({ cause: 'manual', who: 'alice', dryRun: true });
  await service.idle();
  const confirm = (await service.run(counted)).confirmation!.word;
  const ask = () => service.startConfirmed({ cause: 'manual', who: 'alice', confirm });

  await service.configure(harness.options({ rules: [{ ...pulls, keep_hours: 25 }] }));
  await expect(ask()).rejects.toThrow(`the rules are not those of dry run ${counted} any more`);
  await service.configure(harness.options({ rules: [pulls] }));
  const { id } = await ask();
  await service.idle();

  expect((await service.run(id)).tally.records).toBe(4);
  expect(await service.log(id)).toContain(`confirmed after dry run ${counted}, which found 4 records at `);
  expect(await service.log(id)).toContain('what this purge takes cannot be recovered');
  await expect(ask()).rejects.toMatchObject({ code: 'PURGE_UNCONFIRMED' });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import Database from 'better-sqlite3';
import { checkCommand } from '../../relay/cli/check.ts';
import { doctorCommand } from '../../relay/cli/doctor.ts';
import { exportCommand } from '../../relay/cli/export.ts';
import { replayCommand } from '../../relay/cli/replay.ts';
import { statusCommand } from '../../relay/cli/status.ts';
import { tailCommand } from '../../relay/cli/tail.ts';
import { AdminHarness } from '../support/admin-harness.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { MemoryEndpoint, RelayHarness } from '../support/relay-harness.ts';

// The commands on a journal of six records that a real relay wrote: two batches, some seconds apart by their times of receipt.

const commands = [checkCommand, doctorCommand, exportCommand, replayCommand, statusCommand, tailCommand];
const config = {
  inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
  endpoints: { e: { type: 'memory', backoff_min_ms: 10, backoff_max_ms: 20 } },
};
const messages = ['one', 'two', 'three \u001b[31mred', 'four', 'five', 'six'];

let harness: RelayHarness;
let cli: CliHarness;
/** The lines as the endpoint got them. */
let stored: string[];
/** A time between the first three records and the others. */
let between: string;

beforeAll(async () => {
  harness = await RelayHarness.start(config);
  await harness.send('a', ...messages.slice(0, 3));
  await vi.waitFor(() => expect(harness.memory.at('e').lines.length).toBe(3));
  const third = JSON.parse(harness.memory.at('e').lines[2]!) as { event: { created: string } };
  const betweenMs = Date.parse(third.event.created) + 1;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(betweenMs));
  between = new Date(betweenMs).toISOString();
  await harness.send('a', ...messages.slice(3));
  await vi.waitFor(() => expect(harness.memory.at('e').lines.length).toBe(6));
  stored = [...harness.memory.at('e').lines];
  await vi.waitFor(async () =>
    expect(await (async () => (await harness.relay.journal.cursors())[0]?.delivered)()).toBe(6),
  );
});

afterAll(() => harness[Symbol.asyncDispose]());

beforeEach(() => {
  cli = freshCli();
  Object.assign(harness.memory.at('e'), new MemoryEndpoint());
});

function freshCli(): CliHarness {
  const made = new CliHarness(harness.folder);
  Object.assign(made.context, { components: async () => harness.memory.registry });
  return made;
}

const run = (...words: string[]): Promise<number> => cli.run(commands, ...words);
const lines = (...texts: readonly string[]): string => texts.map((line) => `${line}\n`).join('');

test('export gives the bytes that are stored, also while the relay runs', async () => {
  expect(await run('export')).toBe(0);
  expect(cli.stdout).toBe(lines(...stored));
  expect(cli.stderr).toBe('');
});

test.each([
  ['--to', 'between', [0, 3]],
  ['--from', 'between', [3, 6]],
  ['--from', '1h', [0, 6]],
] as const)('export %s a time', async (option, time, [from, to]) => {
  expect(await run('export', option, time === 'between' ? between : time)).toBe(0);
  expect(cli.stdout).toBe(lines(...stored.slice(from, to)));
});

test('export takes records by their fields, and their absence', async () => {
  expect(await run('export', '--match', 'message=t*', '--not', 'message=two')).toBe(0);
  expect(cli.stdout).toBe(lines(stored[2]!));
  expect(await run('export', '--match', 'event.dataset=nothing')).toBe(0);
  expect(cli.stdout).toBe('');
});

test('export writes a new file for its owner, and never over one that is there', async () => {
  expect(await run('export', '--output', 'out.ndjson')).toBe(0);
  expect(harness.read('out.ndjson')).toBe(lines(...stored));
  writeFileSync(join(harness.folder, 'mine'), 'precious');
  expect(await run('export', '--output', 'mine')).toBe(2);
  expect(cli.stderr).toContain('cannot make');
  expect(harness.read('mine')).toBe('precious');
});

test.each([
  [['export', '--from', 'yesterday'], '--from takes a time'],
  [['export', '--from', '1h', '--to', '2h'], '--from must be before --to'],
  [['export', '--match', 'host'], '--match takes FIELD=GLOB'],
  [['tail', '--lines', '-1'], ''],
  [['tail', '--lines', 'x'], '--lines takes a whole number'],
  [['replay'], '--endpoint is needed; the config has: e'],
  [['replay', '--endpoint', 'e', '--records-per-s', 'fast'], '--records-per-s takes a whole number'],
])('%j is wrong use', async (words, says) => {
  expect(await run(...words)).toBe(2);
  expect(cli.stderr).toContain(says);
});

test('tail shows the last records, each on one line, and obeys none of them', async () => {
  expect(await run('tail', '--no-follow', '-n', '4')).toBe(0);
  const shown = cli.stdout.split('\n');
  expect(shown).toHaveLength(5);
  expect(shown[0]).toMatch(/^\S+ notice host app: three .*red$/);
  expect(shown[0]).not.toContain('\u001b');
  expect(shown[3]).toMatch(/: six$/);
  expect(await run('tail', '--no-follow', '--json', '--match', 'message=f*')).toBe(0);
  expect(cli.stdout).toBe(lines(stored[3]!, stored[4]!));
});

test('tail follows what is committed, each record once', async () => {
  await using other = await RelayHarness.start(config);
  const follower = new CliHarness(other.folder);
  Object.assign(follower.context, { components: async () => other.memory.registry });
  await other.send('a', 'before');
  await expect.poll(() => other.memory.at('e').messages).toEqual(['before']);
  const following = follower.run(commands, 'tail', '--match', 'message=*e*');
  await expect.poll(() => follower.stdout).toContain('before');
  await other.send('a', 'later', 'no', 'the last');
  await expect
    .poll(() => follower.stdout.split('\n').map((line) => line.split(': ').at(-1)))
    .toEqual(['before', 'later', 'the last', '']);
  follower.stop();
  expect(await following).toBe(0);
});

test('replay sends the selected records to the endpoint as they were', async () => {
  expect(await run('replay', '--endpoint', 'e', '--from', between)).toBe(0);
  expect(harness.memory.at('e').lines).toEqual(stored.slice(3));
  expect(cli.stdout).toBe('3 records sent to e, 0 refused\n');
  const [cursor] = await harness.relay.journal.cursors();
  expect(cursor, 'the endpoint’s books are not touched').toMatchObject({ delivered: 6, seq: 7 });
});

test('replay keeps its rate', async () => {
  const startedMs = performance.now();
  expect(await run('replay', '--endpoint', 'e', '--records-per-s', '10')).toBe(0);
  expect(performance.now() - startedMs).toBeGreaterThan(350);
  expect(harness.memory.at('e').deliveries.map(({ records }) => records)).toEqual([2, 2, 2]);
});

test('replay waits for an endpoint that is away', async () => {
  harness.memory.at('e').behaviour = 'fail';
  const replaying = run('replay', '--endpoint', 'e');
  await expect.poll(() => cli.stderr).toContain('e does not take records, trying on: nobody answers');
  harness.memory.at('e').behaviour = 'take';
  expect(await replaying).toBe(0);
  expect(harness.memory.at('e').lines).toEqual(stored);
});

test('replay tells which record was refused, and sends the others once', async () => {
  await using other = await RelayHarness.start(config);
  await other.send('a', 'good', 'refuse me', 'better', 'refuse me too', 'best');
  await expect.poll(() => other.memory.at('e').lines.length).toBe(5);
  const id = (index: number) => (JSON.parse(other.memory.at('e').lines[index]!) as { event: { id: string } }).event.id;
  const [first, second] = [id(1), id(3)];
  Object.assign(other.memory.at('e'), new MemoryEndpoint(), { behaviour: 'refuse', lines: [] });
  const there = new CliHarness(other.folder);
  Object.assign(there.context, { components: async () => other.memory.registry });

  expect(await there.run(commands, 'replay', '--endpoint', 'e')).toBe(1);

  expect(other.memory.at('e').messages).toEqual(['good', 'better', 'best']);
  expect(there.stdout).toBe('3 records sent to e, 2 refused\n');
  expect(there.stderr).toBe(`refused: ${first}: it does not like it\nrefused: ${second}: it does not like it\n`);
});

test('an interrupted replay says where to go on, and nothing is lost between', async () => {
  harness.memory.at('e').behaviour = 'fail';
  const replaying = run('replay', '--endpoint', 'e', '--from-seq', '4');
  await expect.poll(() => cli.stderr).toContain('trying on');
  cli.stop();
  expect(await replaying).toBe(1);
  const [, at = ''] = /go on with --from-seq (\d+)/.exec(cli.stderr) ?? [];
  harness.memory.at('e').behaviour = 'take';
  cli = freshCli();
  expect(await run('replay', '--endpoint', 'e', '--from-seq', at)).toBe(0);
  for (const line of stored.slice(3)) expect(harness.memory.at('e').lines).toContain(line);
});

test('status of a relay that runs, asked through its socket', async () => {
  const data = join(harness.folder, 'data');
  const admin = await AdminHarness.over(harness);
  try {
    expect(await run('status')).toBe(0);
    expect(cli.stdout).toMatch(/^spillway: ready, up /);
    expect(cli.stdout).toMatch(/^a +syslog +127\.0\.0\.1:\d+ +6 /m);
    expect(cli.stdout).toMatch(/^e +up /m);
    expect(await run('status', '--json')).toBe(0);
    expect(JSON.parse(cli.stdout)).toMatchObject({ ready: true, endpoints: [{ name: 'e', delivered: 6 }] });
    expect(await run('check')).toBe(0);
    expect(cli.stdout).toContain(`a relay is running on ${data}`);
  } finally {
    await admin.stop();
  }
  expect(await run('status')).toBe(1);
  expect(cli.stdout).toContain('no relay runs on');
  expect(await run('status', '--json')).toBe(1);
  expect(JSON.parse(cli.stdout)).toMatchObject({ running: false, journal: { records: 6 } });
});

test('check looks at the journal and the disk', async () => {
  expect(await run('check')).toBe(0);
  expect(cli.stdout).toContain('journal: it is whole; 6 records are in it');
  const file = harness.read('config.yaml');
  writeFileSync(harness.configFile, file.replace('"min_free_bytes":0', '"min_free_bytes":"1000TiB"'));
  expect(await run('check')).toBe(1);
  expect(cli.stdout).toContain('nothing would be accepted');
  writeFileSync(harness.configFile, file.replace('"min_free_bytes":0', '"min_free_bytes":0,"max_bytes":"1000TiB"'));
  expect(await run('check')).toBe(0);
  expect(cli.stdout).toContain('the disk is the limit');
  writeFileSync(harness.configFile, file);
});

// These damage the journal: each has one of its own.

test('doctor proves the sum, and finds it where a cursor was tampered with', async () => {
  await using other = await RelayHarness.start(config);
  await other.send('a', 'one', 'two');
  await expect.poll(() => other.memory.at('e').lines.length).toBe(2);
  await other.relay.stop(1_000);
  const there = new CliHarness(other.folder);
  Object.assign(there.context, { components: async () => other.memory.registry });

  expect(await there.run(commands, 'doctor')).toBe(0);
  expect(there.stdout).toMatch(/^e +2 += +2 +0 +0 +0 +0 +0 +ok$/m);
  expect(there.stdout).toContain('hash chain: whole');
  expect(there.stdout).toContain('nothing is missing');

  const file = join(other.folder, 'data', 'journal.db');
  const database = new Database(file);
  database.exec('UPDATE cursor SET delivered = delivered - 1');
  expect(await there.run(commands, 'doctor')).toBe(1);
  expect(there.stdout).toContain('endpoint e: 1 records are not accounted for');
  database.exec('UPDATE cursor SET delivered = delivered + 1; UPDATE batch SET payload_hash = zeroblob(32)');
  database.close();
  expect(await there.run(commands, 'doctor', '--json')).toBe(1);
  expect((JSON.parse(there.stdout) as { problems: string[] }).problems.join()).toContain('at record 1');

  const bytes = readFileSync(file);
  bytes.fill(0xff, 8_192, 5 * 8_192);
  writeFileSync(file, bytes);
  expect(await there.run(commands, 'doctor')).toBe(1);
  expect(there.stderr).not.toContain('mistake in spillway');
  expect(await there.run(commands, 'check')).toBe(1);
  writeFileSync(file, 'this is no journal at all'.repeat(1_000));
  for (const command of ['doctor', 'export', 'status', 'tail', 'check']) {
    expect(await there.run(commands, command), command).toBe(1);
    expect(`${there.stdout}${there.stderr}`, command).toContain('journal');
    expect(there.stderr, command).not.toContain('mistake in spillway');
  }
});

test('where there is no journal, commands say so', async () => {
  await using other = await RelayHarness.start(config);
  other.config({ ...config, data_dir: './nowhere' });
  const there = new CliHarness(other.folder);
  Object.assign(there.context, { components: async () => other.memory.registry });
  for (const words of [['export'], ['doctor'], ['status'], ['tail'], ['replay', '--endpoint', 'e']]) {
    expect(await there.run(commands, ...words), words[0]).toBe(1);
    expect(there.stderr).toContain('there is no journal in');
  }
});

test.each([['export', '--output', 'slow.ndjson'], ['replay', '--endpoint', 'e'], ['doctor']])(
  '%s shows on a terminal how far it is, and wipes that away',
  async (...words) => {
    cli.beSlow();
    await run(...words);
    expect(cli.stderr.replaceAll('\u001b[K', '⌫')).toMatch(/\r[█░]{24} +\d+ % .*⌫\r⌫/);
  },
);

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { doctorCommand } from '../../relay/cli/doctor.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { RelayHarness } from '../support/relay-harness.ts';

let harness: RelayHarness;
let data: string;

beforeAll(async () => {
  harness = await RelayHarness.start({
    inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } },
    endpoints: { e: { type: 'memory' } },
  });
  await harness.send('a', 'one', 'two');
  await vi.waitFor(() => expect(harness.memory.at('e').lines.length).toBe(2));
  await harness.relay.stop(1_000);
  data = join(harness.folder, 'data');
});

afterAll(() => harness[Symbol.asyncDispose]());

async function doctor(...words: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const cli = new CliHarness(harness.folder);
  Object.assign(cli.context, { components: async () => harness.memory.registry });
  const exitCode = await cli.run([doctorCommand], 'doctor', ...words);
  return { exitCode, stdout: cli.stdout, stderr: cli.stderr };
}

test('past damage is a problem until it is acknowledged, and more of it is one again', async () => {
  mkdirSync(join(data, 'damaged', 'monday'), { recursive: true });
  expect((await doctor()).exitCode).toBe(1);

  const acknowledged = await doctor('--acknowledge');
  expect(acknowledged.exitCode).toBe(0);
  expect(acknowledged.stdout).toMatch(/acknowledged: a damaged journal was set aside in .*monday/);
  expect((await doctor()).exitCode).toBe(0);
  expect(JSON.parse((await doctor('--json')).stdout)).toMatchObject({ problems: [], known: [expect.any(String)] });

  mkdirSync(join(data, 'damaged', 'tuesday'));
  const more = await doctor();
  expect(more.exitCode).toBe(1);
  expect(more.stdout).toMatch(/! a damaged journal was set aside in .*tuesday/);
  expect(more.stdout).not.toMatch(/! .*monday/);
  await doctor('--acknowledge');
});

test('records that could not be read are acknowledged by their number', async () => {
  const database = new Database(join(data, 'journal.db'));
  const mark = (seq: number): void =>
    void database.prepare(`INSERT INTO gap VALUES (?, 1, 0, 'damaged', 0, x'', x'', x'')`).run(seq);
  mark(-5);
  expect((await doctor()).stdout).toContain('! 1 records could not be read');
  const seen = await doctor('--acknowledge');
  expect(seen.stdout).toContain('acknowledged: 1 records could not be read');
  mark(-9);
  const more = await doctor();
  expect(more.stdout).toContain('acknowledged: 1 records could not be read');
  expect(more.stdout).toContain('! 1 records could not be read');
  database.exec('DELETE FROM gap');
  database.close();
  expect((await doctor()).stdout).not.toContain('records could not be read');
});

test('what is wrong now cannot be acknowledged away, and neither can a broken note', async () => {
  const database = new Database(join(data, 'journal.db'));
  database.exec('UPDATE cursor SET delivered = delivered - 1');
  expect((await doctor('--acknowledge')).exitCode).toBe(1);
  database.exec('UPDATE cursor SET delivered = delivered + 1');
  database.close();
  expect((await doctor()).exitCode).toBe(0);

  writeFileSync(join(data, 'known-damage.json'), '{"damaged_records":"many"}');
  const broken = await doctor();
  expect(broken.exitCode).toBe(1);
  expect(broken.stdout).toContain('known-damage.json is not what doctor wrote');
  rmSync(join(data, 'known-damage.json'));
});

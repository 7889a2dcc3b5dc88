import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { searchCommand } from '../../relay/cli/search.ts';
import { tailCommand } from '../../relay/cli/tail.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { SearchBench, START_MS } from '../support/search-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-search-cli-'));
let bench: SearchBench;
let cli: CliHarness;

beforeAll(() => {
  writeFileSync(
    join(folder, 'config.yaml'),
    'data_dir: ./data\ninputs: {a: {type: syslog, listen: "tcp://127.0.0.1:0"}}\nendpoints: {e: {type: file, path: ./out}}\n',
  );
  bench = new SearchBench(join(folder, 'data'));
  for (let i = 0; i < 6; i++)
    bench.append([
      { timeMs: START_MS + i * 600_000, fields: { host: { name: 'web' }, message: `line ${2 * i}` } },
      { timeMs: START_MS + i * 600_000, fields: { host: { name: 'db' }, message: `=Line ${2 * i + 1} \u001b[2J` } },
    ]);
});

afterAll(() => {
  bench.journal.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  cli = new CliHarness(folder);
});

const run = (...words: string[]): Promise<number> => cli.run([searchCommand, tailCommand], ...words);
const shown = (): string[] => cli.stdout.split('\n').slice(0, -1);

test('search shows what is meant, the newest first, each on one line, and obeys none of it', async () => {
  expect(await run('search', 'host:db', '--limit', '2')).toBe(0);
  expect(shown()).toEqual([
    '2026-11-22T05:50:00.000Z syslog db: =Line 11 \\x1b[2J',
    '2026-11-22T05:40:00.000Z syslog db: =Line 9 \\x1b[2J',
  ]);
  expect(await run('search', 'line', '1', '--oldest')).toBe(0);
  expect(shown().map((line) => /ine (\d+)/.exec(line)?.[1])).toEqual(['1', '10', '11']);
});

test('a page says where the next one begins', async () => {
  cli.context.stderr.write('');
  expect(await run('search', '--oldest', '--limit', '100')).toBe(0);
  expect(shown()).toHaveLength(12);
  expect(await run('search', '--cursor', '3', '--limit', '0')).toBe(0);
  expect(shown()).toHaveLength(2);
  expect(cli.stderr).toBe('');
});

test('times bound a search', async () => {
  expect(await run('search', 'web', '--since', '2026-11-22T05:10Z', '--until', '2026-11-22T05:30Z')).toBe(0);
  expect(shown()).toHaveLength(2);
  expect(await run('search', '--since', '2026-11-22T05:00:00.001Z', '--received')).toBe(0);
  expect(shown()).toHaveLength(0);
});

test('data comes as JSON as it is stored, as CSV, or by field', async () => {
  expect(await run('search', 'line 4', '--json', '--oldest')).toBe(0);
  expect(cli.stdout).toBe(`${bench.lines.get(5)}\n`);
  expect(await run('search', '"=line 1"', '--csv', '--fields', 'host.name,message', '--oldest', '-n', '1')).toBe(0);
  expect(cli.stdout).toBe('host.name,message\r\ndb,"\'=Line 1 \u001b[2J"\r\n');
  expect(await run('search', '"=line 1"', '--fields', 'message,host.name', '--oldest', '-n', '1')).toBe(0);
  expect(cli.stdout).toBe('=Line 1 \\x1b[2J  db\n');
});

test('counts are of all that is meant, or over time', async () => {
  expect(await run('search', 'web', '--count')).toBe(0);
  expect(cli.stdout).toBe('6\n');
  expect(await run('search', '--histogram', '--since', '2026-11-22T05:00Z', '--until', '2026-11-22T06:00Z')).toBe(0);
  expect(shown().at(-1)).toBe('12 in all');
  expect(shown()[0]).toMatch(/^2026-11-22T05:00:00Z  2  █{40}$/);
  expect(
    await run('search', '--histogram', '--json', '--since', '2026-11-22T05:00Z', '--until', '2026-11-22T06:00Z'),
  ).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject({ total: 12, ending: 'complete' });
});

test('on a terminal what was looked for is lit up, unless somebody wants no colours', async () => {
  const terminal = { ...cli.context.stdout, isTerminal: true };
  Object.assign(cli.context, { stdout: terminal });
  await run('search', 'LINE host:web', '-n', '1');
  expect(cli.stdout).toContain(': \u001b[1;31mline\u001b[0m 10\n');
  expect(cli.stdout).toContain('\u001b[1;31mweb\u001b[0m');
  Object.assign(cli.context, { environment: { NO_COLOR: '1' } });
  await run('search', 'LINE', '-n', '1');
  expect(cli.stdout).not.toContain('\u001b');
});

test('a mistake in a query is shown where it is', async () => {
  expect(await run('search', 'host:web (line')).toBe(2);
  expect(cli.stderr).toContain('at character 10: this bracket is not closed');
  expect(cli.stderr).toContain('\n  host:web (line\n           ^');
  expect(await run('tail', '"')).toBe(2);
  expect(await run('search', 'a'.repeat(5_000))).toBe(2);
  expect(await run('search', '--since', 'x')).toBe(2);
  expect(await run('search', '--since', '1h', '--until', '2h')).toBe(2);
});

test('batches that cannot be read are told of', async () => {
  const database = bench.journal.openBehindItsBack();
  const payload = database.prepare('SELECT payload FROM batch WHERE first_seq = 3').pluck().get();
  database.prepare('UPDATE batch SET payload = zeroblob(length(payload)) WHERE first_seq = 3').run();
  try {
    expect(await run('search', 'line')).toBe(1);
    expect(shown()).toHaveLength(10);
    expect(cli.stderr).toContain('1 batches cannot be read');
  } finally {
    database.prepare('UPDATE batch SET payload = ? WHERE first_seq = 3').run(payload);
    database.close();
  }
});

test('tail shows only what its query means', async () => {
  expect(await run('tail', 'host:web', '-line 8', '--no-follow', '-n', '2')).toBe(2);
  expect(await run('tail', 'host:web -"line 8"', '--no-follow', '-n', '2')).toBe(0);
  expect(shown().map((line) => line.split(': ').at(-1))).toEqual(['line 6', 'line 10']);
});

test.each([[['nowhere']], [['--count', 'line']]])(
  'a search that takes long shows on a terminal how far it is: %s',
  async (words) => {
    cli.beSlow();
    expect(await run('search', ...words)).toBe(0);
    expect(cli.stderr.replaceAll('\u001b[K', '⌫')).toMatch(/\r[█░]{24} +\d+ % {2}\d+ found⌫\r⌫/);
  },
);

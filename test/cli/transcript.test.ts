import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { transcriptCommand } from '../../relay/cli/transcript.ts';
import type { Terminal } from '../../relay/cli/command.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { derivedLines, jobOf, linesBatch, pageLine } from '../support/job-pages.ts';
import { heldBatch, JournalBench } from '../support/journal-bench.ts';
import { JOB_RECORD, jobRow, runChanges } from '../support/run-rows.ts';

// A journal of four jobs: two of the last attempt of one run, one of its first attempt, and one that nobody knows the run of.

const bom = Buffer.of(0xef, 0xbb, 0xbf);
const page = (...lines: string[]): Buffer => Buffer.concat([bom, Buffer.from(lines.join(''))]);
const guid = (n: number): string => `${String(n).repeat(8)}-1111-2222-3333-444444444444`;
const texts = [
  '##[group]Run make',
  'cc -c a.c',
  '##[error]it \u001b[2Jfailed',
  '##[endgroup]',
  'after\u0007',
  '##[command]make test',
];
const build = page(...texts.map((text, n) => pageLine(n, text)), 'and goes on\n');
const lint = page(pageLine(20, 'lint is fine', ''));
const first = page(pageLine(1, 'the first attempt'));

let bench: JournalBench;
let database: Database.Database;
let cli: CliHarness;

beforeAll(() => {
  bench = new JournalBench({}, { opened: (opened) => (database = opened) });
  let seq = 1;
  const add = (content: Buffer, given: Partial<Parameters<typeof jobRow>[0]>): void => {
    const lines = derivedLines(content, { job: jobRow(given) });
    const { job, changes } = jobOf(lines, seq, given);
    bench.append(linesBatch(seq, lines, [job], [changes]));
    seq += lines.length;
  };
  add(first, { timeline: guid(1), runAttempt: 1 });
  add(build, { timeline: guid(2), runAttempt: 2, startedMs: 1_000 });
  add(lint, { timeline: guid(2), jobRecord: guid(3), jobName: 'lint', runAttempt: 2, startedMs: 2_000 });
  const unmapped = {
    repository: undefined,
    runId: undefined,
    runAttempt: undefined,
    jobName: undefined,
    verdict: 'unmapped',
  } as const;
  add(page(pageLine(1, 'whose is it')), { timeline: guid(4), ...unmapped });
  writeFileSync(
    join(bench.directory, 'config.yaml'),
    `data_dir: .\ninputs: { a: { type: syslog, listen: 'tcp://0.0.0.0:5514' } }\n`,
  );
});

afterAll(() => bench[Symbol.dispose]());

beforeEach(() => {
  cli = new CliHarness(bench.directory);
});

const run = (...words: string[]): Promise<number> => cli.run([transcriptCommand], 'transcript', ...words);

/** Has the command believe that a person is looking. */
function onTerminal(): void {
  const { stdout } = cli.context;
  Object.assign(cli.context, { stdout: { ...stdout, isTerminal: true } satisfies Terminal });
}

test('a job is printed byte for byte', async () => {
  expect(await run('--run', '4711', '--job', 'build')).toBe(0);

  expect(cli.stdout).toBe(build.toString());
  expect(cli.stderr).toMatch(/^build \(corp\/web, run 4711 attempt 2\): success, complete, 7 lines/);
});

test('the jobs of the last attempt come one after the other; another attempt, or a job by its id, when it is asked for', async () => {
  expect(await run('--run', '4711')).toBe(0);
  expect(cli.stdout).toBe(build.toString() + lint.toString());
  expect(cli.stderr.split('\n')).toHaveLength(3);

  expect(await run('--run', '4711', '--attempt', '1', '--repository', 'corp/web')).toBe(0);
  expect(cli.stdout).toBe(first.toString());
  expect(await run('--run', '4711', '--job', guid(3).toUpperCase())).toBe(0);
  expect(cli.stdout).toBe(lint.toString());
});

test('--plain leaves out mark and times, and keeps the rest', async () => {
  expect(await run('--run', '4711', '--plain')).toBe(0);
  expect(cli.stdout).toBe([...texts, 'and goes on'].map((text) => `${text}\n`).join('') + 'lint is fine');
});

test('on a terminal control characters are shown, and obeyed only with --raw', async () => {
  onTerminal();
  expect(await run('--run', '4711', '--job', 'build')).toBe(0);
  expect(cli.stdout).toContain('Z ##[error]it \\x1b[2Jfailed\n');
  expect(cli.stdout).not.toContain('\u001b');
  expect(cli.stdout).not.toContain('\u0007');
  expect(cli.stdout).toMatch(/^━━ build /);

  expect(await run('--run', '4711', '--job', 'build', '--raw')).toBe(0);
  expect(cli.stdout).toContain(build.toString());
});

test('on a terminal --plain folds groups but for errors, and colours what is marked', async () => {
  onTerminal();
  expect(await run('--run', '4711', '--job', 'build', '--plain')).toBe(0);
  expect(cli.stdout.split('\n').slice(1)).toEqual([
    '\u001b[1m▸ Run make\u001b[0m (2 lines)',
    '    \u001b[31merror: it \\x1b[2Jfailed\u001b[0m',
    'after\\x07',
    '\u001b[34m$ make test\u001b[0m',
    'and goes on',
    '',
  ]);

  Object.assign(cli.context, { environment: { NO_COLOR: '1' } });
  expect(await run('--run', '4711', '--job', 'build', '--plain', '--unfold')).toBe(0);
  expect(cli.stdout.split('\n').slice(1, 4)).toEqual(['▾ Run make', 'cc -c a.c', 'error: it \\x1b[2Jfailed']);
});

test('--json gives a line an object', async () => {
  expect(await run('--run', '4711', '--job', 'lint', '--json')).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject({ job: 'lint', step: 1, page: 1, offset: 0, text: 'lint is fine' });
});

test('--list tells runs with their verdict, and the jobs and steps of one', async () => {
  expect(await run('--list')).toBe(0);
  expect(cli.stdout).toMatch(/^RUN +ATTEMPT +REPOSITORY/);
  expect(cli.stdout).toMatch(/4711 +2 +corp\/web +ci +2 +complete +8/);
  expect(cli.stdout).toContain(`${guid(4)}  -`);

  expect(await run('--list', '--verdict', 'unmapped', '--json')).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject([{ verdict: 'unmapped', jobs: [{ timeline: guid(4), lines: 1 }] }]);
  expect(await run('--list', '--run', '4711')).toBe(0);
  expect(cli.stdout).toMatch(/^build .*\n +STEP +NAME +RESULT +TOOK +LINES\n +1 +Set up job +success/);
  expect(await run('--list', '--run', '4711', '--json')).toBe(0);
  expect(
    (JSON.parse(cli.stdout) as { name: string; steps: object[] }[]).map(({ name, steps }) => [name, steps.length]),
  ).toEqual([
    ['build', 1],
    ['lint', 1],
  ]);
});

test('a job that nobody knows the run of is found by its timeline', async () => {
  expect(await run('--run', guid(4), '--plain')).toBe(0);
  expect(cli.stdout).toBe('whose is it\n');
});

test('what is missing is told, and the command ends with 1', async () => {
  const gaps = [{ record: JOB_RECORD, number: 1, from: 10, to: 20 }];
  const detail = { gaps, notes: [], filledLines: 0, repeats: 0 };
  const job = jobRow({ timeline: guid(5), runId: '99', verdict: 'gaps', lines: 5, firstSeq: 1, lastSeq: 1, detail });
  bench.append(linesBatch(bench.nextSeq, [], [], [runChanges({ job })]));

  expect(await run('--run', '99')).toBe(1);
  expect(cli.stdout).toBe('');
  expect(cli.stderr).toContain('5 of its lines are not in the journal any more');
  expect(cli.stderr).toContain('some of it never reached the relay');
});

test.each([
  [[], 'say which run'],
  [['--run', '1'], 'the journal has nothing of run 1'],
  [['--run', '4711', '--attempt', '9'], 'nothing of attempt 9 of run 4711'],
  [['--run', '4711', '--job', 'deploy'], 'there are: build, lint'],
  [['--list', '--verdict', 'good'], '--verdict takes open, complete'],
])('%j is refused with what to do', async (words, reason) => {
  expect(await run(...words)).toBe(2);
  expect(cli.stderr).toContain(reason);
});

test('a log that takes long shows on a terminal how far it is, unless it scrolls by there itself', async () => {
  cli.beSlow();
  await cli.run([transcriptCommand], 'transcript', '--run', '4711');
  expect(cli.stderr.replaceAll('\u001b[K', '⌫')).toMatch(/\r[█░]{24} +\d+ % .*lint⌫/);
});

test('a job whose lines have gone says what took them', async () => {
  const gone = jobRow({ timeline: guid(5), runId: '99', firstSeq: 1_000, lastSeq: 1_001 });
  bench.append(heldBatch(bench.nextSeq, ['a'], { changes: [runChanges({ job: gone })] }));
  database.exec(`UPDATE job SET gone_ms = 1000, gone_reason = 'purge', gone_purge = 7 WHERE run_id = '99'`);

  expect(await run('--run', '99')).toBe(1);
  expect(cli.stdout).toBe('');
  expect(cli.stderr).toContain('! its lines were purged by purge 7; known since 1970-01-01 00:00 UTC\n');
  expect(await run('--run', '99', '--list')).toBe(0);
  expect(cli.stdout).toContain('purged by purge 7');
  expect(await run('--run', '99', '--list', '--json')).toBe(0);
  expect(JSON.parse(cli.stdout)).toMatchObject([{ gone: { reason: 'purge', purge: 7 } }]);
});

import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Chance } from './runner/chance.ts';
import { DotnetFile } from './runner/dotnet-file.ts';
import { type JobPlan, planRun } from './runner/job-plan.ts';
import { JobRun } from './runner/job-run.ts';
import { RunnerClock } from './runner/runner-clock.ts';
import type { TrueJob } from './runner/truth.ts';
import type { Deletion } from './runner/upload-queue.ts';

const BOM = '\ufeff';
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z /;

test('text reaches a file in pieces of 4096 bytes, and the rest when it is closed', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'page.log');
  const file = new DotnetFile(path);
  const sizes = new Set<number>();

  for (let line = 0; line < 1_000; line++) {
    file.write(`${'ü'.repeat(line % 90)}\n`);
    sizes.add(readFileSync(path).length);
  }

  expect([...sizes].every((size) => size % 4_096 === 0)).toBe(true);
  expect(sizes.size).toBeGreaterThan(10);
  file.close();
  expect(readFileSync(path).length % 4_096).not.toBe(0);
});

test('a file in which nothing was written has its byte order mark', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'page.log');

  new DotnetFile(path).close();

  expect(readFileSync(path, 'utf8')).toBe(BOM);
});

test('each line stands in the page of its step and in that of the job, with a stamp of its own', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, { hooks: true, debug: false, newline: '\n' });
  const stepLines = linesOf(folder.path, job.stepPages);
  const jobLines = linesOf(folder.path, job.jobPages);

  expect(stepLines.map(withoutStamp)).toEqual(jobLines.map(withoutStamp));
  expect(stepLines.filter((line) => STAMP.test(line)).some((line) => jobLines.includes(line))).toBe(false);
  expect(jobLines.length).toBe(job.lineSteps.reduce((sum, [, lines]) => sum + lines, 0));
  for (const { name } of [...job.jobPages, ...job.stepPages])
    expect(readFileSync(join(folder.path, '_diag/pages', name), 'utf8').startsWith(BOM)).toBe(true);
});

test('on Windows lines end in CRLF, and a message in several lines has one stamp', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, { newline: '\r\n', fails: true, lines: 2_000 });

  const text = readFileSync(join(folder.path, '_diag/pages', job.jobPages[0]!.name), 'utf8');

  expect(text.replaceAll('\r\n', '')).not.toContain('\n');
  expect(text).toMatch(/##\[error\][^\r]*\r\n {3}at Example/);
});

test('a page that is full is followed by the next, of 8 MiB or what is asked for', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, { lines: 3_000 }, { pageBytes: 50_000 });

  expect(job.jobPages.length).toBeGreaterThan(3);
  expect(job.jobPages.map(({ number }) => number)).toEqual(job.jobPages.map((_, index) => index + 1));
  for (const { bytes } of job.jobPages.slice(0, -1)) expect(bytes).toBeGreaterThan(50_000);
});

test('post steps have numbers from the range that the first of them reserves', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, { hooks: true, action: 'actions/checkout@v4' });

  const names = new Map(job.steps.map(({ number, name }) => [name, number]));
  expect(names.get('Set up job')).toBe(1);
  expect(names.get('Set up runner')).toBe(2);
  // Three steps of the job: 3 to 5. So 6 to 10 are reserved.
  expect(names.get('Complete runner')).toBe(10);
  expect(names.get('Post Step 3')).toBe(9);
  expect(names.get('Complete job')).toBe(11);
});

test('the Worker log has the job message, indented, and the steps as they begin', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, {});
  const [name = ''] = readdirSync(join(folder.path, '_diag')).filter((one) => one.startsWith('Worker_'));
  const log = readFileSync(join(folder.path, '_diag', name), 'utf8');

  const message = JSON.parse(/Job message:\n ([\s\S]*?\n\})\n/.exec(log)![1]!) as { timeline: object; steps: object[] };
  expect(message).toMatchObject({ timeline: { id: job.timeline }, jobId: job.jobRecord });
  expect(message.steps).toHaveLength(3);
  expect(log).toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO StepsRunner\] Processing step: DisplayName='Step 2'$/m);
});

test.each([
  { deletion: 'unsent', gone: true },
  { deletion: 'at_once', gone: true },
  { deletion: 'never', gone: false },
] as const)('with deletion "$deletion" pages are gone at the end: $gone', async ({ deletion, gone }) => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, '_diag/pages'), { recursive: true });
  const seen = new Set<string>();
  using watcher = disposable(watch(join(folder.path, '_diag/pages'), (_, name) => seen.add(name ?? '')));
  expect(watcher).toBeDefined();

  const job = await run(folder.path, {}, { deletion });

  for (const { name } of [...job.jobPages, ...job.stepPages]) {
    expect(seen.has(name)).toBe(true);
    expect(existsSync(join(folder.path, '_diag/pages', name))).toBe(!gone);
  }
  expect(readdirSync(join(folder.path, '_diag/blocks'))).toEqual([]);
});

test('a worker that is killed leaves pages that end where .NET had last written', async () => {
  using folder = temporaryFolder();
  const job = await run(folder.path, { lines: 20_000, durationMs: 20_000 }, { killAfterMs: 300 });

  expect(job.conclusion).toBe('killed');
  const [page] = job.jobPages;
  const bytes = readFileSync(join(folder.path, '_diag/pages', page!.name));
  expect(bytes.length % 4_096).toBe(0);
  expect(page!.bytes).toBe(bytes.length);
  expect(readFileSync(join(folder.path, 'truth', page!.name)).equals(bytes)).toBe(true);
});

interface Kind extends Partial<Pick<JobPlan, 'hooks' | 'debug' | 'newline'>> {
  readonly lines?: number;
  readonly durationMs?: number;
  readonly fails?: boolean;
  readonly action?: string;
}

/** Runs one job of three steps, the second of which is as asked for. */
async function run(
  folder: string,
  { lines = 300, durationMs = 0, fails = false, action, ...kind }: Kind,
  options: { deletion?: Deletion; pageBytes?: number; killAfterMs?: number } = {},
): Promise<TrueJob> {
  const chance = new Chance(11);
  const [planned] = planRun(chance, { jobMs: 100, linesPerSecondMax: 10, burstLinesMax: 10 });
  const step = {
    ...planned!.steps[0]!,
    hasPre: false,
    hasPost: false,
    naming: 'literal',
    onlyOnFailure: false,
  } as const;
  const plain = { ...step, lines: 3, durationMs: 0, fails: false, action: undefined };
  const job: JobPlan = {
    ...planned!,
    hooks: false,
    debug: false,
    newline: '\n',
    ...kind,
    steps: [
      { ...plain, displayName: 'Step 1' },
      { ...plain, displayName: 'Step 2', record: chance.guid(), lines, durationMs, fails },
      { ...plain, displayName: 'Step 3', record: chance.guid(), action, hasPost: action !== undefined },
    ],
  };
  return new JobRun({
    job,
    folder: join(folder, '_diag'),
    runnerName: 'runner-1',
    clock: new RunnerClock({ speed: 4 }),
    chance,
    deletion: options.deletion ?? 'never',
    pageBytes: options.pageBytes ?? 8 * 1_048_576,
    truthFolder: join(folder, 'truth'),
    kill: options.killAfterMs === undefined ? new AbortController().signal : AbortSignal.timeout(options.killAfterMs),
  }).run();
}

function linesOf(folder: string, pages: TrueJob['jobPages']): string[] {
  return pages.flatMap(({ name }) =>
    readFileSync(join(folder, '_diag/pages', name), 'utf8')
      .replace(BOM, '')
      .split('\n')
      .slice(0, -1),
  );
}

function withoutStamp(line: string): string {
  return line.replace(STAMP, '');
}

function disposable<T extends { close(): void }>(value: T): T & Disposable {
  return Object.assign(value, { [Symbol.dispose]: () => value.close() });
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Archive } from '../../relay/journal/archive.ts';
import type { JobRow } from '../../relay/journal/runs.ts';
import { pageOrder } from '../../relay/query/transcript/job-lines.ts';
import { linesBatch, pageLine, type DerivedLine } from '../support/job-pages.ts';
import { JournalBench } from '../support/journal-bench.ts';
import { jobRow, runChanges } from '../support/run-rows.ts';

// How long it takes until a transcript begins to be printed from a journal of very many runs, and how much memory a long one takes.

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    lines: { type: 'string', default: '8' },
    big: { type: 'string', default: '64' },
    tries: { type: 'string', default: '11' },
    directory: { type: 'string' },
  },
});
const runs = Number(values.runs);
const linesEach = Number(values.lines);
const bigMiB = Number(values.big);
const tries = Number(values.tries);
/** Jobs whose lines come in turns. */
const AT_ONCE = 40;
const FIRST_RUN = 1_000_000;
const program = resolve(existsSync('dist/main.js') ? 'dist/main.js' : 'relay/main.ts');

const given = values.directory === undefined ? {} : { directory: values.directory };
const bench = new JournalBench({}, given);
try {
  build();
  bench.reopen();
  const config = join(bench.directory, 'config.yaml');
  writeFileSync(config, `data_dir: .\ninputs: { a: { type: syslog, listen: 'tcp://127.0.0.1:5514' } }\n`);
  const asked = Array.from({ length: tries }, (_, n) => FIRST_RUN + Math.floor(((n + 0.5) / tries) * runs));
  const inProcess: number[] = [];
  for (const run of asked) inProcess.push(await firstBytes(run));
  report('from opening the journal to the first bytes', inProcess);
  const whole: Printed[] = [];
  for (const run of asked) whole.push(await print(config, String(run)));
  const bare: number[] = [];
  for (const _ of asked) bare.push(await nodeAlone());
  report('node -e 0, from its start to its end', bare);
  console.log(`spillway transcript (${program})`);
  report(
    '  from its start to the first byte',
    whole.map(({ firstByteMs }) => firstByteMs),
  );
  report(
    '  processor time until then',
    whole.map(({ firstByteCpuMs }) => firstByteCpuMs),
  );
  const others: number[] = [];
  for (const _ of asked) others.push((await spawned(['transcript', '--help'])).firstByteCpuMs);
  report('  of that, for a program that only shows its help', others);
  for (const [name, part] of [
    ['quarter', 4],
    ['big', 1],
  ] as const) {
    const { firstByteMs, ms, bytes, peakMiB } = await print(config, name);
    const size = `${(bytes / 1_048_576).toFixed(0)} of ${(bigMiB / part).toFixed(0)} MiB`;
    console.log(
      `${name}: ${size}, first byte ${firstByteMs.toFixed(0)} ms, all ${ms.toFixed(0)} ms, peak memory ${peakMiB} MiB`,
    );
  }
} finally {
  bench[Symbol.dispose]();
}

/** Many small jobs, then one of a quarter of the size asked for and one of that size. */
function build(): void {
  let seq = 1;
  for (let run = 0; run < runs; run += AT_ONCE) {
    const jobs = Array.from({ length: Math.min(AT_ONCE, runs - run) }, (_, n) => smallJob(run + n, seq));
    const lines: DerivedLine[] = [];
    for (let n = 0; n < linesEach; n++)
      for (const job of jobs) lines.push(lineOf(job, n, `line ${n} of run ${job.runId}`));
    const changes = runChanges(...jobs.map((job) => ({ job: { ...job, lastSeq: seq + lines.length - 1 } })));
    bench.append(linesBatch(seq, lines, jobs, [changes]));
    while (bench.writer.tidy());
    seq += lines.length;
    if (run % 10_000 === 0) process.stderr.write(`\r${run} runs`);
  }
  seq = bigJob('quarter', seq, bigMiB / 4);
  bigJob('big', seq, bigMiB);
  process.stderr.write(`\r${runs} runs, ${bench.nextSeq} records\n`);
}

function smallJob(run: number, seq: number): JobRow {
  const id = run.toString(16).padStart(12, '0');
  return jobRow({
    timeline: `aaaaaaaa-1111-2222-3333-${id}`,
    jobRecord: `bbbbbbbb-1111-2222-3333-${id}`,
    repository: `corp/repository-${run % 500}`,
    runId: String(FIRST_RUN + run),
    lastReceivedMs: 1_000_000 + run,
    lines: linesEach,
    firstSeq: seq,
  });
}

function bigJob(name: string, firstSeq: number, mebibytes: number): number {
  const text = `${name} `.padEnd(90, 'abcdefghij ');
  const length = pageLine(0, text).length;
  const total = Math.floor((mebibytes * 1_048_576) / length);
  const base = smallJob(runs + firstSeq, firstSeq);
  const job = { ...base, runId: name, lines: total, lastSeq: firstSeq + total - 1 };
  for (let n = 0; n < total; n += 500) {
    const lines = Array.from({ length: Math.min(500, total - n) }, (_, i) => lineOf(job, n + i, text));
    bench.append(linesBatch(firstSeq + n, lines, [job], n === 0 ? [runChanges({ job })] : []));
  }
  return firstSeq + total;
}

function lineOf(job: JobRow, n: number, text: string): DerivedLine {
  const line = pageLine(n % 1_000_000, text);
  const offset = n * line.length;
  const record = {
    event: { id: '0'.repeat(24), created: '2026-11-22T05:20:10.123Z', dataset: 'github.runner' },
    '@timestamp': line.slice(0, 28),
    message: text,
    log: { file: { path: `/home/runner/_diag/pages/${job.timeline}_${job.jobRecord}_1.log` }, offset },
    host: { name: 'runner-1' },
    github: {
      repository: job.repository,
      run: { id: job.runId, attempt: 1, number: 12 },
      workflow: job.workflow,
      actor: job.actor,
      sha: job.sha,
      job: { id: job.jobRecord, name: job.jobName, timeline: job.timeline },
      step: { number: 1, name: 'Set up job' },
      page: { record: job.jobRecord, number: 1 },
    },
  };
  return { json: `${JSON.stringify(record)}\n`, offset };
}

async function firstBytes(run: number): Promise<number> {
  const before = performance.now();
  using archive = new Archive(bench.directory);
  const [job] = archive.jobs({ runId: String(run), limit: 1 });
  const source = { streamPlaces: archive.streamPlaces.bind(archive), readOne: archive.readOne.bind(archive) };
  for await (const lines of pageOrder(source, job!)) {
    if (lines[0]?.text.toString() !== `line 0 of run ${run}`) throw new Error(`run ${run} does not begin as it should`);
    break;
  }
  return performance.now() - before;
}

interface Printed {
  readonly firstByteMs: number;
  /** Processor time that the process had taken by then: what a machine with nothing else to do would need, or less. */
  readonly firstByteCpuMs: number;
  readonly ms: number;
  readonly bytes: number;
  readonly peakMiB: number;
}

function print(config: string, run: string): Promise<Printed> {
  return spawned(['transcript', '--config', config, '--run', run]);
}

async function spawned(words: readonly string[]): Promise<Printed> {
  const started = performance.now();
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'ignore'] });
  let firstByteMs = Number.NaN;
  let firstByteCpuMs = Number.NaN;
  let bytes = 0;
  let peakMiB = 0;
  child.stdout.on('data', (part: Buffer) => {
    if (bytes === 0) {
      firstByteMs = performance.now() - started;
      firstByteCpuMs = cpuMs(child.pid);
    }
    bytes += part.length;
    peakMiB = Math.max(peakMiB, memoryMiB(child.pid));
  });
  await once(child, 'close');
  return { firstByteMs, firstByteCpuMs, ms: performance.now() - started, bytes, peakMiB };
}

/** What Node itself takes, in milliseconds, with nothing to do. */
async function nodeAlone(): Promise<number> {
  const started = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'close');
  return performance.now() - started;
}

/** The most memory that a process has had until now; 0 where that cannot be known. */
function memoryMiB(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_024);
  } catch {
    return 0;
  }
}

/** Processor time of a process until now, all its threads, to 10 ms; 0 where that cannot be known. */
function cpuMs(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

function report(what: string, ms: readonly number[]): void {
  const sorted = ms.toSorted((a, b) => a - b);
  const [median, most] = [sorted[sorted.length >> 1]!, sorted.at(-1)!];
  console.log(`${what}: median ${median.toFixed(1)} ms, most ${most.toFixed(1)} ms of ${ms.length}`);
}

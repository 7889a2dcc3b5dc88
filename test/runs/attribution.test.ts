import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detailOf } from '../../relay/runs/verdict.ts';
import { Assembly } from '../support/assembly.ts';
import { JOB, pagePath, tailed, trace, WORKER_PATH, workerLog, type TailedLine } from '../support/runner-log.ts';

// Goal: a line's step is the right one, or is not told. Method: a job whose steps all print the same lines within two seconds, so that
// neither texts nor seconds tell them apart, with pages and the Worker log late, missing, in any order, and the process killed.
interface PlayedStep {
  readonly number: number;
  readonly record: string;
  readonly name: string;
  readonly startTicks: number;
}

interface Played {
  readonly truth: ReadonlyMap<number, number>;
  readonly jobPage: string;
  readonly files: readonly TailedLine[][];
}

const JOB_PAGE = pagePath(JOB.record);
const START_MS = Date.parse('2026-11-22T08:14:59Z');
/** Within what is waited for. */
const LATEST_MS = 25_000;
const TICKS_PER_SECOND = 10_000_000;
const steps = [
  { record: '00000000-0000-4000-8000-000000000001', name: 'Set up job' },
  { record: '00000000-0000-4000-8000-000000000002', name: 'Set up runner' },
  { record: '00000000-0000-4000-8000-000000000003', name: 'Pre Run npm test' },
  { record: JOB.steps[0].record, name: 'Check out' },
  { record: JOB.steps[1].record, name: 'Run npm test' },
  { record: '00000000-0000-4000-8000-000000000006', name: 'Post Run npm test' },
  { record: '00000000-0000-4000-8000-000000000007', name: 'Post Check out' },
  { record: '00000000-0000-4000-8000-000000000008', name: 'Complete job' },
];

/** A job whose steps begin after one another, with so many lines each, `gaps` ticks apart. */
function play(counts: readonly number[], gaps: readonly number[]): Played {
  let ticks = 0;
  const played: PlayedStep[] = [];
  const pages = new Map<string, string>();
  const truth = new Map<number, number>();
  const write = (record: string, text: string): number => {
    ticks += 7;
    const path = pagePath(record);
    const before = pages.get(path) ?? '\ufeff';
    pages.set(path, `${before}${stampOf(ticks)} ${text}\n`);
    return before === '\ufeff' ? 0 : Buffer.byteLength(before);
  };
  for (const [i, { record, name }] of steps.entries()) {
    ticks += gaps[i % gaps.length]!;
    played.push({ number: i + 1, record, name, startTicks: ticks });
    for (let line = 0; line < counts[i % counts.length]!; line++) {
      const text = line % 2 === 0 ? 'ok' : 'the same everywhere';
      write(record, text);
      truth.set(write(JOB.record, text), i + 1);
    }
  }
  const log = tailed(WORKER_PATH, `${logOf(played, ticks).join('\n')}\n`);
  const files = [log, ...[...pages].map(([path, text]) => tailed(path, text))];
  return { truth, jobPage: pages.get(JOB_PAGE)!, files };
}

function stampOf(ticks: number): string {
  const at = new Date(START_MS + Math.floor(ticks / TICKS_PER_SECOND) * 1_000).toISOString().slice(0, 19);
  return `${at}.${String(ticks % TICKS_PER_SECOND).padStart(7, '0')}Z`;
}

function logOf(played: readonly PlayedStep[], endTicks: number): string[] {
  const lines = workerLog();
  const head = lines.slice(0, lines.findIndex((line) => line.includes('Job ID')) + 1);
  const at = (ticks: number): number => Math.floor(ticks / TICKS_PER_SECOND);
  const run = played.slice(1, -1).flatMap(({ name, startTicks }, i) => {
    const next = at(played[i + 2]!.startTicks);
    return [
      trace(at(startTicks), 'StepsRunner', `Processing step: DisplayName='${name}'`),
      trace(at(startTicks), 'StepsRunner', 'Starting the step.'),
      trace(next, 'StepsRunner', "No need for updating job result with current step result 'Succeeded'."),
    ];
  });
  return [
    ...head,
    trace(at(played[1]!.startTicks), 'JobRunner', 'Total job steps: 4.'),
    ...run,
    trace(at(played.at(-1)!.startTicks), 'JobRunner', 'Finalize job.'),
    trace(at(endTicks), 'JobRunner', 'Job result after all job steps finish: Succeeded'),
    trace(at(endTicks), 'Worker', 'Job completed.'),
  ];
}

interface Told {
  readonly right: number;
  readonly wrong: number;
}

function told(assembly: Assembly, { truth }: Played): Told {
  const lines = assembly.out;
  const right = lines.filter(({ offset, step }) => step === truth.get(offset)).length;
  return { right, wrong: lines.filter(({ offset, step }) => step !== undefined && step !== truth.get(offset)).length };
}

/**
 * Sends files in chunks, in any order, some twice, with kills between them. Pages of steps, and what the Worker log tells of steps, may be
 * later than what is waited for.
 */
function sendAnyhow(assembly: Assembly, files: readonly TailedLine[][], stepsLatestMs: number, random: Random): void {
  const stepsFrom = messageLength(files);
  const isPrompt = ({ file, offset }: TailedLine): boolean =>
    file === JOB_PAGE || (file === WORKER_PATH && offset < stepsFrom);
  const sent = files
    .flatMap((lines) => chunksOf(lines, random))
    .flatMap((chunk) => Array.from({ length: random(5) === 0 ? 2 : 1 }, () => chunk))
    .map((chunk) => ({ chunk, at: random(chunk.some(isPrompt) ? LATEST_MS : stepsLatestMs) }))
    .sort((a, b) => a.at - b.at);
  const before: TailedLine[][] = [];
  for (const { chunk, at } of sent) {
    assembly.wait(at - assembly.nowMs, 500);
    assembly.send(chunk);
    before.push(chunk);
    if (random(8) !== 0) continue;
    assembly.kill();
    for (const old of before) assembly.send(old);
  }
}

/** Where in the Worker log the job message ends. */
function messageLength(files: readonly TailedLine[][]): number {
  return files.flat().find(({ log }) => log.includes('Job ID'))!.offset;
}

type Random = (below: number) => number;

function chunksOf(lines: readonly TailedLine[], random: Random): TailedLine[][] {
  const chunks: TailedLine[][] = [];
  for (let at = 0; at < lines.length;) {
    const end = at + 1 + random(random(3) === 0 ? 4 : 60);
    chunks.push(lines.slice(at, end));
    at = end;
  }
  return chunks;
}

function randomOf(stream: fc.Stream<number>): Random {
  return (below) => stream.next().value! % below;
}

const counts = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: steps.length });
const gaps = fc.array(fc.constantFrom(3, 40, 2_000, 900_000, 12_000_000), { minLength: 1, maxLength: steps.length });
const chance = fc.infiniteStream(fc.nat(1_000_000));

test('each line has its step, whatever the order in which pages and Worker log come, and wherever the process is killed', () => {
  fc.assert(
    fc.property(counts, gaps, chance, (lines, pauses, stream) => {
      const played = play(lines, pauses);
      const assembly = new Assembly({ identityWaitMs: 30_000 });
      sendAnyhow(assembly, played.files, LATEST_MS, randomOf(stream));
      assembly.wait(90_000);

      expect(assembly.page(JOB_PAGE)).toBe(played.jobPage);
      expect(told(assembly, played)).toEqual({ right: played.truth.size, wrong: 0 });
    }),
    { numRuns: 80, seed: 1 },
  );
});

test('where pages or parts of the Worker log never come, steps are left out rather than guessed', () => {
  fc.assert(
    fc.property(counts, gaps, chance, (lines, pauses, stream) => {
      const played = play(lines, pauses);
      const random = randomOf(stream);
      const [log = [], ...pages] = played.files;
      const isMissing = random(3) === 0;
      const files = [
        isMissing ? log.slice(0, log.length - random(12)) : log,
        ...pages.filter(([line]) => line!.file === JOB_PAGE || random(2) === 0),
      ];
      const assembly = new Assembly({ identityWaitMs: 30_000 });
      sendAnyhow(assembly, files, (random(2) === 0 ? 4 : 20) * LATEST_MS, random);
      assembly.wait(4_000_000, 10_000);

      expect(assembly.page(JOB_PAGE)).toBe(played.jobPage);
      expect(told(assembly, played).wrong).toBe(0);
    }),
    { numRuns: 80 },
  );
});

test('the verdict says how many lines are of steps that are not known', () => {
  const played = play([3], [40]);
  const assembly = new Assembly();
  assembly.send(played.files.filter(([line]) => line!.file === JOB_PAGE || line!.file === WORKER_PATH).flat());
  assembly.wait(90_000);

  expect(told(assembly, played)).toEqual({ right: 0, wrong: 0 });
  expect(assembly.verdicts).toEqual(['complete']);
  expect(detailOf(assembly.finished[0]!).notes).toContain('the step of 24 lines is not known');
});

test('a line that comes after it was given up for missing has no step where its second does not tell it', () => {
  const played = play([3], [40, 40, 40, 40, 12_000_000, 12_000_000]);
  const files = new Map(played.files.map((lines) => [lines[0]!.file, lines]));
  const jobPage = files.get(JOB_PAGE)!;
  const missing = pagePath(JOB.steps[0].record);
  const assembly = new Assembly();
  // One page is missing, all others have what the job page has not yet.
  for (const [path, lines] of files) if (path !== JOB_PAGE && path !== missing) assembly.send(lines);
  assembly.send([...jobPage.slice(0, 12), ...jobPage.slice(15)]);
  assembly.wait(45_000);
  assembly.send(jobPage.slice(12, 15));
  assembly.wait(90_000);

  expect(told(assembly, played).wrong).toBe(0);
});

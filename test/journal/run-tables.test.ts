import { expect, test } from 'vitest';
import { jobStream, runStream, type JobQuery } from '../../relay/journal/runs.ts';
import { heldBatch, JournalBench } from '../support/journal-bench.ts';
import { jobRow, pageRow, runChanges, stepRow, JOB_RECORD, TIMELINE } from '../support/run-rows.ts';

test('a job is read back as it was written, with its steps and pages', () => {
  using bench = new JournalBench();
  const job = jobRow({ detail: { gaps: [], notes: ['odd'], filledLines: 3, repeats: 4 }, pod: undefined });
  const steps = [stepRow(), stepRow({ number: 2, record: TIMELINE, name: 'Run tests', finishedMs: undefined })];
  const pages = [pageRow({ gaps: [[10, 20]] })];

  bench.append(heldBatch(1, ['a'], { changes: [runChanges({ job, steps, pages })] }));

  const found = bench.reader.job({ timeline: TIMELINE, jobRecord: JOB_RECORD });
  expect(found).toEqual({ job: { ...job, id: 1 }, steps, pages });
  expect(bench.reader.pageCheckpoint({ timeline: TIMELINE, record: JOB_RECORD, sender: undefined })).toEqual({
    ...found,
    checkpoint: '{}',
  });
  expect(bench.reader.jobCheckpoint({ timeline: TIMELINE, jobRecord: JOB_RECORD })?.job).toEqual(found?.job);
  expect(bench.reader.job({ timeline: TIMELINE, jobRecord: TIMELINE })).toBeUndefined();
});

test('a later change takes the place of an earlier one, and leaves other rows alone', () => {
  using bench = new JournalBench();
  bench.append(
    heldBatch(1, ['a'], {
      changes: [runChanges({ job: jobRow({ lines: 1 }), steps: [stepRow(), stepRow({ number: 2 })] })],
    }),
  );

  bench.append(
    heldBatch(2, [], {
      records: 0,
      changes: [runChanges({ job: jobRow({ lines: 9 }), steps: [stepRow({ lines: 7 })] })],
    }),
  );

  const found = bench.reader.job({ timeline: TIMELINE, jobRecord: JOB_RECORD });
  expect(found?.job).toMatchObject({ id: 1, lines: 9 });
  expect(found?.steps.map(({ lines }) => lines)).toEqual([7, 2]);
});

test('rows come with their batch or not at all', () => {
  using bench = new JournalBench();

  // The second batch does not follow the first: the whole group is refused.
  const committed = bench.append(heldBatch(1, ['a'], { changes: [runChanges({})] }), heldBatch(9, ['b']));

  expect(committed).toBe(false);
  expect(bench.reader.job({ timeline: TIMELINE, jobRecord: JOB_RECORD })).toBeUndefined();
});

test('jobs are listed by what was received last, filtered and page by page', () => {
  using bench = new JournalBench();
  const jobs = [1, 2, 3, 4, 5].map((n) =>
    jobRow({
      jobRecord: `job-${n}`,
      lastReceivedMs: n < 4 ? 100 : 200,
      runId: String(n % 2),
      verdict: n === 2 ? 'gaps' : 'complete',
    }),
  );
  bench.append(heldBatch(1, ['a'], { changes: [runChanges(...jobs.map((job) => ({ job })))] }));
  const names = (query: Partial<JobQuery>): string[] =>
    bench.reader.jobs({ limit: 10, ...query }).map(({ jobRecord }) => jobRecord);

  expect(names({})).toEqual(['job-5', 'job-4', 'job-3', 'job-2', 'job-1']);
  expect(names({ verdict: 'gaps' })).toEqual(['job-2']);
  expect(names({ repository: 'corp/web', runId: '1', receivedBeforeMs: 200 })).toEqual(['job-3', 'job-1']);
  expect(names({ repository: 'corp/other' })).toEqual([]);
  const [, second] = bench.reader.jobs({ limit: 2 });
  expect(names({ limit: 2, after: second })).toEqual(['job-3', 'job-2']);
});

test('what runs is found again after a restart, with what the assembly left for itself', () => {
  using bench = new JournalBench();
  const running = { job: jobRow({ state: 'running', verdict: 'open' }), pages: [pageRow()], checkpoint: '{"a":1}' };
  const workerLogs = [
    { key: 'old', seenMs: 1, checkpoint: '' },
    { key: 'new', seenMs: 5, checkpoint: '{"b":2}' },
  ];
  bench.append(
    heldBatch(1, ['a'], {
      changes: [
        {
          ...runChanges(running, { job: jobRow({ jobRecord: 'other' }), checkpoint: 'x' }),
          workerLogs,
          forgetWorkerLogsBeforeMs: 2,
        },
      ],
    }),
  );

  bench.reopen();

  const found = bench.writer.runCheckpoints();
  expect(found.jobs).toMatchObject([{ job: { jobRecord: JOB_RECORD }, pages: [pageRow()], checkpoint: '{"a":1}' }]);
  expect(found.workerLogs).toEqual([workerLogs[1]]);
});

test('a job and a run have their names in the index of streams', () => {
  expect(jobStream({ timeline: TIMELINE })).toBe(`job:${TIMELINE}`);
  expect(runStream('corp/web', '4711')).toBe('run:corp/web/4711');
});

test('a page that was never seen is the last job’s of its timeline that its sender had begun', () => {
  using bench = new JournalBench();
  const job = (jobRecord: string, source: string, startedMs: number) => ({
    job: jobRow({ jobRecord, startedMs }),
    checkpoint: JSON.stringify({ runner: { source } }),
  });
  const jobs = [job('first', 'pod-1', 10), job('second', 'pod-1', 20), job('third', 'pod-2', 30)];
  bench.append(heldBatch(1, ['a'], { changes: [runChanges(...jobs)] }));
  const found = (source?: string, writtenMs?: number) =>
    bench.reader.pageCheckpoint({
      timeline: TIMELINE,
      record: 'unknown',
      sender: source === undefined ? undefined : { source, writtenMs },
    })?.job.jobRecord;

  expect(found('pod-1')).toBe('second');
  expect(found('pod-1', 19)).toBe('first');
  expect(found('pod-1', 9)).toBeUndefined();
  expect(found('pod-2')).toBe('third');
  expect(found('pod-3')).toBeUndefined();
  expect(found()).toBeUndefined();
});

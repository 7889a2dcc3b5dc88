import type { JobChange, JobRow, PageRow, RunChanges, StepRow } from '../../relay/journal/runs.ts';

export const TIMELINE = 'd1013ef1-0d4e-48a2-8a1b-2608cde2958a';
export const JOB_RECORD = '8ef77051-5961-5bed-3e37-ed9f004d0fa2';

/** A finished job without oddities, with what a test says instead. */
export function jobRow(given: Partial<JobRow> = {}): JobRow {
  return {
    timeline: TIMELINE,
    jobRecord: JOB_RECORD,
    repository: 'corp/web',
    runId: '4711',
    runAttempt: 1,
    runNumber: 12,
    workflow: 'ci',
    jobName: 'build',
    serverUrl: 'https://ghes.corp',
    eventName: 'push',
    ref: 'refs/heads/main',
    sha: 'a'.repeat(40),
    actor: 'mona',
    runnerName: 'runner-1',
    pod: undefined,
    state: 'finished',
    verdict: 'complete',
    conclusion: 'success',
    firstLineMs: 1_000,
    lastLineMs: 2_000,
    startedMs: 1_000,
    finishedMs: 2_000,
    lastReceivedMs: 3_000,
    lines: 2,
    bytes: 80,
    attributed: 2,
    firstSeq: 1,
    lastSeq: 2,
    detail: { gaps: [], notes: [], filledLines: 0, repeats: 0 },
    ...given,
  };
}

export function stepRow(given: Partial<StepRow> = {}): StepRow {
  const times = { startedMs: 1_000, finishedMs: 2_000 };
  return { number: 1, record: undefined, name: 'Set up job', ...times, conclusion: 'success', lines: 2, ...given };
}

export function pageRow(given: Partial<PageRow> = {}): PageRow {
  return {
    timeline: TIMELINE,
    jobRecord: JOB_RECORD,
    record: JOB_RECORD,
    number: 1,
    path: `/home/runner/_diag/pages/${TIMELINE}_${JOB_RECORD}_1.log`,
    bytes: 83,
    lines: 2,
    gaps: [],
    rawSeq: undefined,
    ...given,
  };
}

export function runChanges(...jobs: Partial<JobChange>[]): RunChanges {
  return {
    jobs: jobs.map((job) => ({ job: jobRow(), steps: [], pages: [], checkpoint: '{}', ...job })),
    workerLogs: [],
    forgetWorkerLogsBeforeMs: undefined,
  };
}

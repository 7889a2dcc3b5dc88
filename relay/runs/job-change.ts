import type { JobChange, JobCheckpoint, JobRow, JobWithParts, PageRow } from '../journal/runs.ts';
import type { HoleTimes } from './fill.ts';
import type { StepAnswer } from './attribution.ts';
import { Job } from './job.ts';
import type { JobOptions, RunnerInfo } from './job-types.ts';
import type { JobMessage } from './job-message.ts';
import { msOf } from './page-line.ts';
import { PageOrder, type Ending, type OrderedLine } from './page-order.ts';
import type { StepTimelineState } from './steps.ts';
import { detailOf } from './verdict.ts';

/** What a running job needs to go on that is not in its rows. */
interface Checkpoint {
  readonly runner: RunnerInfo;
  readonly mapped: boolean;
  readonly steps: StepTimelineState;
  readonly startedSecond: number | undefined;
  readonly completedSecond: number | undefined;
  readonly superseded: boolean;
  readonly firstTicks: number | undefined;
  readonly lastTicks: number | undefined;
  readonly lastStamp: string | undefined;
  readonly lastStep: (Omit<StepAnswer, 'step'> & { readonly number: number | undefined }) | undefined;
  readonly steplessLines: number;
  readonly reached: number | undefined;
  readonly isDebug: boolean;
  /** When its step pages begin, by their records. */
  readonly pageStarts: Readonly<Record<string, number>>;
  readonly holeTimes: readonly (Omit<HoleTimes, 'after'> & { readonly after: { ticks: number; base64: string } })[];
  /** Bytes of its pages as the runner counts them, and those pages whose last line's ending was supposed. */
  readonly content: Readonly<Record<string, number>>;
  readonly supposed: readonly number[];
  /** How the lines of its pages end, as far as that was seen. */
  readonly endings: Readonly<Record<string, Ending>>;
}

/** Where a job's lines stand in the journal. */
export interface JobSeqs {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** The rows of a job as they are now. Undefined for one whose own record is not known: it has no row yet. */
export function changeOf(job: Job, seqs: JobSeqs): JobChange | undefined {
  const { key } = job;
  if (key === undefined) return undefined;
  const unsettled = unsettledOf(job);
  const records = [...job.records].map((record) => job.pagesOf(record));
  const pages = records.flatMap((record) =>
    [...record.pages].map((page) => page.row(key.timeline, key.jobRecord, unsettled.get(page))),
  );
  const steps = job.message === undefined ? [] : job.steps.rows(true);
  for (const step of job.steps.steps) step.changed = false;
  return { job: rowOf(job, key.jobRecord, seqs), steps, pages, checkpoint: checkpointOf(job, unsettled) };
}

function rowOf(job: Job, jobRecord: string, seqs: JobSeqs): JobRow {
  const { message, runner } = job;
  const github = message?.github ?? {};
  const msOfSecond = (second: number | undefined): number | undefined =>
    second === undefined ? undefined : second * 1_000;
  const firstLineMs = job.firstTicks === undefined ? undefined : msOf(job.firstTicks);
  const lastLineMs = job.lastTicks === undefined ? undefined : msOf(job.lastTicks);
  return {
    timeline: job.timeline,
    jobRecord,
    repository: github['repository'],
    runId: github['run_id'],
    runAttempt: numberOf(github['run_attempt']),
    runNumber: numberOf(github['run_number']),
    workflow: github['workflow'],
    jobName: message?.jobName,
    serverUrl: github['server_url'],
    eventName: github['event_name'],
    ref: github['ref'],
    sha: github['sha'],
    actor: github['actor'],
    runnerName: runner.name,
    pod: runner.pod,
    state: job.state,
    verdict: job.verdict,
    conclusion: job.conclusion,
    firstLineMs,
    lastLineMs,
    startedMs: msOfSecond(job.startedSecond) ?? firstLineMs,
    finishedMs: job.state === 'finished' ? (msOfSecond(job.completedSecond) ?? lastLineMs) : undefined,
    lastReceivedMs: job.lastReceivedMs,
    lines: job.lines,
    bytes: job.bytes,
    attributed: job.attributed,
    firstSeq: seqs.first,
    lastSeq: seqs.last,
    detail: detailOf(job),
  };
}

interface Unsettled {
  readonly from: number;
  readonly lines: number;
  readonly content: number;
}

/** For each page the lines that have had their turn and wait for something else: after a restart they are had again, but for the oldest. */
function unsettledOf(job: Job): Map<PageOrder, Unsettled> {
  const unsettled = new Map<PageOrder, Unsettled>();
  const note = (page: PageOrder, line: OrderedLine): void => {
    if (line.pin?.left === true) return;
    const { from, lines, content } = unsettled.get(page) ?? { from: line.offset, lines: 0, content: 0 };
    unsettled.set(page, {
      from: Math.min(from, line.offset),
      lines: lines + 1,
      content: content + line.content,
    });
  };
  for (const line of job.queued) note(job.jobPages!.page(line.number, ''), line);
  for (const { pages, lines, retained } of job.stepPages.streams)
    for (const { line } of [...lines, ...(retained ?? [])]) note(pages.page(line.number, ''), line);
  for (const { stream, line } of job.stepPages.orphans) note(stream.pages.page(line.line.number, ''), line.line);
  return unsettled;
}

function checkpointOf(job: Job, unsettled: ReadonlyMap<PageOrder, Unsettled>): string {
  const isOver = job.state === 'finished';
  const pages = [...(job.jobPages?.pages ?? [])];
  const checkpoint: Checkpoint = {
    runner: job.runner,
    mapped: job.message !== undefined,
    // Of a job that has ended only little is kept: there are many of them.
    steps: isOver ? { ...job.steps.state(), listed: [] } : job.steps.state(),
    startedSecond: job.startedSecond,
    completedSecond: job.completedSecond,
    superseded: job.superseded,
    firstTicks: job.firstTicks,
    lastTicks: job.lastTicks,
    lastStamp: job.lastStamp,
    lastStep:
      job.lastStep === undefined
        ? undefined
        : { number: job.lastStep.step?.number, record: job.lastStep.record, by: job.lastStep.by },
    steplessLines: job.steplessLines,
    reached: job.reached,
    isDebug: job.isDebug,
    pageStarts: Object.fromEntries(isOver ? [] : pageStartsOf(job)),
    holeTimes: (isOver ? [] : job.holeTimes).map(({ after: { ticks, text }, ...times }) => ({
      ...times,
      after: { ticks, base64: text.toString('base64') },
    })),
    endings: Object.fromEntries(pages.map(({ number, ending }) => [number, ending])),
    content: Object.fromEntries(pages.map((page) => [page.number, page.content - (unsettled.get(page)?.content ?? 0)])),
    supposed: pages.filter((page) => page.supposed && !unsettled.has(page)).map(({ number }) => number),
  };
  return JSON.stringify(checkpoint);
}

function pageStartsOf(job: Job): [string, number][] {
  return [...job.stepPages.streams].flatMap(({ pages, firstTicks }) =>
    firstTicks === undefined ? [] : [[pages.record, firstTicks]],
  );
}

/** A job as its rows say it was. One that had ended goes on where it was; it ends again when nothing more comes. */
export function restoreJob(
  stored: JobCheckpoint,
  options: Pick<JobOptions, 'sinceMs' | 'pageBytes' | 'claim' | 'emit'>,
): Job {
  const { job: row, steps, pages } = stored;
  const saved = JSON.parse(stored.checkpoint) as Checkpoint;
  const { runner } = saved;
  const { timeline, lastReceivedMs: receivedMs } = row;
  const job = new Job({ ...options, timeline, runner, receivedMs, repeats: row.detail.repeats });
  if (saved.mapped) job.message = messageOf(stored, saved.steps.listed);
  job.steps.restore(steps, saved.steps);
  job.startedSecond = saved.startedSecond;
  job.completedSecond = saved.completedSecond;
  // One that had ended ends again when nothing more comes.
  job.superseded = saved.superseded || row.state === 'finished';
  job.conclusion = row.conclusion;
  job.firstTicks = saved.firstTicks;
  job.lastTicks = saved.lastTicks;
  job.lastStamp = saved.lastStamp;
  job.resumedTicks = saved.lastTicks ?? Number.NEGATIVE_INFINITY;
  const { lastStep } = saved;
  if (lastStep !== undefined) {
    const step = job.steps.steps.find(({ number }) => number === lastStep.number);
    job.lastStep = { step, record: lastStep.record, by: lastStep.by };
  }
  job.steplessLines = saved.steplessLines;
  job.reached = saved.reached;
  job.isDebug = saved.isDebug;
  job.holeTimes = saved.holeTimes.map(({ after: { ticks, base64 }, ...times }) => ({
    ...times,
    after: { ticks, text: Buffer.from(base64, 'base64') },
  }));
  [job.lines, job.bytes, job.attributed, job.filledLines] = [
    row.lines,
    row.bytes,
    row.attributed,
    row.detail.filledLines,
  ];
  job.state = row.state;
  job.verdict = row.verdict;
  job.decide(row.jobRecord);
  for (const page of pages) job.pagesOf(page.record).restore(restoredPage(page, row.jobRecord, saved));
  for (const stream of job.stepPages.streams) stream.firstTicks = saved.pageStarts[stream.pages.record];
  if (lastStep?.record !== undefined) job.stepPages.resume(lastStep.record);
  job.changed = false;
  return job;
}

function restoredPage(page: PageRow, jobRecord: string, { endings, content, supposed }: Checkpoint): PageOrder {
  const { number, bytes } = page;
  // A job's pages all end their lines alike.
  const ending = endings[number] ?? Object.values(endings).at(-1);
  if (page.record !== jobRecord) return PageOrder.restored(page, bytes, ending);
  return PageOrder.restored(page, content[number] ?? bytes, ending, supposed.includes(number));
}

function messageOf({ job }: JobWithParts, steps: JobMessage['steps']): JobMessage {
  const values: Readonly<Record<string, string | number | undefined>> = {
    repository: job.repository,
    run_id: job.runId,
    run_number: job.runNumber,
    run_attempt: job.runAttempt,
    workflow: job.workflow,
    server_url: job.serverUrl,
    event_name: job.eventName,
    ref: job.ref,
    sha: job.sha,
    actor: job.actor,
  };
  const github: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) github[name] = String(value);
  return { timeline: job.timeline, jobRecord: job.jobRecord, jobName: job.jobName, steps, github };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

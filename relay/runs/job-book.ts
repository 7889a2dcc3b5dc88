import { Job } from './job.ts';
import type { JobMessage } from './job-message.ts';
import type { JobOptions, RunnerInfo } from './job-types.ts';
import { readPageLine, secondOf } from './page-line.ts';
import type { ArrivedLine } from './page-order.ts';
import { folderOf, type WorkerFile } from './worker-file.ts';

interface Page {
  readonly timeline: string;
  readonly record: string;
  readonly path: string;
}

/** The jobs at work, and which of them a page belongs to. */
export class JobBook {
  readonly jobs = new Set<Job>();
  readonly #byRecord = new Map<string, Job>();
  readonly #options: Pick<JobOptions, 'pageBytes' | 'emit' | 'claim'>;

  constructor(options: Pick<JobOptions, 'pageBytes' | 'emit' | 'claim'>) {
    this.#options = options;
  }

  add(job: Job): void {
    this.jobs.add(job);
    for (const record of recordsOf(job)) this.#byRecord.set(keyOf(job.timeline, record), job);
  }

  forget(job: Job): void {
    this.jobs.delete(job);
    for (const record of recordsOf(job)) {
      const key = keyOf(job.timeline, record);
      if (this.#byRecord.get(key) === job) this.#byRecord.delete(key);
    }
  }

  /** Says that a page is a job's. */
  bind(record: string, job: Job): void {
    this.#byRecord.set(keyOf(job.timeline, record), job);
  }

  unbind(timeline: string, record: string): void {
    this.#byRecord.delete(keyOf(timeline, record));
  }

  /** The job that a page is known to belong to. */
  find(timeline: string, record: string): Job | undefined {
    return this.#byRecord.get(keyOf(timeline, record));
  }

  /**
   * The jobs at work that a page may belong to: the one that lists its record, or else those in the same place, since the steps that a
   * runner adds have records that nothing lists. Jobs of one run share their timeline, and may run one after the other in one place: the
   * line's time tells those apart.
   */
  candidates(name: Page, runner: RunnerInfo, second: number | undefined): Job[] {
    const jobs = [...this.jobs].filter((job) => job.timeline === name.timeline);
    const listing = jobs.find((one) => one.jobRecord === name.record || one.steps.lists(name.record));
    if (listing !== undefined) return [listing];
    const folder = folderOf(name.path);
    const near = jobs.filter((job) => job.runner.source === runner.source && wasAtWork(job, second));
    const beside = near.filter((job) => job.folder === folder);
    if (beside.length > 0) return beside;
    const isNew = (job: Job): boolean => job.folder === undefined && folder.startsWith(job.workerFolder ?? '');
    const fresh = near.filter(isNew);
    return fresh.length === 0 && near.length === 1 && near[0]!.folder === undefined ? near : fresh;
  }

  /** The job of a page, made where there is none; undefined where it may be of several. */
  forPage(name: Page, runner: RunnerInfo, line: ArrivedLine): Job | undefined {
    const { timeline, record } = name;
    const known = this.find(timeline, record);
    if (known !== undefined) return known;
    const candidates = this.candidates(name, runner, secondOfLine(line));
    if (candidates.length > 1) return undefined;
    const job = candidates[0] ?? this.make(timeline, runner, line);
    this.bind(record, job);
    return job;
  }

  /**
   * The job that a job message is about: the one that has its pages already, or one whose own page nobody has named yet, or a new one.
   * Pages that were taken for another job's and are listed here come along.
   */
  forMessage({ timeline, jobRecord, steps }: JobMessage, file: WorkerFile): Job {
    const owner = this.find(timeline, jobRecord);
    const isFree = owner !== undefined && (owner.jobRecord ?? jobRecord) === jobRecord;
    const unnamed = [...this.jobs].filter(
      (job) => job.timeline === timeline && job.jobRecord === undefined && job.runner.source === file.source,
    );
    const found = isFree ? owner : nearest(unnamed, (one) => one.folder?.startsWith(file.folder) === true);
    const job = found ?? this.make(timeline, file.runner, file.lastLine);
    job.workerFolder = file.folder;
    for (const record of [jobRecord, ...steps.map((step) => step.record)]) {
      const holder = this.find(timeline, record);
      if (holder !== undefined && holder !== job) holder.give(record, job);
      this.bind(record, job);
    }
    return job;
  }

  make(timeline: string, runner: RunnerInfo, at: { readonly sinceMs: number; readonly receivedMs: number }): Job {
    const { sinceMs, receivedMs } = at;
    const job = new Job({ ...this.#options, timeline, runner, sinceMs, receivedMs });
    this.jobs.add(job);
    return job;
  }
}

/** True where a job was at work in a second, as far as is known. */
function wasAtWork({ startedSecond = 0, completedSecond, superseded }: Job, second: number | undefined): boolean {
  if (second === undefined) return !superseded;
  return startedSecond <= second && (completedSecond === undefined || second <= completedSecond);
}

/** The second at which a line was written, since 1970; undefined for one without a stamp. */
export function secondOfLine({ bytes }: ArrivedLine): number | undefined {
  const { ticks } = readPageLine(bytes);
  return ticks === undefined ? undefined : secondOf(ticks);
}

/** The last of the jobs that has what is wanted or, where there is only one, that one: on one address there may be several runners. */
function nearest(jobs: readonly Job[], wanted: (job: Job) => boolean): Job | undefined {
  const [only, ...others] = jobs;
  return jobs.findLast(wanted) ?? (others.length === 0 && only?.folder === undefined ? only : undefined);
}

function recordsOf(job: Job): string[] {
  const listed = job.message?.steps.map(({ record }) => record) ?? [];
  return [...job.records, ...listed, ...(job.jobRecord === undefined ? [] : [job.jobRecord])];
}

function keyOf(timeline: string, record: string): string {
  return `${timeline}/${record}`;
}

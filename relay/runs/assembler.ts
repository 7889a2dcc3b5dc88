import type { JobWithParts, RunCheckpoints } from '../journal/runs.ts';
import { inferJobRecord } from './infer.ts';
import { Job, type JobLine, type Patience, type RunnerInfo } from './job.ts';
import { restoreJob } from './job-change.ts';
import type { RawLine } from './raw-line.ts';
import { verdictOf } from './verdict.ts';
import type { WorkerEvent } from './worker-log.ts';
import { folderOf, WorkerFile, workerKey } from './worker-file.ts';

export interface AssemblerOptions extends Patience {
  /** How long a job may send nothing before that is told, and before it is taken for dead. */
  readonly silenceWarningMs: number;
  readonly unfinishedWarningMs: number;
  /** Lines held for others, over all jobs. */
  readonly heldBytesMax: number;
  readonly jobsMax: number;
}

/** What the assembly tells while it works. */
export interface AssemblyEvents {
  silent(job: Job): void;
  unfinished(job: Job): void;
  /** Lines were let go before their step was known, or those before them had come: too much was held. */
  relieved(job: Job, heldBytes: number): void;
}

/** What has become of the lines since it was asked last. */
export interface Assembled {
  readonly lines: readonly JobLine[];
  /** Jobs that have ended since. */
  readonly finished: readonly Job[];
  readonly changedJobs: readonly Job[];
  readonly changedFiles: readonly WorkerFile[];
}

type PageLine = Extract<RawLine, { kind: 'page' }>;
type WorkerLine = Extract<RawLine, { kind: 'worker' }>;

/** Nothing more is expected of a job that has ended once this long nothing came, beside the time that lines wait for their step. */
const SETTLE_MS = 1_000;
const WORKER_FILES_MAX = 5_000;
const HELD_LINE_BYTES = 200;

/**
 * Puts the lines of many jobs together. Takes lines in any order, holds what must wait, for a bounded time and within bounded memory.
 * Asks no clock and does no work of its own accord: all depends on what it is given.
 */
export class Assembler {
  readonly #options: AssemblerOptions;
  readonly #events: AssemblyEvents;
  /** Jobs at work, and which of them a page belongs to. */
  readonly #jobs = new Set<Job>();
  readonly #byRecord = new Map<string, Job>();
  readonly #files = new Map<string, WorkerFile>();
  /** Those with lines that have not had their turn, and those that got some since they were written. */
  readonly #fed = new Set<WorkerFile>();
  readonly #changedFiles = new Set<WorkerFile>();
  #lines: JobLine[] = [];
  #finished: Job[] = [];
  repeats = 0;
  /** As it was when it was counted last. */
  heldBytes = 0;
  readonly #emit = (line: JobLine): void => void this.#lines.push(line);

  constructor(options: AssemblerOptions, events: AssemblyEvents) {
    this.#options = options;
    this.#events = events;
  }

  get jobs(): ReadonlySet<Job> {
    return this.#jobs;
  }

  restore(checkpoints: RunCheckpoints, nowMs: number): void {
    for (const stored of checkpoints.jobs) this.#add(restoreJob(stored, nowMs, this.#emit));
    for (const change of checkpoints.workerLogs) {
      const file = WorkerFile.restored(change);
      const { timeline, jobRecord } = file.jobKey;
      file.job = this.#byRecord.get(recordKey(timeline ?? '', jobRecord ?? ''));
      this.#files.set(file.key, file);
    }
  }

  /** True where a page's job is at work; otherwise the journal may know it. */
  knows({ name }: PageLine): boolean {
    return this.#byRecord.has(recordKey(name.timeline, name.record));
  }

  /** Takes a job up again that the journal knows. Undefined where it is at work. */
  resume(stored: JobWithParts, nowMs: number): Job | undefined {
    if (this.#byRecord.has(recordKey(stored.job.timeline, stored.job.jobRecord))) return undefined;
    const job = restoreJob({ ...stored, checkpoint: '' }, nowMs, this.#emit);
    this.#add(job);
    return job;
  }

  add(raw: RawLine): void {
    const isNew = raw.kind === 'page' ? this.#addPageLine(raw) : this.#addWorkerLine(raw);
    if (!isNew) this.repeats++;
  }

  /** Lets go of what has waited long enough, and ends jobs that are over. To be called after lines were added, and every second or so. */
  advance(nowMs: number): void {
    for (const file of this.#fed) {
      for (const event of file.take(nowMs, this.#options.orderWaitMs)) this.#apply(file, event);
      if (file.heldBytes === 0) this.#fed.delete(file);
    }
    for (const job of this.#jobs) {
      if (job.jobRecord === undefined && nowMs - job.sinceMs >= this.#options.identityWaitMs) this.#infer(job, false);
      job.advance(nowMs, this.#options);
      this.#watch(job, nowMs);
    }
    this.#limit(nowMs);
  }

  /** What is to be written now. */
  take(): Assembled {
    const changedJobs = new Set([...this.#jobs, ...this.#finished].filter(({ changed }) => changed));
    const changedFiles = [...this.#changedFiles];
    const assembled = { lines: this.#lines, finished: this.#finished, changedJobs: [...changedJobs], changedFiles };
    this.#lines = [];
    this.#finished = [];
    for (const job of changedJobs) job.changed = false;
    this.#changedFiles.clear();
    return assembled;
  }

  #addPageLine({ name, runner, line }: PageLine): boolean {
    const key = recordKey(name.timeline, name.record);
    let job = this.#byRecord.get(key);
    if (job === undefined) {
      job = this.#jobFor(name, runner) ?? this.#newJob(name.timeline, runner, line);
      this.#byRecord.set(key, job);
    }
    const isNew = job.addLine(name, line);
    if (isNew) reopen(job);
    return isNew;
  }

  #addWorkerLine({ path, runner, line }: WorkerLine): boolean {
    const key = workerKey(runner, path);
    let file = this.#files.get(key);
    if (file === undefined) {
      file = new WorkerFile(runner, path);
      this.#files.set(key, file);
      this.#forgetFiles();
    }
    const isNew = file.add(line);
    this.#fed.add(file);
    this.#changedFiles.add(file);
    file.job?.seen(line);
    file.runner ??= runner;
    file.lastLine = line;
    return isNew;
  }

  /** The job at work that a page of an unknown record belongs to: that lists it, or that runs on the same runner. */
  #jobFor(name: PageLine['name'], runner: RunnerInfo): Job | undefined {
    const jobs = [...this.#jobs].filter((job) => job.timeline === name.timeline);
    const listing = jobs.find((job) => job.jobRecord === name.record || job.steps.lists(name.record));
    if (listing !== undefined) return listing;
    const near = jobs.filter((job) => job.runner.source === runner.source && !job.superseded);
    const folder = folderOf(name.path);
    return near.findLast((job) => job.folder === folder) ?? near.at(-1);
  }

  #newJob(timeline: string, runner: RunnerInfo, line: { sinceMs: number; receivedMs: number }): Job {
    const job = new Job(timeline, runner, { ms: line.sinceMs, receivedMs: line.receivedMs }, this.#emit);
    this.#jobs.add(job);
    return job;
  }

  #add(job: Job): void {
    this.#jobs.add(job);
    for (const record of job.records) this.#byRecord.set(recordKey(job.timeline, record), job);
    if (job.jobRecord !== undefined) this.#byRecord.set(recordKey(job.timeline, job.jobRecord), job);
  }

  #apply(file: WorkerFile, event: WorkerEvent): void {
    if (event.kind === 'job') file.job = this.#map(file, event);
    // A Worker log is cut at 8 MiB, too: what goes on in the next file has no job message.
    else if (file.job === undefined && !file.known) file.job = this.#lastJobOf(file);
    const { job } = file;
    if (job === undefined) return;
    job.apply(event);
    // What the log says may come after the job was given up.
    if (job.state === 'finished') {
      reopen(job);
      this.#add(job);
    }
  }

  /** The job that a job message is about, made where none of its pages has come yet. */
  #map(file: WorkerFile, { message }: Extract<WorkerEvent, { kind: 'job' }>): Job | undefined {
    if (message === undefined) return undefined;
    const { timeline, jobRecord } = message;
    for (const other of this.#files.values())
      if (other !== file && other.source === file.source && other.folder === file.folder && other.job !== undefined)
        other.job.superseded = other.job.jobRecord !== jobRecord || other.job.timeline !== timeline;
    const owner = this.#byRecord.get(recordKey(timeline, jobRecord));
    const isFree = owner !== undefined && (owner.jobRecord ?? jobRecord) === jobRecord;
    const provisional = [...this.#jobs].find(
      (job) => job.timeline === timeline && job.jobRecord === undefined && job.runner.source === file.source,
    );
    const line = file.lastLine ?? { sinceMs: 0, receivedMs: 0 };
    const runner = file.runner ?? {
      source: file.source,
      host: undefined,
      name: undefined,
      pod: undefined,
      fields: undefined,
    };
    const job = (isFree ? owner : provisional) ?? this.#newJob(timeline, runner, line);
    for (const record of [jobRecord, ...message.steps.map((step) => step.record)]) {
      const holder = this.#byRecord.get(recordKey(timeline, record));
      if (holder !== undefined && holder !== job && holder.message === undefined) holder.give(record, job);
      this.#byRecord.set(recordKey(timeline, record), job);
    }
    return job;
  }

  #lastJobOf(file: WorkerFile): Job | undefined {
    const others = [...this.#files.values()].filter(
      (other) => other !== file && other.source === file.source && other.folder === file.folder,
    );
    return others.findLast((other) => other.job !== undefined)?.job;
  }

  #infer(job: Job, force: boolean): void {
    const record = inferJobRecord(job, force);
    if (record === undefined) return;
    job.notes.add('no Worker log told which page is the job’s; it was taken from what the pages hold');
    job.decide(record);
  }

  /** Ends a job that is over, warns of one that is silent. */
  #watch(job: Job, nowMs: number): void {
    const silentMs = nowMs - job.lastActiveMs;
    if (job.state === 'finished') {
      // It was taken up for what turned out to be repeats.
      if (silentMs >= SETTLE_MS) this.#forget(job);
      return;
    }
    const { silenceWarningMs, unfinishedWarningMs, orderWaitMs, attributionWaitMs } = this.#options;
    const isOver = job.completedSecond !== undefined || job.superseded;
    if (isOver && silentMs >= (job.isWhole ? attributionWaitMs + SETTLE_MS : orderWaitMs)) this.#finish(job, nowMs);
    else if (silentMs >= unfinishedWarningMs) {
      this.#finish(job, nowMs);
      this.#events.unfinished(job);
    } else if (silentMs >= silenceWarningMs && !job.toldSilent) {
      job.toldSilent = true;
      this.#events.silent(job);
    }
  }

  #finish(job: Job, nowMs: number): void {
    if (job.jobRecord === undefined) this.#infer(job, true);
    job.advance(nowMs, this.#options, true);
    job.fill();
    job.state = 'finished';
    job.verdict = verdictOf(job);
    job.changed = true;
    this.#finished.push(job);
    this.#forget(job);
  }

  #forget(job: Job): void {
    this.#jobs.delete(job);
    for (const record of job.records) this.#byRecord.delete(recordKey(job.timeline, record));
    for (const { record } of job.message?.steps ?? []) this.#byRecord.delete(recordKey(job.timeline, record));
    if (job.jobRecord !== undefined) this.#byRecord.delete(recordKey(job.timeline, job.jobRecord));
    if (job.completedSecond === undefined) return;
    for (const file of this.#files.values()) if (file.job === job) file.leave(job);
  }

  /** Keeps what is held within its bounds: the job that holds most lets go first; of too many jobs, the one silent longest ends. */
  #limit(nowMs: number): void {
    const held = [...this.#jobs].map((job) => ({ job, bytes: job.heldBytes(HELD_LINE_BYTES) }));
    this.heldBytes = held.reduce((sum, { bytes }) => sum + bytes, 0);
    held.sort((a, b) => b.bytes - a.bytes);
    for (const { job, bytes } of held) {
      if (this.heldBytes <= this.#options.heldBytesMax) break;
      if (job.jobRecord === undefined) this.#infer(job, true);
      job.relieve(nowMs, this.#options);
      job.notes.add('more was held than may be: lines were let go before all that belongs to them had come');
      this.heldBytes -= bytes;
      this.#events.relieved(job, bytes);
    }
    if (this.#jobs.size <= this.#options.jobsMax) return;
    const oldest = [...this.#jobs].sort((a, b) => a.lastActiveMs - b.lastActiveMs);
    for (const job of oldest.slice(0, this.#jobs.size - this.#options.jobsMax)) {
      job.notes.add('too many jobs were at work at once; this one had been silent longest');
      this.#finish(job, nowMs);
      this.#events.unfinished(job);
    }
  }

  #forgetFiles(): void {
    if (this.#files.size <= WORKER_FILES_MAX) return;
    const [oldest] = [...this.#files.values()].sort((a, b) => a.seenMs - b.seenMs);
    this.#files.delete(oldest!.key);
  }
}

function reopen(job: Job): void {
  if (job.state === 'running') return;
  job.state = 'running';
  job.verdict = 'open';
  job.changed = true;
}

function recordKey(timeline: string, record: string): string {
  return `${timeline}/${record}`;
}

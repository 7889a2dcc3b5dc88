import type { JobCheckpoint, JobKey, RunCheckpoints } from '../journal/runs.ts';
import { placePage } from './attribution.ts';
import { inferJobRecord, strangersIn, type Certainty } from './infer.ts';
import type { Haste, Job } from './job.ts';
import type { JobLine, JobOptions, Patience } from './job-types.ts';
import { JobBook, secondOfLine } from './job-book.ts';
import { restoreJob } from './job-change.ts';
import { heldBytesOf, isToBeFilled, isWhole } from './job-load.ts';
import type { JobMessage } from './job-message.ts';
import { secondOf } from './page-line.ts';
import type { OrderedLine } from './page-order.ts';
import type { RawLine } from './raw-line.ts';
import type { StepStream } from './step-pages.ts';
import { StrayPages, type Stray } from './stray-pages.ts';
import { verdictOf } from './verdict.ts';
import type { WorkerEvent } from './worker-log.ts';
import { WorkerFile, workerKey } from './worker-file.ts';

export interface AssemblerOptions extends Patience {
  /** How long a job may send nothing before that is told, and before it is taken for dead. */
  readonly silenceWarningMs: number;
  readonly unfinishedWarningMs: number;
  /** Lines held for others, over all jobs. */
  readonly heldBytesMax: number;
  readonly jobsMax: number;
  /** The size at which runners begin a new page, line ends not counted. */
  readonly pageBytes: number;
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
/** Worker logs that are known to be sent, and what is missing of them, are waited for so many times longer. */
const LATE_LOG_FACTOR = 4;
/** Where lines would be taken from step pages in place of the job page's, those are waited for so many times longer. */
const FILL_FACTOR = 2;
/** After so many times the wait for the Worker log, pages that would tell the job page apart will not come either. */
const LOST_PAGE_FACTOR = 10;

/** After this time no line waits any more because of what is usual: neither for its step, nor its run, nor for those before it. */
function longWaitMs({ attributionWaitMs, identityWaitMs, orderWaitMs }: Patience): number {
  return Math.max(2 * attributionWaitMs, 2 * orderWaitMs, LOST_PAGE_FACTOR * identityWaitMs);
}

/**
 * How long a line may be held before the journal need not have it any more. What is held then are lines of step pages whose copies the job
 * page had, or that could only fill what is missing there.
 */
export function heldMsMax(patience: Patience): number {
  return 2 * longWaitMs(patience);
}

/**
 * Puts the lines of many jobs together. Takes lines in any order, holds what must wait, for a bounded time and within bounded memory.
 * Asks no clock and does no work of its own accord: all depends on what it is given.
 */
export class Assembler {
  readonly #options: AssemblerOptions;
  readonly #events: AssemblyEvents;
  readonly #book: JobBook;
  readonly #strays: StrayPages;
  readonly #jobOptions: Pick<JobOptions, 'pageBytes' | 'claim' | 'emit'>;
  readonly #files = new Map<string, WorkerFile>();
  /** Those with lines that have not had their turn, and those that got some since they were written. */
  readonly #fed = new Set<WorkerFile>();
  readonly #changedFiles = new Set<WorkerFile>();
  #lines: JobLine[] = [];
  #finished: Job[] = [];
  /** Jobs that the journal is to be asked for before it goes on, see `answer`. */
  readonly wanted = new Map<string, JobKey>();
  readonly #unknown = new Set<string>();
  repeats = 0;
  /** As it was when it was counted last. */
  heldBytes = 0;

  constructor(options: AssemblerOptions, events: AssemblyEvents) {
    this.#options = options;
    this.#events = events;
    const { pageBytes } = options;
    this.#strays = new StrayPages(pageBytes);
    const claim: JobOptions['claim'] = (job, lines) => this.#claim(job, lines);
    this.#jobOptions = { pageBytes, claim, emit: (line) => void this.#lines.push(line) };
    this.#book = new JobBook(this.#jobOptions);
  }

  get jobs(): ReadonlySet<Job> {
    return this.#book.jobs;
  }

  restore(checkpoints: RunCheckpoints, nowMs: number): void {
    for (const stored of checkpoints.jobs) this.#book.add(this.#restored(stored, nowMs));
    for (const change of checkpoints.workerLogs) {
      const file = WorkerFile.restored(change);
      const { timeline, jobRecord } = file.jobKey;
      file.job = this.#book.find(timeline ?? '', jobRecord ?? '');
      this.#files.set(file.key, file);
    }
  }

  /** True where it is known which job a page belongs to; otherwise the journal may know it. */
  knows({ name }: PageLine): boolean {
    const { timeline, record } = name;
    return this.#strays.has(timeline, record) || this.#book.find(timeline, record) !== undefined;
  }

  /** True where a job is at work that a page of an unknown record may belong to. */
  expects({ name, runner, line }: PageLine): boolean {
    return this.#book.candidates(name, runner, secondOfLine(line)).length > 0;
  }

  /** Answers what was `wanted`: a job that the journal knows is taken up again. */
  answer(key: JobKey, stored: JobCheckpoint | undefined, nowMs: number): Job | undefined {
    const name = `${key.timeline}/${key.jobRecord}`;
    this.wanted.delete(name);
    this.#unknown.add(name);
    return stored === undefined ? undefined : this.#resume(stored, nowMs);
  }

  /** Takes a job up again that the journal knows, for a page of it. Undefined where it is at work. */
  resumeFor({ name }: PageLine, stored: JobCheckpoint, nowMs: number): Job | undefined {
    const resumed = this.#resume(stored, nowMs);
    const job = resumed ?? this.#book.find(stored.job.timeline, stored.job.jobRecord);
    if (job !== undefined) this.#book.bind(name.record, job);
    return resumed;
  }

  #resume(stored: JobCheckpoint, nowMs: number): Job | undefined {
    if (this.#book.find(stored.job.timeline, stored.job.jobRecord) !== undefined) return undefined;
    const job = this.#restored(stored, nowMs);
    this.#book.add(job);
    return job;
  }

  #restored(stored: JobCheckpoint, nowMs: number): Job {
    return restoreJob(stored, { ...this.#jobOptions, sinceMs: nowMs });
  }

  add(raw: RawLine): void {
    const isNew = raw.kind === 'page' ? this.#addPageLine(raw) : this.#addWorkerLine(raw);
    if (!isNew) this.repeats++;
  }

  /** Lets go of what has waited long enough, and ends jobs that are over. To be called after lines were added, and every second or so. */
  advance(nowMs: number): void {
    for (const file of this.#fed) {
      const { end } = file;
      const events = file.take(nowMs, LATE_LOG_FACTOR * this.#options.orderWaitMs);
      if (file.end > end) this.#changedFiles.add(file);
      const asks = events.findIndex((event) => !this.#canApply(event));
      for (const event of asks < 0 ? events : events.slice(0, asks)) this.#apply(file, event);
      if (asks >= 0) file.defer(events.slice(asks));
      else if (file.heldBytes === 0) this.#fed.delete(file);
    }
    if (this.wanted.size > 0) return;
    const { orderWaitMs } = this.#options;
    this.#strays.pump({ nowMs, tailWaitMs: 0, orderWaitMs, force: false });
    const longAgoMs = nowMs - longWaitMs(this.#options);
    for (const stray of this.#strays.unclaimed(nowMs - orderWaitMs, longAgoMs)) this.#assign(stray);
    for (const job of this.#book.jobs) {
      this.#doWithoutLog(job, nowMs);
      job.advance(nowMs, this.#options);
      this.#partStrangers(job, nowMs);
      this.#watch(job, nowMs);
    }
    this.#limit(nowMs);
  }

  /** What is to be written now. */
  take(): Assembled {
    const changedJobs = new Set([...this.#book.jobs, ...this.#finished].filter(({ changed }) => changed));
    const changedFiles = [...this.#changedFiles];
    const assembled = { lines: this.#lines, finished: this.#finished, changedJobs: [...changedJobs], changedFiles };
    this.#lines = [];
    this.#finished = [];
    for (const job of changedJobs) job.changed = false;
    this.#changedFiles.clear();
    return assembled;
  }

  #addPageLine({ name, runner, line }: PageLine): boolean {
    const isStray = this.#strays.has(name.timeline, name.record);
    const job = isStray ? undefined : this.#book.forPage(name, runner, line);
    if (job === undefined) return this.#strays.add(name, runner, line);
    const isNew = job.addLine(name, line);
    if (isNew) reopen(job);
    return isNew;
  }

  #addWorkerLine({ path, runner, line }: WorkerLine): boolean {
    const key = workerKey(runner.source, path);
    let file = this.#files.get(key);
    if (file === undefined) {
      file = new WorkerFile(runner, path, line);
      this.#files.set(key, file);
      this.#forgetFiles();
    }
    const isNew = file.add(line);
    this.#fed.add(file);
    this.#changedFiles.add(file);
    file.job?.seen(line);
    return isNew;
  }

  /** False for the first word of a job that the journal must be asked for, since it may have been here before. */
  #canApply(event: WorkerEvent): boolean {
    if (event.kind !== 'job' || event.message === undefined) return true;
    const { timeline, jobRecord } = event.message;
    if (this.#book.find(timeline, jobRecord) !== undefined) return true;
    const key = `${timeline}/${jobRecord}`;
    if (this.#unknown.delete(key)) return true;
    this.wanted.set(key, { timeline, jobRecord });
    return false;
  }

  #apply(file: WorkerFile, event: WorkerEvent): void {
    if (event.kind === 'job') file.job = this.#map(file, event.message);
    // A Worker log is cut at 8 MiB, too: what goes on in the next file has no job message.
    else if (file.job === undefined && !file.known) file.job = this.#lastJobOf(file);
    const { job } = file;
    if (job === undefined) return;
    job.apply(event);
    // What the log says may come after the job was given up.
    if (job.state === 'finished') {
      reopen(job);
      this.#book.add(job);
    }
  }

  #map(file: WorkerFile, message: JobMessage | undefined): Job | undefined {
    if (message === undefined) return undefined;
    const job = this.#book.forMessage(message, file);
    for (const record of [message.jobRecord, ...message.steps.map((step) => step.record)]) {
      const stray = this.#strays.take(message.timeline, record);
      if (stray !== undefined) job.takeOver(stray);
    }
    this.#doubt(job, message);
    // A runner does one job at a time: with the next one, the last is over.
    for (const other of this.#files.values())
      if (other !== file && other.source === file.source && other.folder === file.folder && other.job !== undefined)
        other.job.superseded = other.job !== job;
    return job;
  }

  /** Where several jobs of one run are at work in one place, a page that nothing says to be one's may be of the other. */
  #doubt(job: Job, { timeline, jobRecord, steps }: JobMessage): void {
    const isNamed = (record: string): boolean => record === jobRecord || steps.some((step) => step.record === record);
    const near = [...this.#book.jobs].filter(
      (other) => other.timeline === timeline && other.runner.source === job.runner.source,
    );
    if (near.length < 2) return;
    for (const holder of near) {
      for (const record of holder.doubtful) {
        const stream = isNamed(record) ? undefined : holder.release(record);
        if (stream === undefined) continue;
        this.#book.unbind(timeline, record);
        this.#strays.put(holder, stream);
      }
    }
  }

  #lastJobOf(file: WorkerFile): Job | undefined {
    const others = [...this.#files.values()].filter(
      (other) => other !== file && other.source === file.source && other.folder === file.folder,
    );
    return others.findLast((other) => other.job !== undefined)?.job;
  }

  /** Goes on without the Worker log of a job. Where others come, this one is likely to be late, as after an outage. */
  #doWithoutLog(job: Job, nowMs: number): void {
    const waitedMs = nowMs - job.sinceMs;
    const { identityWaitMs } = this.#options;
    const waitMs = this.#files.size === 0 ? identityWaitMs : LATE_LOG_FACTOR * identityWaitMs;
    if (job.jobRecord !== undefined || waitedMs < waitMs) return;
    this.#infer(job, waitedMs < LOST_PAGE_FACTOR * identityWaitMs ? 'certain' : 'likely');
  }

  #infer(job: Job, certainty: Certainty): void {
    const record = inferJobRecord(job, certainty);
    if (record === undefined) return;
    job.notes.add('no Worker log told which page is the job’s; it was taken from what the pages hold');
    job.decide(record);
  }

  /** Makes a job of its own of pages that turned out to be another one's. */
  #partStrangers(job: Job, nowMs: number): void {
    const strangers = strangersIn(job);
    if (strangers.length === 0) return;
    const own = this.#book.make(job.timeline, job.runner, { sinceMs: nowMs, receivedMs: job.lastReceivedMs });
    for (const { pages } of strangers) {
      job.give(pages.record, own);
      this.#book.bind(pages.record, own);
    }
  }

  #claim(job: Job, lines: readonly OrderedLine[]): StepStream | undefined {
    const stream = this.#strays.claim(job, lines);
    if (stream === undefined) return undefined;
    job.adopt(stream);
    this.#book.bind(stream.pages.record, job);
    return stream;
  }

  /**
   * Finds a place for a page that no job has claimed: with a job that ran a step at that time of which no page came, or else with a job of
   * its own, of which nobody knows whose it is.
   */
  #assign({ timeline, runner, stream, path, lastMs }: Stray): void {
    const { record } = stream.pages;
    const second = stream.firstTicks === undefined ? undefined : secondOf(stream.firstTicks);
    const candidates = this.#book.candidates({ timeline, record, path }, runner, second);
    const job = candidates.find((one) => placePage(one, stream) !== undefined);
    if (job !== undefined) {
      job.adopt(stream);
      this.#book.bind(record, job);
      return;
    }
    const own = this.#book.make(timeline, runner, { sinceMs: lastMs, receivedMs: lastMs });
    own.takeOver(stream);
    this.#book.bind(record, own);
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
    const isOver = job.completedSecond !== undefined;
    const whenNotWholeMs = isToBeFilled(job) ? FILL_FACTOR * orderWaitMs : orderWaitMs;
    const patienceMs = isOver && isWhole(job) ? attributionWaitMs + SETTLE_MS : whenNotWholeMs;
    // The next job on its runner says nothing of how much of this one is still on its way.
    if ((isOver || job.superseded) && silentMs >= patienceMs) this.#finish(job, nowMs, 'over');
    else if (silentMs >= unfinishedWarningMs) {
      this.#finish(job, nowMs, 'dead');
      this.#events.unfinished(job);
    } else if (silentMs >= silenceWarningMs && !job.toldSilent) {
      job.toldSilent = true;
      this.#events.silent(job);
    }
  }

  #finish(job: Job, nowMs: number, haste: Haste): void {
    if (job.jobRecord === undefined) this.#infer(job, 'any');
    job.advance(nowMs, this.#options, haste);
    job.fill();
    job.state = 'finished';
    job.verdict = verdictOf(job);
    job.changed = true;
    this.#finished.push(job);
    this.#forget(job);
  }

  #forget(job: Job): void {
    this.#book.forget(job);
    if (job.completedSecond === undefined) return;
    for (const file of this.#files.values()) if (file.job === job) file.leave(job);
  }

  /** Keeps what is held within its bounds: the job that holds most lets go first; of too many jobs, the one silent longest ends. */
  #limit(nowMs: number): void {
    const held = [...this.#book.jobs].map((job) => ({ job, bytes: heldBytesOf(job) }));
    this.heldBytes = held.reduce((sum, { bytes }) => sum + bytes, this.#strays.heldBytes);
    held.sort((a, b) => b.bytes - a.bytes);
    for (const { job, bytes } of held) {
      if (this.heldBytes <= this.#options.heldBytesMax) break;
      if (job.jobRecord === undefined) this.#infer(job, 'any');
      job.relieve(nowMs, this.#options);
      job.notes.add('more was held than may be: lines were let go before all that belongs to them had come');
      this.heldBytes -= bytes;
      this.#events.relieved(job, bytes);
    }
    if (this.#book.jobs.size <= this.#options.jobsMax) return;
    const oldest = [...this.#book.jobs].sort((a, b) => a.lastActiveMs - b.lastActiveMs);
    for (const job of oldest.slice(0, this.#book.jobs.size - this.#options.jobsMax)) {
      job.notes.add('too many jobs were at work at once; this one had been silent longest');
      this.#finish(job, nowMs, 'over');
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

import type { JobKey, JobState, JobVerdict } from '../journal/runs.ts';
import type { JobMessage } from './job-message.ts';
import { fillHoles, type HoleTimes } from './fill.ts';
import { secondOf } from './page-line.ts';
import type { ArrivedLine, OrderedLine, OrderPolicy } from './page-order.ts';
import type { JobLine, JobOptions, Patience, RunnerInfo } from './job-types.ts';
import { RecordPages } from './record-pages.ts';
import { anew, confirm, newStream, settle, StepPages, type StepStream } from './step-pages.ts';
import { StepTimeline, type Step } from './steps.ts';
import { folderOf } from './worker-file.ts';
import type { WorkerEvent } from './worker-log.ts';

/** A line that may be of several steps waits so many times longer for its copy. */
export const LATE_FACTOR = 5;

/** The assembly of one job: from lines of its pages in any order to lines of its job page in order, each with its step. */
export class Job {
  readonly timeline: string;
  readonly runner: RunnerInfo;
  /** The record of its job page; undefined while that is not known. */
  jobRecord: string | undefined;
  message: JobMessage | undefined;
  /** The folder of its Worker log. */
  workerFolder: string | undefined;
  startedSecond: number | undefined;
  completedSecond: number | undefined;
  conclusion: string | undefined;
  state: JobState = 'running';
  verdict: JobVerdict = 'open';
  readonly steps = new StepTimeline();
  readonly stepPages = new StepPages();
  readonly #pages = new Map<string, RecordPages>();
  readonly #queue: OrderedLine[] = [];
  readonly #emit: (line: JobLine) => void;
  readonly #pageBytes: number;
  readonly #claim: JobOptions['claim'];

  lines = 0;
  bytes = 0;
  attributed = 0;
  filledLines = 0;
  unmatchedStepLines = 0;
  firstTicks: number | undefined;
  lastTicks: number | undefined;
  lastStamp: string | undefined;
  /** Of the last line; a continuation has it too. */
  lastStep: { readonly step: Step | undefined; readonly record: string | undefined } | undefined;
  /** The number of the last step that lines were written of: steps run one after the other. */
  reached = 0;
  holeTimes: HoleTimes[] = [];
  /** True where lines were added from step pages that the job page ends before. */
  tailFilled = false;
  readonly notes = new Set<string>();
  readonly repeatsBefore: number;
  /** When its first and its last line were received, by a clock that only grows; the last also by the wall clock. */
  readonly sinceMs: number;
  lastActiveMs: number;
  lastReceivedMs: number;
  /** True where the next job has begun on its runner. */
  superseded = false;
  changed = true;
  /** True where it has been told that the job is silent. */
  toldSilent = false;

  constructor(options: JobOptions) {
    this.timeline = options.timeline;
    this.runner = options.runner;
    this.sinceMs = options.sinceMs;
    this.lastActiveMs = options.sinceMs;
    this.lastReceivedMs = options.receivedMs;
    this.#pageBytes = options.pageBytes;
    this.#emit = options.emit;
    this.#claim = options.claim;
    this.repeatsBefore = options.repeats ?? 0;
  }

  get key(): JobKey | undefined {
    return this.jobRecord === undefined ? undefined : { timeline: this.timeline, jobRecord: this.jobRecord };
  }

  get records(): IterableIterator<string> {
    return this.#pages.keys();
  }

  get queued(): readonly OrderedLine[] {
    return this.#queue;
  }

  get jobPages(): RecordPages | undefined {
    return this.jobRecord === undefined ? undefined : this.#pages.get(this.jobRecord);
  }

  /** The folder that its pages are in. */
  get folder(): string | undefined {
    for (const pages of this.#pages.values()) for (const { path } of pages.pages) return folderOf(path);
    return undefined;
  }

  pagesOf(record: string): RecordPages {
    let pages = this.#pages.get(record);
    if (pages === undefined) {
      pages = new RecordPages(record, this.#pageBytes);
      this.#pages.set(record, pages);
      if (this.jobRecord !== undefined && record !== this.jobRecord) this.stepPages.add(newStream(pages));
    }
    return pages;
  }

  /** Gives a page that was taken for this job's, with all its lines, to the job that names it. */
  give(record: string, to: Job): void {
    const stream = to.#pages.has(record) || record === this.jobRecord ? undefined : this.release(record);
    if (stream !== undefined) to.takeOver(stream);
  }

  /** Takes a page over that is named in the job message. */
  takeOver(stream: StepStream): void {
    const pages = anew(stream, this.#pageBytes);
    this.#pages.set(pages.record, pages);
    if (this.jobRecord !== undefined && pages.record !== this.jobRecord) this.stepPages.add(newStream(pages));
  }

  /** Gives up a page that may be another job's. */
  release(record: string): StepStream | undefined {
    const pages = this.#pages.get(record);
    this.#pages.delete(record);
    return this.stepPages.remove(record) ?? (pages === undefined ? undefined : newStream(pages));
  }

  /** The records of pages that nothing says to be this job's: no list, and no line of its own page so far. */
  get doubtful(): string[] {
    return [...this.#pages.keys()].filter((record) => {
      const isNamed = record === this.jobRecord || this.steps.lists(record);
      return !isNamed && this.stepPages.get(record)?.step === undefined;
    });
  }

  /** Takes over a page that turned out to be of this job. */
  adopt(stream: StepStream): void {
    this.#pages.set(stream.pages.record, stream.pages);
    this.stepPages.add(stream);
  }

  addLine(name: { record: string; number: number; path: string }, line: ArrivedLine): boolean {
    const isNew = this.pagesOf(name.record).page(name.number, name.path).add(line);
    if (isNew) this.#touched(line);
    return isNew;
  }

  /** Says which page is the job's own. */
  decide(jobRecord: string): void {
    if (this.jobRecord !== undefined) return;
    this.jobRecord = jobRecord;
    for (const [record, pages] of this.#pages) if (record !== jobRecord) this.stepPages.add(newStream(pages));
    this.changed = true;
  }

  /** Takes what the Worker log told. */
  apply(event: WorkerEvent): void {
    this.changed = true;
    if (event.kind === 'job' && event.message !== undefined && this.message === undefined) {
      this.message = event.message;
      this.startedSecond = event.second;
      this.steps.list(event.message.steps, event.second);
      this.decide(event.message.jobRecord);
    }
    if (event.kind === 'job_result') this.conclusion = event.conclusion;
    if (event.kind === 'completed') this.completedSecond = event.second;
    this.steps.apply(event);
  }

  /** Notes that its Worker log goes on. */
  seen(line: { readonly receivedMs: number; readonly sinceMs: number }): void {
    this.#touched(line);
  }

  /** Emits the lines whose turn it is and whose step is known, or need not be waited for any more. */
  advance(nowMs: number, patience: Patience, force = false): void {
    const { jobPages } = this;
    if (this.jobRecord === undefined) return;
    const policy: OrderPolicy = {
      nowMs,
      tailWaitMs: patience.attributionWaitMs,
      orderWaitMs: patience.orderWaitMs,
      force,
    };
    // How a step's line ended says nothing here: none waits for the next one.
    this.stepPages.pump({ ...policy, tailWaitMs: 0 });
    for (const line of jobPages?.take(policy) ?? []) {
      if (line.late) this.#emitLate(line);
      else this.#queue.push(line);
    }
    let count = 0;
    for (; count < this.#queue.length; count++) {
      const line = this.#queue[count]!;
      const waitedMs = force ? Number.POSITIVE_INFINITY : nowMs - line.sinceMs;
      const forCopy = waitedMs < patience.attributionWaitMs;
      const forLateCopy = waitedMs < Math.min(LATE_FACTOR * patience.attributionWaitMs, patience.orderWaitMs);
      if (!this.#emitNext(line, { forCopy, forLateCopy })) break;
    }
    this.#queue.splice(0, count);
    if (this.message !== undefined) this.#namePages();
    for (const stream of this.stepPages.streams) {
      const isOld = stream.sinceMs !== undefined && nowMs - stream.sinceMs >= patience.identityWaitMs;
      if (force || this.steps.lists(stream.pages.record) || (isOld && stream.step !== undefined)) confirm(stream);
    }
  }

  /** Says whose pages those are that came after their lines had gone without them. */
  #namePages(): void {
    for (const stream of this.stepPages.streams) {
      const { firstTicks, pages, lines } = stream;
      if (stream.step !== undefined || firstTicks === undefined || lines.length > 0) continue;
      stream.step = this.steps.ofRecord(pages.record, secondOf(firstTicks), 0, true);
    }
  }

  /** Fills what is missing from the step pages, where they have it. To be called when nothing more will come. */
  fill(): void {
    fillHoles(this, true);
  }

  /** Lets go of all that is held. What only step pages have so far is kept back no more, where the job page can be expected to bring it. */
  relieve(nowMs: number, patience: Patience): void {
    this.advance(nowMs, patience, true);
    fillHoles(this, this.jobPages?.isEmpty !== false);
  }

  /** Emits a line that was taken from a step page. */
  emitFilled(line: OrderedLine, path: string, step: Step | undefined, stepRecord: string): void {
    this.filledLines++;
    this.#write({ job: this, line, path, stamp: line.parts.stamp ?? this.lastStamp, step, stepRecord, from: 'step' });
  }

  #touched({ receivedMs, sinceMs }: { readonly receivedMs: number; readonly sinceMs: number }): void {
    this.lastActiveMs = Math.max(this.lastActiveMs, sinceMs);
    this.lastReceivedMs = Math.max(this.lastReceivedMs, receivedMs);
    this.toldSilent = false;
    this.changed = true;
  }

  /** Emits the next line; false where its step may still become known. */
  #emitNext(line: OrderedLine, waits: { readonly forCopy: boolean; readonly forLateCopy: boolean }): boolean {
    const { ticks, stamp } = line.parts;
    if (ticks === undefined) {
      this.stepPages.takeContinuation(line);
    } else {
      const stream = this.stepPages.find(line, this.lastTicks) ?? this.#claim(this, line);
      if (stream !== undefined) {
        stream.step ??=
          this.message === undefined
            ? undefined
            : this.steps.ofRecord(stream.pages.record, secondOf(ticks), this.reached, waits.forCopy);
        if (stream.step === undefined && this.message !== undefined && waits.forCopy) return false;
        this.stepPages.take(stream, line, this.lastTicks);
        this.lastStep = { step: stream.step, record: stream.pages.record };
      } else {
        if (waits.forCopy) return false;
        const steps = this.#stepsByTime(ticks, this.reached);
        // Several steps may have run in one second, or the end of a step's page be late: it would tell which of them it was.
        if (this.message !== undefined && steps.length !== 1 && waits.forLateCopy) return false;
        const step = steps.length === 1 ? steps[0] : undefined;
        this.lastStep = { step, record: step?.record };
      }
      this.#noteHole(line, ticks);
      this.firstTicks ??= ticks;
      this.lastTicks = ticks;
      this.lastStamp = stamp;
      this.unmatchedStepLines += this.stepPages.expire(ticks, this.#mayFill());
    }
    this.#emitJobLine(line, this.lastStep?.step, this.lastStep?.record, this.lastStamp);
    return true;
  }

  /** A line that others have gone before: it has no neighbours that could say more than its time. */
  #emitLate(line: OrderedLine): void {
    const { ticks, stamp } = line.parts;
    const stream = this.stepPages.find(line, undefined);
    if (stream !== undefined) {
      stream.step ??= this.steps.ofRecord(stream.pages.record, secondOf(ticks!), 0);
      this.stepPages.take(stream, line, undefined);
    }
    const steps = ticks === undefined ? [] : this.#stepsByTime(ticks, 0);
    const step = stream?.step ?? (steps.length === 1 ? steps[0] : undefined);
    this.notes.add('lines came after they had been given up for missing');
    this.#emitJobLine(line, step, stream?.pages.record ?? step?.record, stamp ?? this.lastStamp);
  }

  /**
   * The steps that a line without a copy may be of, by the Worker log: not those whose own page has gone past its time without it,
   * nor those that were over when the last line was written.
   */
  #stepsByTime(ticks: number, after: number): Step[] {
    return this.steps.during(secondOf(ticks)).filter((step) => {
      if (step.number < after) return false;
      const stream = step.record === undefined ? undefined : this.stepPages.get(step.record);
      if (stream === undefined || stream.pages.gaps().length > 0) return true;
      return stream.newestTicks < ticks && step.finishedSecond === undefined;
    });
  }

  #emitJobLine(
    line: OrderedLine,
    step: Step | undefined,
    stepRecord: string | undefined,
    stamp: string | undefined,
  ): void {
    const path = this.jobPages!.page(line.number, '').path;
    this.#write({ job: this, line, path, stamp, step, stepRecord, from: 'job' });
    settle({ line });
  }

  #write(written: JobLine): void {
    const { line, step, stepRecord } = written;
    this.lines++;
    this.bytes += line.length + (line.ending === 'crlf' ? 2 : line.ending === 'lf' ? 1 : 0);
    if (step !== undefined) {
      step.lines++;
      step.changed = true;
      this.reached = Math.max(this.reached, step.number);
    }
    if (step !== undefined || stepRecord !== undefined) this.attributed++;
    this.changed = true;
    this.#emit(written);
  }

  /** Remembers between which times the lines of a hole were written, when the first line after it is emitted. */
  #noteHole(line: OrderedLine, ticks: number): void {
    const hole = this.jobPages?.page(line.number, '').holes.find(([, to]) => to === line.offset);
    if (hole === undefined) return;
    const after = { ticks, text: line.parts.text };
    this.holeTimes.push({ number: line.number, from: hole[0], to: hole[1], beforeTicks: this.lastTicks, after });
  }

  /** True where lines of step pages may be all that there is. */
  #mayFill(): boolean {
    return (this.jobPages?.gaps().length ?? 1) > 0;
  }
}

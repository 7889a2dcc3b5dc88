import type { JobKey, JobState, JobVerdict } from '../journal/runs.ts';
import type { JobMessage } from './job-message.ts';
import { holeBefore, placePage, stepByTime, stepOf, type StepAnswer, type Waits } from './attribution.ts';
import { fillHoles, type HoleTimes } from './fill.ts';
import type { ArrivedLine, OrderedLine, OrderPolicy } from './page-order.ts';
import type { JobLine, JobOptions, Patience, RunnerInfo } from './job-types.ts';
import { RecordPages } from './record-pages.ts';
import { anew, confirm, newStream, settle, StepPages, type FoundCopy, type StepStream } from './step-pages.ts';
import { StepTimeline, type Step } from './steps.ts';
import { folderOf } from './worker-file.ts';
import type { WorkerEvent } from './worker-log.ts';

/** So many lines of a job must be those of a page, as far as they are there, for it to be the job's. */
const CLAIM_LINES_MAX = 64;

/**
 * Why lines are let go without waiting: the job ended as far as is known, or was silent for so long that all it wrote must have come, or
 * there is no memory to wait.
 */
export type Haste = 'over' | 'dead' | 'memory';

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
  /** Lines whose copy was not there: those whose step was told by their time, and those whose step could not be told. */
  copylessLines = 0;
  steplessLines = 0;
  firstTicks: number | undefined;
  lastTicks: number | undefined;
  lastStamp: string | undefined;
  /** `lastTicks` when it was taken up again: copies from before may come once more. */
  resumedTicks = Number.NEGATIVE_INFINITY;
  /** Of the last line; a continuation has it too. */
  lastStep: StepAnswer | undefined;
  /** True where debug messages are wanted: the job's own first line is one. */
  isDebug = false;
  /** The number of the step that the last line is of, the job's own lines aside; undefined where that is not known. */
  reached: number | undefined = 0;
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
  advance(nowMs: number, patience: Patience, haste?: Haste): void {
    const { jobPages } = this;
    if (this.jobRecord === undefined) return;
    const { attributionWaitMs, orderWaitMs } = patience;
    const force = haste !== undefined;
    const policy: OrderPolicy = { nowMs, tailWaitMs: attributionWaitMs, orderWaitMs, force };
    // How a step's line ended says nothing here: none waits for the next one.
    this.stepPages.pump({ ...policy, tailWaitMs: 0 });
    for (const stream of this.stepPages.streams) stream.step ??= this.steps.ofRecord(stream.pages.record);
    for (const line of jobPages?.take(policy) ?? []) {
      if (line.late) this.#emitLate(line);
      else this.#queue.push(line);
    }
    let count = 0;
    for (; count < this.#queue.length; count++) {
      const line = this.#queue[count]!;
      const waitedMs = force ? Number.POSITIVE_INFINITY : nowMs - line.sinceMs;
      const forCopy = waitedMs < attributionWaitMs;
      const forCertainty = waitedMs < Math.max(orderWaitMs, attributionWaitMs);
      if (!this.#emitNext(line, count, { forCopy, forCertainty, isOver: haste === 'dead' })) break;
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
    for (const stream of this.stepPages.streams) if (stream.lines.length === 0) placePage(this, stream);
  }

  /** Fills what is missing from the step pages, where they have it. To be called when nothing more will come. */
  fill(): void {
    fillHoles(this, true);
  }

  /** Lets go of all that is held. What only step pages have so far is kept back no more, where the job page can be expected to bring it. */
  relieve(nowMs: number, patience: Patience): void {
    this.advance(nowMs, patience, 'memory');
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
  #emitNext(line: OrderedLine, at: number, waits: Waits): boolean {
    const { ticks, stamp } = line.parts;
    if (ticks === undefined) {
      this.stepPages.takeContinuation(line);
    } else {
      const answer = stepOf(this, line, waits, () => this.#claimed(at));
      if (answer === undefined) return false;
      this.lastStep = answer;
      if (answer.by === 'time' || answer.by === 'nothing') this.copylessLines++;
      if (answer.by !== 'own') this.reached = answer.step?.number;
      else this.isDebug ||= line.offset === 0;
      this.#noteHole(line, ticks);
      if (this.lastTicks !== undefined)
        this.unmatchedStepLines += this.stepPages.expire(this.lastTicks, {
          fromTicks: this.resumedTicks,
          fillsHole: (stepTicks) => this.#isInHole(stepTicks),
        });
      this.firstTicks ??= ticks;
      this.lastTicks = ticks;
      this.lastStamp = stamp;
    }
    const { step, record, by } = this.lastStep ?? { step: undefined, record: undefined, by: 'nothing' };
    if (this.message !== undefined && (step === undefined || step.name === '') && by !== 'own') this.steplessLines++;
    this.#emitJobLine(line, step, record, this.lastStamp);
    return true;
  }

  /** The copy of a line of the queue in a page that turns out to be this job's. */
  #claimed(at: number): FoundCopy | undefined {
    const stream = this.#claim(this, this.#queue.slice(at, at + CLAIM_LINES_MAX));
    return stream === undefined ? undefined : { stream, at: 0 };
  }

  /** A line that others have gone before: it has no neighbours that could say more than its time. */
  #emitLate(line: OrderedLine): void {
    const { stamp } = line.parts;
    const step = stepByTime(this, line);
    this.notes.add('lines came after they had been given up for missing');
    if (this.message !== undefined && step === undefined) this.steplessLines++;
    this.#emitJobLine(line, step, step?.record, stamp ?? this.lastStamp);
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
    }
    if (step !== undefined || stepRecord !== undefined) this.attributed++;
    this.changed = true;
    this.#emit(written);
  }

  /** Remembers between which times the lines of a hole were written, when the first line after it is emitted. */
  #noteHole(line: OrderedLine, ticks: number): void {
    const hole = holeBefore(this, line);
    if (hole === undefined) return;
    const after = { ticks, text: line.parts.text };
    this.holeTimes.push({ number: line.number, from: hole[0], to: hole[1], beforeTicks: this.lastTicks, after });
  }

  /** True where a line that was written then belongs into a hole of the job page. */
  #isInHole(ticks: number): boolean {
    const first = Number.NEGATIVE_INFINITY;
    return this.holeTimes.some(({ beforeTicks = first, after }) => beforeTicks < ticks && ticks <= after.ticks);
  }
}

import type { JobKey, JobState, JobVerdict } from '../journal/runs.ts';
import type { JobMessage } from './job-message.ts';
import { fillHoles, type HoleTimes } from './fill.ts';
import { secondOf } from './page-line.ts';
import type { ArrivedLine, OrderedLine, OrderPolicy } from './page-order.ts';
import { RecordPages } from './record-pages.ts';
import { settle, StepPages } from './step-pages.ts';
import { StepTimeline, type Step } from './steps.ts';
import { folderOf } from './worker-file.ts';
import type { WorkerEvent } from './worker-log.ts';

/** How long things are waited for, in milliseconds. */
export interface Patience {
  /** For the step of a line. */
  readonly attributionWaitMs: number;
  /** For lines that belong before others. */
  readonly orderWaitMs: number;
  /** For the Worker log that says whose job it is. */
  readonly identityWaitMs: number;
}

/** Who runs the job, as the sender says. */
export interface RunnerInfo {
  /** What tells senders apart: pod, host or address. */
  readonly source: string;
  readonly host: string | undefined;
  readonly name: string | undefined;
  readonly pod: string | undefined;
  /** All that the sender said of its runner, to be passed on. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** A line to be written. */
export interface JobLine {
  readonly job: Job;
  readonly line: OrderedLine;
  readonly path: string;
  /** Of the line itself or, for a continuation, of the line before it; undefined where no line had one. */
  readonly stamp: string | undefined;
  readonly step: Step | undefined;
  /** The record of the step's page where no more is known of the step. */
  readonly stepRecord: string | undefined;
  /** Where the text was taken from: the job page, or a step page in its place. */
  readonly from: 'job' | 'step';
}

/** The assembly of one job: from lines of its pages in any order to lines of its job page in order, each with its step. */
export class Job {
  readonly timeline: string;
  readonly runner: RunnerInfo;
  /** The record of its job page; undefined while that is not known. */
  jobRecord: string | undefined;
  message: JobMessage | undefined;
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

  lines = 0;
  bytes = 0;
  attributed = 0;
  filledLines = 0;
  unmatchedStepLines = 0;
  firstTicks: number | undefined;
  lastTicks: number | undefined;
  lastStamp: string | undefined;
  #lastStep: { readonly step: Step | undefined; readonly record: string | undefined } | undefined;
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

  constructor(
    timeline: string,
    runner: RunnerInfo,
    at: { ms: number; receivedMs: number },
    emit: (line: JobLine) => void,
    repeats = 0,
  ) {
    this.timeline = timeline;
    this.runner = runner;
    this.sinceMs = at.ms;
    this.lastActiveMs = at.ms;
    this.lastReceivedMs = at.receivedMs;
    this.#emit = emit;
    this.repeatsBefore = repeats;
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

  /** True where nothing waits for anything that is still to come. */
  get isWhole(): boolean {
    if (this.#queue.length > 0 || this.jobRecord === undefined) return false;
    for (const pages of this.#pages.values()) {
      for (const page of pages.pages) if (page.heldLines.length > 0) return false;
      if (pages.gaps().length > 0) return false;
    }
    // What the step pages have and the job page has not must still come.
    for (const { lines } of this.stepPages.streams) if (lines.length > 0) return false;
    return this.jobPages !== undefined;
  }

  /** Memory for lines that wait, about; `perLine` is what a line takes beside its bytes. */
  heldBytes(perLine: number): number {
    let sum = 0;
    for (const { bytes } of this.#queue) sum += bytes.length + perLine;
    for (const pages of this.#pages.values())
      for (const page of pages.pages) for (const { bytes } of page.heldLines) sum += bytes.length + perLine;
    for (const { lines } of this.stepPages.streams) for (const { line } of lines) sum += line.bytes.length + perLine;
    for (const { line } of this.stepPages.orphans) sum += line.line.bytes.length + perLine;
    return sum;
  }

  pagesOf(record: string): RecordPages {
    let pages = this.#pages.get(record);
    if (pages === undefined) {
      pages = new RecordPages(record);
      this.#pages.set(record, pages);
      if (this.jobRecord !== undefined && record !== this.jobRecord) this.stepPages.add(pages);
    }
    return pages;
  }

  /** Gives pages that were taken for this job's to another one. */
  give(record: string, to: Job): void {
    const pages = this.#pages.get(record);
    if (pages === undefined || to.#pages.has(record)) return;
    this.#pages.delete(record);
    to.#pages.set(record, pages);
    if (to.jobRecord !== undefined && record !== to.jobRecord) to.stepPages.add(pages);
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
    for (const [record, pages] of this.#pages) if (record !== jobRecord) this.stepPages.add(pages);
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
      const waits = !force && nowMs - line.sinceMs < patience.attributionWaitMs;
      if (!this.#emitNext(line, waits)) break;
    }
    this.#queue.splice(0, count);
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
  #emitNext(line: OrderedLine, waits: boolean): boolean {
    const { ticks, stamp } = line.parts;
    if (ticks === undefined) {
      this.stepPages.takeContinuation(line);
    } else {
      const stream = this.stepPages.find(line);
      if (stream !== undefined) {
        stream.step ??=
          this.message === undefined ? undefined : this.steps.ofRecord(stream.pages.record, secondOf(ticks));
        if (stream.step === undefined && this.message !== undefined && waits) return false;
        this.stepPages.take(stream, line);
        this.#lastStep = { step: stream.step, record: stream.pages.record };
      } else {
        if (waits) return false;
        const step = this.#stepByTime(ticks);
        this.#lastStep = step === undefined ? undefined : { step, record: step.record };
      }
      this.#noteHole(line, ticks);
      this.firstTicks ??= ticks;
      this.lastTicks = ticks;
      this.lastStamp = stamp;
      this.unmatchedStepLines += this.stepPages.expire(ticks, this.#mayFill());
    }
    this.#emitJobLine(line, this.#lastStep?.step, this.#lastStep?.record, this.lastStamp);
    return true;
  }

  /** A line that others have gone before: it has no neighbours that could say more than its time. */
  #emitLate(line: OrderedLine): void {
    const { ticks, stamp } = line.parts;
    const stream = this.stepPages.find(line);
    if (stream !== undefined) {
      stream.step ??= this.steps.ofRecord(stream.pages.record, secondOf(ticks!));
      this.stepPages.take(stream, line);
    }
    const step = stream?.step ?? (ticks === undefined ? undefined : this.#stepByTime(ticks));
    this.notes.add('lines came after they had been given up for missing');
    this.#emitJobLine(line, step, stream?.pages.record ?? step?.record, stamp ?? this.lastStamp);
  }

  /** The step at a time, by the Worker log: not one whose own page has gone past that time without the line. */
  #stepByTime(ticks: number): Step | undefined {
    const candidates = this.steps.during(secondOf(ticks)).filter((step) => {
      const stream = step.record === undefined ? undefined : this.stepPages.get(step.record);
      if (stream === undefined || stream.pages.gaps().length > 0) return true;
      return stream.newestTicks < ticks && step.finishedSecond === undefined;
    });
    const current = this.#lastStep?.step;
    return (
      candidates.find((step) => step === current) ??
      candidates.find((step) => step.number > (current?.number ?? 0)) ??
      candidates[0]
    );
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

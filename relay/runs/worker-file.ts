import type { WorkerLogChange } from '../journal/runs.ts';
import type { Job } from './job.ts';
import type { RunnerInfo } from './job-types.ts';
import { PageOrder, type ArrivedLine, type Hole } from './page-order.ts';
import { settle } from './step-pages.ts';
import { WorkerLogParser, type WorkerEvent, type WorkerLogState } from './worker-log.ts';

interface Checkpoint {
  readonly bytes: number;
  readonly gaps: readonly Hole[];
  readonly rawSeq: number | undefined;
  readonly parser: WorkerLogState;
  /** The job that it speaks of. */
  readonly timeline: string | undefined;
  readonly jobRecord: string | undefined;
  readonly runner: RunnerInfo;
  readonly path: string;
}

/** One Worker log, as far as it was read. */
export class WorkerFile {
  readonly key: string;
  readonly source: string;
  readonly path: string;
  job: Job | undefined;
  /** Who sent it. */
  readonly runner: RunnerInfo;
  /** When something of it was received last. */
  lastLine: Pick<ArrivedLine, 'sinceMs' | 'receivedMs'>;
  seenMs = 0;
  #order: PageOrder;
  #deferred: readonly WorkerEvent[] = [];
  #parser = new WorkerLogParser();
  #toldSecond = 0;
  /** Where the job was that this speaks of, as a checkpoint has it. */
  jobKey: { readonly timeline: string | undefined; readonly jobRecord: string | undefined };

  constructor(runner: RunnerInfo, path: string, first: Pick<ArrivedLine, 'sinceMs' | 'receivedMs'>) {
    this.runner = runner;
    this.lastLine = first;
    this.key = workerKey(runner.source, path);
    this.source = runner.source;
    this.path = path;
    this.#order = new PageOrder({ path, record: '', number: 1 });
    this.jobKey = { timeline: undefined, jobRecord: undefined };
  }

  static restored({ checkpoint, seenMs }: WorkerLogChange): WorkerFile {
    const state = JSON.parse(checkpoint) as Checkpoint;
    const { runner, path, bytes, gaps, rawSeq, timeline, jobRecord } = state;
    const file = new WorkerFile(runner, path, { sinceMs: 0, receivedMs: seenMs });
    const row = { timeline: '', jobRecord: '', record: '', number: 1, path, lines: 1, bytes, gaps, rawSeq };
    file.#order = PageOrder.restored(row, 0);
    file.#parser = WorkerLogParser.restored(state.parser);
    file.seenMs = seenMs;
    file.jobKey = { timeline, jobRecord };
    return file;
  }

  /** The folder that the file is in. */
  get folder(): string {
    return folderOf(this.path);
  }

  /** True once it said whose job it is about, or that it cannot be read. */
  get known(): boolean {
    return this.#parser.known;
  }

  get conflicts(): number {
    return this.#order.conflicts;
  }

  get heldBytes(): number {
    return this.#order.heldLines.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Forgets a job that has ended, but for its name. */
  leave({ timeline, jobRecord }: Job): void {
    this.job = undefined;
    this.jobKey = { timeline, jobRecord };
  }

  add(line: ArrivedLine): boolean {
    this.seenMs = Math.max(this.seenMs, line.receivedMs);
    this.lastLine = line;
    return this.#order.add(line);
  }

  /** Keeps what cannot be told yet. */
  defer(events: readonly WorkerEvent[]): void {
    this.#deferred = events;
  }

  /** How far it was read. */
  get end(): number {
    return this.#order.end;
  }

  /** What the lines whose turn it is tell. */
  take(nowMs: number, orderWaitMs: number): WorkerEvent[] {
    const events: WorkerEvent[] = [...this.#deferred];
    this.#deferred = [];
    const holes = this.#order.holes.length;
    // How a line ended says nothing here, so none waits for the next one.
    const lines = this.#order.take({ nowMs, tailWaitMs: 0, orderWaitMs, force: false });
    if (this.#order.holes.length > holes) events.push({ kind: 'lost' });
    for (const line of lines) {
      if (!line.late) events.push(...this.#parser.line(line.bytes));
      settle({ line });
    }
    // What is missing, or begins in another file, may have told of a step.
    const { newestSecond } = this.#parser;
    if (this.known && this.#order.holes.length === 0 && newestSecond > this.#toldSecond) {
      this.#toldSecond = newestSecond;
      events.push({ kind: 'told', second: newestSecond });
    }
    return events;
  }

  change(): WorkerLogChange {
    const { bytes, gaps, rawSeq } = this.#order.row('', '', undefined);
    const { timeline, jobRecord } = this.job ?? this.jobKey;
    const checkpoint: Checkpoint = {
      bytes,
      gaps,
      rawSeq,
      parser: this.#parser.state(),
      timeline,
      jobRecord,
      runner: this.runner,
      path: this.path,
    };
    return { key: this.key, seenMs: this.seenMs, checkpoint: JSON.stringify(checkpoint) };
  }
}

export function workerKey(source: string, path: string): string {
  return `${source}|${path}`;
}

export function folderOf(path: string): string {
  return path.replace(/[^/\\]*$/, '');
}

import type { WorkerLogChange } from '../journal/runs.ts';
import type { Job, RunnerInfo } from './job.ts';
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
  readonly source: string;
  readonly path: string;
}

/** One Worker log, as far as it was read. */
export class WorkerFile {
  readonly key: string;
  readonly source: string;
  readonly path: string;
  job: Job | undefined;
  /** Who sent it, and its last line. */
  runner: RunnerInfo | undefined;
  lastLine: ArrivedLine | undefined;
  seenMs = 0;
  #order: PageOrder;
  #parser = new WorkerLogParser();
  /** Where the job was that this speaks of, as a checkpoint has it. */
  jobKey: { readonly timeline: string | undefined; readonly jobRecord: string | undefined };

  constructor(runner: Pick<RunnerInfo, 'source'>, path: string) {
    this.key = workerKey(runner, path);
    this.source = runner.source;
    this.path = path;
    this.#order = new PageOrder({ path, record: '', number: 1 });
    this.jobKey = { timeline: undefined, jobRecord: undefined };
  }

  static restored({ checkpoint, seenMs }: WorkerLogChange): WorkerFile {
    const state = JSON.parse(checkpoint) as Checkpoint;
    const { source, path, bytes, gaps, rawSeq, timeline, jobRecord } = state;
    const file = new WorkerFile({ source }, path);
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
    return this.#order.add(line);
  }

  /** What the lines whose turn it is tell. */
  take(nowMs: number, orderWaitMs: number, force = false): WorkerEvent[] {
    const events: WorkerEvent[] = [];
    // How a line ended says nothing here, so none waits for the next one.
    for (const line of this.#order.take({ nowMs, tailWaitMs: 0, orderWaitMs, force })) {
      if (!line.late) events.push(...this.#parser.line(line.bytes));
      settle({ line });
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
      source: this.source,
      path: this.path,
    };
    return { key: this.key, seenMs: this.seenMs, checkpoint: JSON.stringify(checkpoint) };
  }
}

export function workerKey({ source }: Pick<RunnerInfo, 'source'>, path: string): string {
  return `${source}|${path}`;
}

export function folderOf(path: string): string {
  return path.replace(/[^/\\]*$/, '');
}

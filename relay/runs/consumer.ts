import { describeError, RelayError } from '../errors.ts';
import { sleep, type Clock, type Timer } from '../io/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { JobCheckpoint, PageQuery, RunChanges } from '../journal/runs.ts';
import { endSeq, type Batch } from '../record/batch.ts';
import { datasetOf, forEachLine } from '../record/lines.ts';
import type { Dataset, Recorder } from '../record/recorder.ts';
import { PAGE_DATASET, WORKER_DATASET } from '../record/runner-file.ts';
import { Assembler, heldMsMax, type Assembled, type AssemblerOptions, type AssemblyEvents } from './assembler.ts';
import { DerivedLineWriter } from './derived-line.ts';
import { secondOfLine } from './job-book.ts';
import type { Job } from './job.ts';
import { changeOf, type JobSeqs } from './job-change.ts';
import type { Pin } from './page-order.ts';
import { RawLineReader, type RawLine } from './raw-line.ts';
import { Stretches, type ReadStretch } from './stretches.ts';
import { writeSummary } from './summary.ts';

/** The cursor of the assembly. No endpoint can have this name. */
export const RUNS_CURSOR = 'relay:runs';

const RAW_DATASETS = [PAGE_DATASET, WORKER_DATASET];
/** How often it is looked what has waited long enough. */
const TICK_MS = 500;
const READ_RETRY_MS = 1_000;
/** So much of the journal is taken in before what came of it is written. */
const BITE_BYTES = 1_048_576;
/** While the journal is full no more is taken in than this, of lines that keep the cursor: what comes of them needs room, too. */
const STRAINED_BYTES = 16 * BITE_BYTES;
/** How long a Worker log is remembered after its last line, so that a repeat of it is known. */
const WORKER_LOG_KEPT_MS = 7 * 86_400_000;

/** Where finished lines go. */
export interface LineSink {
  /**
   * Runs `write`, which gets the place of the first record it will write, in one piece. Resolves when its records and the changes that it
   * returned are durable, all of them in one transaction, however long that takes.
   */
  derive(write: (recorder: Recorder, firstSeq: number) => RunChanges): Promise<void>;
  /** True while the journal has no room for what senders bring. */
  readonly strained: boolean;
}

export interface ConsumerEvents extends AssemblyEvents {
  /** A job has ended, with what is known of it. */
  finished(job: Job): void;
  readFailed(reason: string): void;
}

export interface ConsumerOptions {
  readonly journal: Journal;
  readonly sink: LineSink;
  readonly clock: Clock;
  readonly events: ConsumerEvents;
  readonly assembly: AssemblerOptions;
  readonly lines: Dataset;
  readonly summaries: Dataset;
}

/**
 * Reads runners' lines out of the journal, has them assembled, and writes what comes of it.
 *
 * Nothing is lost or written twice, whenever the process is killed: finished lines and how far each page was taken are one transaction. The
 * cursor follows behind; what is read again after a restart is known by its place in its page.
 */
export class RunsConsumer {
  readonly assembler: Assembler;
  readonly #options: ConsumerOptions;
  readonly #reader = new RawLineReader();
  readonly #writer: DerivedLineWriter;
  readonly #seqs = new WeakMap<Job, { first: number | undefined; last: number | undefined }>();
  #stretches: Stretches;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  #position = 0;
  #loop: Promise<void> | undefined;
  #timer: Timer | undefined;
  #endCommits: (() => void) | undefined;
  #forgottenMs = 0;
  rawLines = 0;
  lines = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.assembler = new Assembler(options.assembly, options.events);
    this.#writer = new DerivedLineWriter(options.lines);
    this.#stretches = new Stretches(0, heldMsMax(options.assembly));
  }

  /** Opens the cursor and takes up what was under way. */
  async start(): Promise<void> {
    const { journal, clock } = this.#options;
    const cursor = await journal.openCursor(RUNS_CURSOR, 'end');
    const checkpoints = await journal.runCheckpoints();
    this.assembler.restore(checkpoints, clock.monotonicMs());
    for (const job of this.assembler.jobs) {
      const stored = checkpoints.jobs.find(
        (one) => one.job.timeline === job.timeline && one.job.jobRecord === job.jobRecord,
      );
      this.#seqs.set(job, { first: stored?.job.firstSeq, last: stored?.job.lastSeq });
    }
    this.#position = cursor.seq;
    this.#stretches = new Stretches(cursor.seq, heldMsMax(this.#options.assembly));
    this.#endCommits = journal.onCommit(() => this.#wake.resolve());
    this.#timer = clock.every(TICK_MS, () => this.#wake.resolve());
    this.#loop = this.#run();
  }

  /** Ends after what is being written; what is held is had again from the journal at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    await this.#loop;
    this.#timer?.cancel();
    this.#endCommits?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, journal } = this.#options;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      const more = await this.#takeIn();
      await this.#advance();
      await this.#write(this.assembler.take());
      for (const move of this.#stretches.leave(clock.monotonicMs())) journal.advance(RUNS_CURSOR, move);
      if (!more && !signal.aborted) await this.#wake.promise;
    }
  }

  /** Reads on, up to a bite. True where there is more. */
  async #takeIn(): Promise<boolean> {
    const { journal, clock, events, sink } = this.#options;
    for (let bytes = 0; bytes < BITE_BYTES;) {
      if (sink.strained && this.#stretches.bytes >= STRAINED_BYTES) return false;
      this.#passOver();
      if (this.#position >= journal.nextSeq) return false;
      let batch: Batch | undefined;
      try {
        batch = await journal.read(this.#position);
      } catch (error) {
        // What is damaged has been set aside and told of; the next read goes on after it.
        if (error instanceof RelayError && error.code === 'JOURNAL_DAMAGED') continue;
        events.readFailed(describeError(error));
        await sleep(clock, READ_RETRY_MS, this.#stopping.signal);
        return false;
      }
      if (batch === undefined) {
        this.#position = journal.nextSeq;
        return false;
      }
      bytes += batch.lines.length;
      try {
        await this.#takeBatch(batch);
      } finally {
        batch.release();
      }
    }
    return true;
  }

  /** Moves over batches that hold nothing of runners, without a look at them. */
  #passOver(): void {
    const to = this.#options.journal.passOver(this.#position, RAW_DATASETS);
    if (to > this.#position) this.#passed({ fromSeq: this.#position, toSeq: to, taken: 0, bytes: 0 }, { held: 0 });
  }

  async #takeBatch(batch: Batch): Promise<void> {
    const fromSeq = Math.max(this.#position, batch.firstSeq);
    const pin: Pin = { held: 0 };
    let [taken, bytes] = [0, 0];
    if (RAW_DATASETS.some((dataset) => Object.hasOwn(batch.datasets, dataset))) {
      for (const { json, seq } of rawLinesOf(batch, fromSeq)) {
        taken++;
        bytes += json.length;
        await this.#takeLine(json, seq, pin);
      }
    }
    this.#passed({ fromSeq, toSeq: endSeq(batch), taken, bytes }, pin);
  }

  async #takeLine(json: string, seq: number, pin: Pin): Promise<void> {
    const { journal, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const raw = this.#reader.read(json, seq, nowMs, pin);
    if (raw === undefined) return;
    this.rawLines++;
    if (raw.kind === 'page' && !this.assembler.knows(raw)) {
      const { timeline, record } = raw.name;
      const sender = this.assembler.expects(raw) ? undefined : senderOf(raw);
      const stored = await journal.pageCheckpoint({ timeline, record, sender });
      if (stored !== undefined) this.#resumed(this.assembler.resumeFor(raw, stored, nowMs), stored);
    }
    this.assembler.add(raw);
  }

  /** Has the assembly go on as far as it can, with what the journal knows of the jobs that it asks for. */
  async #advance(): Promise<void> {
    const { journal, clock } = this.#options;
    this.assembler.advance(clock.monotonicMs());
    while (this.assembler.wanted.size > 0) {
      for (const key of this.assembler.wanted.values()) {
        const stored = await journal.jobCheckpoint(key);
        this.#resumed(this.assembler.answer(key, stored, clock.monotonicMs()), stored);
      }
      this.assembler.advance(clock.monotonicMs());
    }
  }

  #resumed(job: Job | undefined, stored: JobCheckpoint | undefined): void {
    if (job !== undefined) this.#seqs.set(job, { first: stored?.job.firstSeq, last: stored?.job.lastSeq });
  }

  #passed(stretch: Omit<ReadStretch, 'nowMs'>, pin: Pin): void {
    this.#position = stretch.toSeq;
    this.#stretches.add({ ...stretch, nowMs: this.#options.clock.monotonicMs() }, pin);
  }

  async #write({ lines, finished, changedJobs, changedFiles }: Assembled): Promise<void> {
    const { sink, clock, summaries, events } = this.#options;
    if (lines.length === 0 && finished.length === 0 && changedJobs.length === 0 && changedFiles.length === 0) return;
    await sink.derive((recorder, firstSeq) => {
      let seq = firstSeq;
      for (const line of lines) {
        const seqs = this.#seqsOf(line.job);
        seqs.first ??= seq;
        seq += this.#writer.write(recorder, line);
        seqs.last = seq - 1;
      }
      for (const job of finished) writeSummary(recorder, summaries, job);
      const jobs = changedJobs.map((job) => changeOf(job, this.#seqsOf(job))).filter((change) => change !== undefined);
      const workerLogs = changedFiles.map((file) => file.change());
      return { jobs, workerLogs, forgetWorkerLogsBeforeMs: this.#forgetBeforeMs(clock.nowMs()) };
    });
    this.lines += lines.length;
    for (const job of finished) events.finished(job);
  }

  #seqsOf(job: Job): { first: number | undefined; last: number | undefined } {
    let seqs = this.#seqs.get(job);
    if (seqs === undefined) {
      seqs = { first: undefined, last: undefined } satisfies JobSeqs;
      this.#seqs.set(job, seqs);
    }
    return seqs;
  }

  /** Once a day the Worker logs of last week are forgotten. */
  #forgetBeforeMs(nowMs: number): number | undefined {
    if (nowMs - this.#forgottenMs < WORKER_LOG_KEPT_MS / 7) return undefined;
    this.#forgottenMs = nowMs;
    return nowMs - WORKER_LOG_KEPT_MS;
  }
}

function senderOf({ runner, line }: Extract<RawLine, { kind: 'page' }>): PageQuery['sender'] {
  const second = secondOfLine(line);
  return { source: runner.source, writtenMs: second === undefined ? undefined : second * 1_000 };
}

/** The records of a batch, from a place on, that are lines of runners. */
function rawLinesOf({ lines, firstSeq }: Batch, fromSeq: number): { readonly json: string; readonly seq: number }[] {
  const found: { json: string; seq: number }[] = [];
  forEachLine(lines, (start, end, index) => {
    const seq = firstSeq + index;
    if (seq < fromSeq || !RAW_DATASETS.includes(datasetOf(lines, start))) return;
    found.push({ json: lines.toString('utf8', start, end), seq });
  });
  return found;
}

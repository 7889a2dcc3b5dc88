import { RelayError } from '../../errors.ts';
import { systemClock, type Timer } from '../../io/clock.ts';
import { Thread, wireError } from '../../io/thread.ts';
import { endSeq, type Batch, type BuiltBatch, type StreamName } from '../../record/batch.ts';
import {
  isInternalCursor,
  type Cursor,
  type DeadLetter,
  type JournalEvents,
  type JournalIdentity,
  type JournalLimits,
  type JournalRoom,
  type JournalStats,
  type Progress,
  type PurgeableJournal,
} from '../journal.ts';
import type { JobCheckpoint, PageQuery, JobKey, JobQuery, JobWithParts, RunCheckpoints, StoredJob } from '../runs.ts';
import type {
  DamagedRange,
  FromWriter,
  ReaderThreadCalls,
  ToldProgress,
  ToWriter,
  SentRead,
  WriterCalls,
  WriterOptions,
  WriterReady,
} from './messages.ts';
import { diskRoom } from './disk-room.ts';
import { joinProgress } from '../progress.ts';
import { Borrower } from './lent-memory.ts';
import { SqliteRetention, startPurger, type AskWriter } from './retention-client.ts';
import { ReadAhead, type Found } from './read-ahead.ts';
import { Recent } from './recent.ts';
import { WireBatches } from './wire-batches.ts';
import { startWorker } from './start-worker.ts';

/** Memory for the batches committed last. */
const RECENT_BYTES_MAX = 32 * 1_048_576;
/** How much one question to the reading thread may bring. */
const READ_BYTES_MAX = 2 * 1_048_576;
/** How long a cursor's move may wait before the writer is told. */
const PROGRESS_DELAY_MS = 20;

interface Appending {
  readonly batch: BuiltBatch;
  readonly resolve: () => void;
  readonly reject: (error: RelayError) => void;
}

/**
 * The journal on SQLite, as the main thread sees it: the writing connection is in one thread, the reading one in another, started when it
 * is first needed.
 */
export class SqliteJournal implements PurgeableJournal {
  readonly identity: JournalIdentity;
  readonly retention: SqliteRetention;
  readonly #directory: string;
  readonly #writer: Thread<WriterCalls>;
  readonly #events: JournalEvents;
  readonly #recent = new Recent(RECENT_BYTES_MAX);
  readonly #ahead = new ReadAhead();
  readonly #commitListeners = new Set<(endSeq: number) => void>();
  readonly #purgeListeners = new Set<(seqs: readonly number[]) => void>();
  /** How often a purge took what somebody may still have in memory. */
  #purges = 0;
  /** What was posted to the writer and not answered yet, in order. */
  readonly #appending: Appending[] = [];
  readonly #toWire = new WireBatches();
  /** Moves of cursors that the writer has not been told of yet. */
  readonly #progress = new Map<string, Progress>();
  #progressTimer: Timer | undefined;
  #reader: Thread<ReaderThreadCalls> | undefined;
  #borrower = new Borrower();
  #nextSeq: number;
  #closed = false;

  private constructor(options: WriterOptions, writer: Thread<WriterCalls>, ready: WriterReady, events: JournalEvents) {
    const { directory, compressionLevel } = options;
    this.#directory = directory;
    this.retention = new SqliteRetention(
      // The call's own types are tied to its name; through the thread they are not.
      ((method, ...args) => this.#callWriter('retention', method, args)) as AskWriter,
      () => startPurger({ directory, compressionLevel }),
      (seqs, untilSeq) => this.#taken(seqs, untilSeq),
    );
    this.#writer = writer;
    this.#events = events;
    this.#nextSeq = ready.nextSeq;
    this.identity = { node: ready.node, relayId: ready.relayId, bootSeconds: ready.bootSeconds };
    writer.worker.on('message', (message: FromWriter) => this.#receive(message));
    writer.worker.on('error', (error) => events.failed(error));
    writer.worker.on('exit', () => {
      if (!this.#closed) events.failed(new RelayError('JOURNAL_CLOSED', 'its thread ended by itself'));
    });
    if (ready.salvage !== undefined) events.salvaged(ready.salvage);
    if (ready.missing !== undefined) events.damaged(ready.missing);
  }

  /** Opens or makes the journal in a directory. Throws `JOURNAL_LOCKED`, `JOURNAL_TOO_NEW` or `JOURNAL_UNUSABLE`. */
  static async open(options: WriterOptions, events: JournalEvents): Promise<SqliteJournal> {
    const thread = new Thread<WriterCalls>(startWorker('writer', options));
    const ready = await new Promise<WriterReady>((resolve, reject) => {
      thread.worker.once('error', reject);
      thread.worker.once('message', (message: FromWriter) => {
        if (message.kind === 'ready') resolve(message.ready);
        else if (message.kind === 'failed') reject(wireError(message.error));
      });
    }).catch(async (error: unknown) => {
      await thread.worker.terminate();
      throw error;
    });
    return new SqliteJournal(options, thread, ready, events);
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  append(batch: BuiltBatch, urgent = false): Promise<void> {
    if (this.#closed) return Promise.reject(new RelayError('JOURNAL_CLOSED', 'the journal is closed'));
    this.#post({ kind: 'append', progress: this.#takeProgress(), urgent, batch: this.#toWire.of(batch) });
    return new Promise((resolve, reject) => this.#appending.push({ batch, resolve, reject }));
  }

  passOver(fromSeq: number, datasets: readonly string[]): number {
    return this.#recent.passOver(fromSeq, datasets);
  }

  async read(fromSeq: number): Promise<Batch | undefined> {
    if (fromSeq >= this.#nextSeq) return undefined;
    const recent = this.#recent.read(fromSeq);
    if (recent !== undefined) return recent;
    const known = this.#ahead.take(fromSeq);
    if (known !== undefined) return this.#give(known);
    const thread = this.#readingThread();
    const borrower = this.#borrower;
    const purges = this.#purges;
    const sent = await thread.call('read', fromSeq, this.#nextSeq, READ_BYTES_MAX);
    const [first, ...rest] = sent.map((item) => borrowed(item, thread, borrower));
    if (first === undefined) return undefined;
    this.#ahead.keep(rest);
    // What was read while a purge took something may be of before.
    if (this.#purges !== purges) this.#ahead.clear();
    return this.#give(first);
  }

  async readOne(seq: number): Promise<Batch | undefined> {
    const thread = this.#readingThread();
    const borrower = this.#borrower;
    const [found] = await thread.call('read', seq, seq + 1, 1);
    return found === undefined ? undefined : this.#give(borrowed(found, thread, borrower));
  }

  streamPlaces(stream: StreamName, fromSeq: number, endSeq: number, limit: number): Promise<number[]> {
    return this.#ask((reader) => reader.call('streamPlaces', stream, fromSeq, endSeq, limit));
  }

  onCommit(listener: (endSeq: number) => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  onPurge(listener: (seqs: readonly number[]) => void): () => void {
    this.#purgeListeners.add(listener);
    return () => this.#purgeListeners.delete(listener);
  }

  /** What is in memory of what a purge took goes from there, too. */
  #taken(seqs: readonly number[], untilSeq: number): void {
    this.#purges++;
    this.#recent.forget(untilSeq);
    this.#ahead.clear();
    for (const listener of this.#purgeListeners) listener(seqs);
  }

  async openCursor(endpoint: string, startAt: 'first' | 'end'): Promise<Cursor> {
    await this.#callWriter('openCursor', endpoint, startAt);
    const cursor = (await this.#allCursors()).find((candidate) => candidate.endpoint === endpoint);
    if (cursor === undefined) throw new Error(`the cursor of ${endpoint} was made and is not there`);
    return cursor;
  }

  advance(endpoint: string, progress: Progress): void {
    if (this.#closed) return;
    const waiting = this.#progress.get(endpoint);
    if (waiting !== undefined && waiting.toSeq !== progress.fromSeq) {
      this.#postProgress();
      this.#progress.set(endpoint, progress);
    } else {
      this.#progress.set(endpoint, waiting === undefined ? progress : joinProgress(waiting, progress));
    }
    this.#progressTimer ??= systemClock.after(PROGRESS_DELAY_MS, () => this.#postProgress());
  }

  removeCursor(endpoint: string): Promise<void> {
    return this.#callWriter('removeCursor', endpoint);
  }

  cursorEnd(endpoint: string, change: 'set' | 'clear'): Promise<number | undefined> {
    return this.#callWriter('cursorEnd', endpoint, change);
  }

  async cursors(): Promise<Cursor[]> {
    return (await this.#allCursors()).filter((cursor) => !isInternalCursor(cursor));
  }

  async #allCursors(): Promise<Cursor[]> {
    // Most relays start with nothing to be read again: they do without the other thread and its memory until somebody asks.
    if (this.#reader === undefined) {
      // Where it meets damage, the way of the reading thread has it repaired.
      const found = await this.#callWriter('cursors').catch(() => undefined);
      if (found !== undefined) return found;
    }
    await this.#callWriter('settle');
    return this.#ask((reader) => reader.call('cursors'));
  }

  async deadLetters(endpoint: string, limit: number): Promise<DeadLetter[]> {
    await this.#callWriter('settle');
    return this.#ask((reader) => reader.call('deadLetters', endpoint, limit));
  }

  discardDeadLetters(endpoint: string, ids: readonly number[], outcome: 'redelivered' | 'discarded'): Promise<number> {
    return this.#callWriter('discardDeadLetters', endpoint, ids, outcome);
  }

  receipts(): Promise<string[]> {
    return this.#callWriter('receipts');
  }

  jobs(query: JobQuery): Promise<StoredJob[]> {
    return this.#ask((reader) => reader.call('jobs', query));
  }

  job(key: JobKey): Promise<JobWithParts | undefined> {
    return this.#ask((reader) => reader.call('job', key));
  }

  jobCheckpoint(key: JobKey): Promise<JobCheckpoint | undefined> {
    return this.#ask((reader) => reader.call('jobCheckpoint', key));
  }

  pageCheckpoint(query: PageQuery): Promise<JobCheckpoint | undefined> {
    return this.#ask((reader) => reader.call('pageCheckpoint', query));
  }

  runCheckpoints(): Promise<RunCheckpoints> {
    return this.#callWriter('runCheckpoints');
  }

  stats(): Promise<JournalStats> {
    return this.#ask((reader) => reader.call('stats'));
  }

  room(): Promise<JournalRoom> {
    return diskRoom(this.#directory);
  }

  configure(limits: JournalLimits): void {
    this.#post({ kind: 'limits', limits });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reader?.call('close').catch(() => undefined);
    await this.retention.rest();
    try {
      await this.#callWriter('close');
    } finally {
      // Also where the disk did not take the last of it: a thread that is left would keep the process from ending, for ever.
      await Promise.all([this.#writer.worker.terminate(), this.#reader?.worker.terminate()]);
      // The end of a request that never came: nothing of it was kept.
      const closed = new RelayError('JOURNAL_CLOSED', 'the journal is closed');
      for (const { reject } of this.#appending.splice(0)) reject(closed);
    }
  }

  /** Cursors move with every delivery; the writer is told of several moves at once. */
  #postProgress(): void {
    const progress = this.#takeProgress();
    if (progress.length > 0) this.#post({ kind: 'advance', progress });
  }

  #takeProgress(): ToldProgress[] {
    this.#progressTimer?.cancel();
    this.#progressTimer = undefined;
    const told = [...this.#progress].map(([endpoint, progress]) => ({ endpoint, progress }));
    this.#progress.clear();
    return told;
  }

  #callWriter<Name extends keyof WriterCalls>(
    method: Name,
    ...args: Parameters<WriterCalls[Name]>
  ): Promise<ReturnType<WriterCalls[Name]>> {
    this.#postProgress();
    return this.#writer.call(method, ...(args as never)) as Promise<ReturnType<WriterCalls[Name]>>;
  }

  #post(message: ToWriter): void {
    this.#writer.worker.postMessage(message);
  }

  #readingThread(): Thread<ReaderThreadCalls> {
    // One that has failed is not asked again.
    if (this.#reader?.ended === true) this.#reader = undefined;
    if (this.#reader === undefined) {
      this.#reader = new Thread<ReaderThreadCalls>(startWorker('reader', { directory: this.#directory }));
      this.#borrower = new Borrower();
    }
    return this.#reader;
  }

  #give(found: Found): Batch | Promise<never> {
    return 'lines' in found ? found : this.#giveUp(found);
  }

  /** Asks the reading thread; where it meets damage, the writer sees to it first. */
  async #ask<T>(question: (reader: Thread<ReaderThreadCalls>) => Promise<T>): Promise<T> {
    try {
      return await question(this.#readingThread());
    } catch (error) {
      const damaged = error instanceof RelayError && error.code === 'JOURNAL_DAMAGED';
      if (!damaged || !(await this.#callWriter('repair'))) throw error;
      return question(this.#readingThread());
    }
  }

  #endReader(): void {
    void this.#reader?.worker.terminate();
    this.#reader = undefined;
  }

  /** Has the writer look for itself, and set aside what it cannot read either. Always rejects. */
  async #giveUp({ firstSeq, records, reason }: DamagedRange): Promise<never> {
    const outcome = await this.#callWriter('setAsideDamage', firstSeq, records, reason);
    if (outcome === 'readable') {
      // A passing fault; or the reading thread has something wrong in its memory, so it is begun anew.
      this.#endReader();
      throw new RelayError('JOURNAL_UNREADABLE', `records from ${firstSeq} on could not be read: ${reason}`);
    }
    if (outcome === 'set_aside') this.#events.damaged({ firstSeq, records, reason });
    throw new RelayError('JOURNAL_DAMAGED', `records ${firstSeq} to ${firstSeq + records - 1}: ${reason}`);
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'committed':
        for (const { batch, resolve } of this.#appending.splice(0, message.batches)) {
          this.#nextSeq = endSeq(batch);
          if (batch.records > 0) this.#recent.add(batch);
          else batch.slab.release();
          resolve();
        }
        for (const listener of this.#commitListeners) listener(this.#nextSeq);
        return;
      case 'refused': {
        const error = wireError(message.error);
        for (const { reject } of this.#appending.splice(0, message.batches)) reject(error);
        return;
      }
      case 'reclaimed':
        this.#events.reclaimed(message);
        return;
      case 'full':
        this.#events.full(message.full, message.reason);
        return;
      case 'salvaged':
        // It still has the damaged files open.
        this.#endReader();
        void this.retention.rest();
        this.#events.salvaged(message.report);
        return;
      case 'inconsistent':
        this.#events.inconsistent(message.endpoint, message.detail);
        return;
      case 'ready':
      case 'failed':
      case 'reply':
        return;
    }
  }
}

/** What the reading thread sent, as those take it who deliver it. */
function borrowed(item: SentRead, thread: Thread<ReaderThreadCalls>, borrower: Borrower): Found {
  if (item.kind === 'damaged') return item;
  const { lent, firstSeq, records, absent, datasets, receivedFirstMs, receivedLastMs } = item;
  let held = true;
  return {
    firstSeq,
    records,
    ...(absent === 0 ? {} : { absent }),
    datasets,
    receivedFirstMs,
    receivedLastMs,
    lines: borrower.open(lent),
    release: () => {
      if (held) thread.tell('giveBack', lent.id);
      held = false;
    },
  };
}

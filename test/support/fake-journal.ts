import { RelayError } from '../../relay/errors.ts';
import type {
  Cursor,
  DeadLetter,
  Journal,
  JournalRoom,
  JournalStats,
  Progress,
  RefusedRecord,
} from '../../relay/journal/journal.ts';
import type {
  JobCheckpoint,
  JobWithParts,
  RunCheckpoints,
  StoredJob,
  JobKey,
  PageQuery,
} from '../../relay/journal/runs.ts';
import { endSeq, type Batch, type BuiltBatch } from '../../relay/record/batch.ts';

interface StoredBatch {
  readonly firstSeq: number;
  readonly texts: readonly string[];
  readonly dataset: string;
  readonly receivedMs: number;
  damaged: boolean;
}

interface Appending {
  readonly batch: BuiltBatch;
  readonly urgent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Books {
  seq: number;
  startSeq: number;
  delivered: number;
  filtered: number;
  gone: number;
  readonly letters: DeadLetter[];
}

/** The journal's contract over an array. Counts reads and holds, and throws where an endpoint's books do not add up. */
export class FakeJournal implements Journal {
  readonly identity = { node: 'testnd', relayId: '4b1ff7a2-5a9e-4d0f-9f1e-0c8d7a6b5e4f', bootSeconds: 1 };
  nextSeq = 1;
  reads = 0;
  /** Batches handed out and not released yet. */
  held = 0;
  readonly advances: Progress[] = [];
  readonly failures: Error[] = [];
  readonly #batches: StoredBatch[] = [];
  readonly #books = new Map<string, Books>();
  readonly #listeners = new Set<(endSeq: number) => void>();
  readonly #purged = new Set<number>();
  readonly #purgeListeners = new Set<(seqs: readonly number[]) => void>();
  readonly #nowMs: () => number;
  #letterId = 0;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  /** Adds a batch of records whose messages are `texts`, as a commit would. */
  add(texts: readonly string[], dataset = 'syslog'): void {
    const receivedMs = this.#nowMs();
    this.#batches.push({ firstSeq: this.nextSeq, texts, dataset, receivedMs, damaged: false });
    this.nextSeq += texts.length;
    for (const listener of this.#listeners) listener(this.nextSeq);
  }

  /** Takes away the batch that begins at a place, as quota or a purge would. */
  remove(firstSeq: number): void {
    const at = this.#batches.findIndex((batch) => batch.firstSeq === firstSeq);
    this.#batches.splice(at, 1);
  }

  damage(firstSeq: number): void {
    this.#batches.find((batch) => batch.firstSeq === firstSeq)!.damaged = true;
  }

  books(endpoint: string): Books {
    return this.#books.get(endpoint)!;
  }

  /** Accepted = delivered + filtered + dead letters + gone + backlog, for one endpoint. */
  expectBalanced(endpoint: string): void {
    const { seq, startSeq, delivered, filtered, gone, letters } = this.books(endpoint);
    if (seq - startSeq !== delivered + filtered + gone + letters.length)
      throw new Error(`books of ${endpoint}: ${JSON.stringify(this.books(endpoint))}`);
  }

  /** What `append` was given and has not answered, in order. */
  readonly appending: Appending[] = [];
  /** Lines committed by `append`, and the batches that they came in. */
  readonly lines: string[] = [];
  readonly committed: { readonly firstSeq: number; readonly records: number }[] = [];
  readonly keys: string[] = [];
  /** True: `append` answers when `commit` or `refuse` is called only. */
  byHand = false;

  append(batch: BuiltBatch, urgent = false): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.appending.push({ batch, urgent, resolve, reject });
    if (!this.byHand) this.commit();
    return promise;
  }

  /** Commits what waits, up to `batches` of it; never a request whose end is not there yet. */
  commit(batches = this.appending.length): void {
    let whole = Math.min(batches, this.appending.length);
    while (whole > 0 && this.appending[whole - 1]!.batch.continues) whole--;
    for (const { batch, resolve, reject } of this.appending.splice(0, whole)) {
      if (batch.firstSeq !== this.nextSeq) {
        reject(
          new RelayError('JOURNAL_WRITE_FAILED', `${batch.firstSeq} was offered where ${this.nextSeq} comes next`),
        );
        continue;
      }
      this.nextSeq = endSeq(batch);
      this.committed.push({ firstSeq: batch.firstSeq, records: batch.records });
      this.keys.push(...batch.receipts.map(({ key }) => key));
      this.lines.push(...batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1));
      batch.slab.release();
      resolve();
    }
  }

  /** Answers all that waits with a failure, as a group that could not be committed. */
  refuse(error = new RelayError('JOURNAL_FULL', 'the journal is at its limit')): void {
    for (const { reject } of this.appending.splice(0)) reject(error);
  }

  passOver(fromSeq: number): number {
    return fromSeq;
  }

  async read(fromSeq: number): Promise<Batch | undefined> {
    this.reads++;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const found = this.#batches.find((batch) => batch.firstSeq + batch.texts.length > fromSeq);
    if (found === undefined) return undefined;
    if (found.damaged) {
      this.remove(found.firstSeq);
      throw new RelayError('JOURNAL_DAMAGED', 'its content does not have its hash');
    }
    this.held++;
    let released = false;
    const isAbsent = found.texts.map((_, i) => this.#purged.has(found.firstSeq + i));
    const lines = Buffer.from(
      found.texts.map((text, i) => (isAbsent[i] === true ? '\n' : lineOf(text, found.dataset))).join(''),
    );
    const absent = isAbsent.filter(Boolean).length;
    return {
      firstSeq: found.firstSeq,
      records: found.texts.length,
      ...(absent === 0 ? {} : { absent }),
      lines,
      datasets: { [found.dataset]: found.texts.length },
      receivedFirstMs: found.receivedMs,
      receivedLastMs: found.receivedMs,
      release: () => {
        if (released) throw new Error('a batch was released twice');
        released = true;
        this.held--;
        // Whoever looks at the bytes after this must notice.
        lines.fill(0x21);
      },
    };
  }

  onCommit(listener: (endSeq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onPurge(listener: (seqs: readonly number[]) => void): () => void {
    this.#purgeListeners.add(listener);
    return () => this.#purgeListeners.delete(listener);
  }

  /** Empties the places of some records, and tells of it. */
  purge(seqs: readonly number[]): void {
    for (const seq of seqs) this.#purged.add(seq);
    for (const listener of this.#purgeListeners) listener(seqs);
  }

  async openCursor(endpoint: string, startAt: 'first' | 'end'): Promise<Cursor> {
    const seq = startAt === 'first' ? (this.#batches[0]?.firstSeq ?? this.nextSeq) : this.nextSeq;
    if (!this.#books.has(endpoint))
      this.#books.set(endpoint, { seq, startSeq: seq, delivered: 0, filtered: 0, gone: 0, letters: [] });
    return this.#cursor(endpoint);
  }

  advance(endpoint: string, progress: Progress): void {
    const books = this.books(endpoint);
    const { fromSeq, toSeq, delivered, filtered, refused, purged = 0 } = progress;
    if (toSeq - fromSeq !== delivered + filtered + refused.length + purged || fromSeq < books.seq)
      throw new Error(`progress ${JSON.stringify(progress)} does not fit ${JSON.stringify(books)}`);
    this.advances.push(progress);
    books.gone += fromSeq - books.seq + purged;
    books.seq = toSeq;
    books.delivered += delivered;
    books.filtered += filtered;
    for (const letter of refused) books.letters.push(this.#letter(endpoint, letter));
  }

  async removeCursor(endpoint: string): Promise<void> {
    this.#books.delete(endpoint);
  }

  async cursors(): Promise<Cursor[]> {
    return [...this.#books.keys()].map((endpoint) => this.#cursor(endpoint));
  }

  readonly ends = new Map<string, number>();

  async cursorEnd(endpoint: string, change: 'set' | 'clear'): Promise<number | undefined> {
    if (change === 'clear') this.ends.delete(endpoint);
    else if (!this.ends.has(endpoint)) this.ends.set(endpoint, this.nextSeq);
    return this.ends.get(endpoint);
  }

  async deadLetters(endpoint: string, limit: number): Promise<DeadLetter[]> {
    return this.books(endpoint).letters.slice(0, limit);
  }

  async discardDeadLetters(
    endpoint: string,
    ids: readonly number[],
    outcome: 'redelivered' | 'discarded',
  ): Promise<number> {
    const books = this.books(endpoint);
    const before = books.letters.length;
    const kept = books.letters.filter(({ id }) => !ids.includes(id));
    books.letters.splice(0, before, ...kept);
    const removed = before - kept.length;
    if (outcome === 'redelivered') books.delivered += removed;
    else books.gone += removed;
    return removed;
  }

  async receipts(): Promise<string[]> {
    return this.keys;
  }

  async readOne(): Promise<undefined> {}

  async streamPlaces(): Promise<number[]> {
    return [];
  }

  async jobs(): Promise<StoredJob[]> {
    return [];
  }

  async job(): Promise<JobWithParts | undefined> {
    return undefined;
  }

  async jobCheckpoint(_key: JobKey): Promise<JobCheckpoint | undefined> {
    return undefined;
  }

  async pageCheckpoint(_query: PageQuery): Promise<JobCheckpoint | undefined> {
    return undefined;
  }

  async runCheckpoints(): Promise<RunCheckpoints> {
    return { jobs: [], workerLogs: [] };
  }

  room(): Promise<JournalRoom> {
    return Promise.reject(new Error('no test asks for it'));
  }

  stats(): Promise<JournalStats> {
    return Promise.reject(new Error('no test asks for it'));
  }

  configure(): void {}

  async close(): Promise<void> {}

  #cursor(endpoint: string): Cursor {
    const { seq, startSeq, delivered, filtered, gone, letters } = this.books(endpoint);
    return {
      endpoint,
      seq,
      startSeq,
      delivered,
      filtered,
      deadLettered: letters.length,
      dropped: gone,
      purged: 0,
      backlogRecords: this.#batches.reduce(
        (sum, batch) =>
          sum + Math.max(0, endSeq({ ...batch, records: batch.texts.length }) - Math.max(seq, batch.firstSeq)),
        0,
      ),
      backlogBytes: 0,
      oldestReceivedMs: undefined,
    };
  }

  #letter(endpoint: string, { seq, code, reason, line }: RefusedRecord): DeadLetter {
    this.#letterId++;
    return { id: this.#letterId, endpoint, seq, atMs: 0, code, reason, line: Buffer.from(line).toString() };
  }
}

function lineOf(message: string, dataset: string): string {
  return `${JSON.stringify({ event: { dataset }, message })}\n`;
}

/** The messages of a delivery or a batch. */
export function messagesOf({ lines }: { lines: Buffer }): string[] {
  return lines
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { message: string }).message);
}

/** `r1`, `r2` … */
export function numbered(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `r${from + i}`);
}

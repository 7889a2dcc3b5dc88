import type { Accepted } from '../component/input.ts';
import { RelayError } from '../errors.ts';
import { sleep, type Clock, type Timer } from '../io/clock.ts';
import type { Journal } from '../journal/journal.ts';
import type { BuiltBatch } from '../record/batch.ts';
import type { BatchFilter } from '../record/batch-filter.ts';
import { BatchBuilder } from '../record/batch-builder.ts';
import { eventIdPrefix } from '../record/event-id.ts';
import { fragment, sourceOf } from '../record/line-writer.ts';
import type { Dataset, Recorder } from '../record/recorder.ts';
import { SlabPool } from '../record/slab.ts';
import { Receipts } from './receipts.ts';

export interface AcceptorOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly batchBytesMax: number;
  /** What may be on its way to the journal, in bytes, before requests are refused. Inputs that give no answer wait earlier. */
  readonly inFlightBytesMax: number;
  /** How long records may wait for others to be committed with them. */
  readonly commitDelayMsMax: number;
  readonly receiptsWindowMs: number;
  /** How long `accept` waits while the journal takes nothing, before it refuses. */
  readonly patienceMs: number;
}

/** A batch is built in a slab of its own size and so much more: room for the record that fills it. */
const SLAB_ROOM_BYTES = 131_072;
/** Slabs kept for re-use: enough for all that may be on its way and for what the journal keeps in memory, so that none is made anew. */
const SLABS_IDLE_MAX = 128;
const RECEIPTS_MAX = 200_000;
/**
 * What may be on its way to the journal before inputs wait that give no answer: their senders take what we have read for delivered, so
 * this much is lost where the process is killed. It is enough to keep the journal busy while one commit is under way.
 */
const UNANSWERED_BYTES_MAX = 8 * 1_048_576;
/** After the journal refused a batch it is offered again at this interval. */
const RETRY_INTERVAL_MS = 500;
/** Where this many records came during one commit, waiting for more, up to so many bytes, makes better batches than it costs. */
const BUSY_RECORDS = 32;
const BUSY_BYTES = 65_536;

/** The members of a record beside its text and time; those of `event` come beside the ones that every record has. */
export interface NoteFields {
  readonly event?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: RelayError) => void;
  /** The records up to here must be durable. */
  readonly endSeq: number;
  readonly deadlineMs: number;
}

/**
 * Takes records from the inputs into the journal. While one commit is under way, records gather; the next commit takes them all. So
 * a lone record is committed at once, and a flood in large batches.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #builder: BatchBuilder;
  readonly #receipts = new Receipts(RECEIPTS_MAX);
  /** Keyed requests whose records are not durable yet. */
  readonly #underWay = new Map<string, { readonly endSeq: number; readonly records: number }>();
  readonly #pending: Pending[] = [];
  /** Whom to tell when changes are durable. */
  readonly #derived = new Map<object, () => void>();
  /** Sealed batches that the journal has not confirmed, in order. */
  readonly #sealed: BuiltBatch[] = [];
  #posted = 0;
  #unanswered = 0;
  #inFlightBytes = 0;
  #recordsAtSeal = 0;
  #gatherTimer: Timer | undefined;
  #flushDue = false;
  #refusal: RelayError | undefined;
  #strained = false;
  #retryTimer: Timer | undefined;
  #relief: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #durableSeq: number;
  readonly #timers: Timer[] = [];

  constructor(options: AcceptorOptions) {
    this.#options = options;
    const { journal, clock } = options;
    this.#durableSeq = journal.nextSeq;
    this.#builder = new BatchBuilder({
      pool: new SlabPool({ slabBytes: options.batchBytesMax + SLAB_ROOM_BYTES, idleMax: SLABS_IDLE_MAX }),
      idPrefix: eventIdPrefix(journal.identity.node, journal.identity.bootSeconds),
      firstSeq: journal.nextSeq,
      bytesMax: options.batchBytesMax,
      nowMs: () => clock.nowMs(),
      onSealed: (batch) => this.#send(batch),
    });
    this.#timers.push(
      clock.every(options.receiptsWindowMs, () => this.#receipts.rotate()),
      clock.every(1_000, () => this.#losePatience()),
    );
  }

  /** Loads the keys of requests accepted before the last stop. To be awaited before the first input starts. */
  async open(): Promise<void> {
    for (const key of await this.#options.journal.receipts()) this.#receipts.add(key);
  }

  get recorder(): Recorder {
    return this.#builder;
  }

  /** What every batch goes through on its way into the journal, from the next one on. */
  set filter(filter: BatchFilter | undefined) {
    this.#builder.filter = filter;
  }

  /** True while inputs that get no answer should wait. */
  get congested(): boolean {
    const bytesMax = Math.min(this.#options.inFlightBytesMax, UNANSWERED_BYTES_MAX);
    return this.#inFlightBytes >= bytesMax || this.#refusal !== undefined || this.#crowded;
  }

  /** True where something waits already while there was no room a moment ago: what is let in then may go before room is made for it. */
  get #crowded(): boolean {
    return this.#strained && this.#inFlightBytes > 0;
  }

  /** Why the journal takes nothing at present. */
  get refusal(): RelayError | undefined {
    return this.#refusal;
  }

  /** True from a refusal on until the journal takes again what senders bring. */
  get strained(): boolean {
    return this.#strained;
  }

  /** Records that are not durable yet. */
  get recordsInFlight(): number {
    return this.#builder.nextSeq - this.#durableSeq;
  }

  relieved(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    this.#relief ??= Promise.withResolvers<void>();
    return this.#relief.promise;
  }

  /** See `InputContext.accept`. */
  async accept(write: () => number, key: string | undefined, onRepeat: () => void): Promise<Accepted> {
    if (key !== undefined) {
      const known = this.#known(key);
      if (known !== undefined) {
        onRepeat();
        return known;
      }
    }
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#inFlightBytes >= this.#options.inFlightBytesMax || this.#crowded)
      throw new RelayError('JOURNAL_FULL', 'the journal is busy; too much waits to be committed');
    const records = this.#request(write, key);
    if (records === 0) return { records, repeat: false };
    const endSeq = this.#builder.nextSeq;
    if (key !== undefined) this.#underWay.set(key, { endSeq, records });
    this.flush();
    await this.#durable(endSeq);
    return { records, repeat: false };
  }

  #request(write: () => number, key: string | undefined): number {
    let records = 0;
    this.#builder.touch();
    this.#builder.beginRequest();
    try {
      records = write();
    } finally {
      this.#builder.endRequest(records > 0 ? key : undefined);
    }
    return records;
  }

  /**
   * Writes what the relay itself makes of its records, together with changes of the journal's tables, in one transaction. Runs `write` in
   * one piece, and gives it the place of the first record that it will write. Resolves when all of it is durable, however long that takes.
   * It waits for no room: lines of jobs free more than they take, so a full journal would stay full without them. To be called again
   * only after it resolved.
   */
  async derive(write: (recorder: Recorder, firstSeq: number) => object): Promise<void> {
    this.#builder.touch();
    this.#builder.beginRequest();
    let changes: object | undefined;
    try {
      changes = write(this.#builder, this.#builder.nextSeq);
    } finally {
      this.#builder.endRequest(undefined, changes);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#derived.set(changes, resolve);
    // While the journal refuses nothing is sealed by itself.
    if (this.#refusal === undefined) this.flush();
    else {
      this.#builder.seal();
      if (this.#unanswered === 0) this.#post();
    }
    await promise;
  }

  /** Has what was recorded committed soon: at once where no commit is under way, else with the next one. */
  flush(): void {
    if (this.#gatherTimer !== undefined && this.#builder.openBytes >= BUSY_BYTES) {
      this.#gatherTimer.cancel();
      this.#gatherTimer = undefined;
    }
    if (this.#sealed.length > 0 || this.#gatherTimer !== undefined || this.#flushDue) return;
    // What the event loop has at hand from other connections comes along.
    this.#flushDue = true;
    this.#options.clock.soon(() => {
      this.#flushDue = false;
      if (this.#sealed.length === 0 && this.#gatherTimer === undefined) this.#builder.seal();
    });
  }

  /** Writes a record of the relay's own into the stream, such as a gap, and returns its place. What it brings must be JSON-safe. */
  note(dataset: Dataset, message: string, { event = {}, ...fields }: NoteFields): number {
    const text = sourceOf(Buffer.from(message));
    const head = fragment(`${members(event)}},"@timestamp":"`);
    const extra = fragment(members(fields));
    this.#builder.touch();
    const writer = this.#builder.open(dataset, text.bytes.length + head.bytes.length + extra.bytes.length);
    const seq = this.#builder.nextSeq;
    writer.raw(head);
    writer.raw(this.#builder.nowText);
    writer.raw(fragment('","message":"'));
    writer.text(text, 0, text.bytes.length);
    writer.byte(0x22);
    writer.raw(extra);
    this.#builder.close(this.#builder.nowMs);
    this.flush();
    return seq;
  }

  /** Resolves when the records before a place are durable; rejects where that takes longer than a sender should wait. */
  durable(endSeq: number): Promise<void> {
    return this.#durable(endSeq);
  }

  /** Waits until everything recorded is durable, or `deadlineMs` has passed. Returns what was not durable by then. */
  async drain(deadlineMs: number): Promise<number> {
    this.#gatherTimer?.cancel();
    this.#gatherTimer = undefined;
    this.#builder.seal();
    const end = this.#builder.nextSeq;
    if (end > this.#durableSeq) {
      const enough = new AbortController();
      await Promise.race([
        this.#durable(end).catch(() => undefined),
        sleep(this.#options.clock, deadlineMs, enough.signal),
      ]);
      enough.abort();
    }
    for (const timer of this.#timers) timer.cancel();
    this.#retryTimer?.cancel();
    return end - this.#durableSeq;
  }

  #known(key: string): Promise<Accepted> | undefined {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined)
      return this.#durable(underWay.endSeq).then(() => ({ records: underWay.records, repeat: true }));
    return this.#receipts.has(key) ? Promise.resolve({ records: 0, repeat: true }) : undefined;
  }

  /** Resolves when the records before `endSeq` are durable; rejects when that takes longer than a sender should wait. */
  #durable(endSeq: number): Promise<void> {
    if (endSeq <= this.#durableSeq) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#options.clock.monotonicMs() + this.#options.patienceMs;
      // In the order of the records; only a repeat of an earlier request is not the last.
      let at = this.#pending.length;
      while (at > 0 && this.#pending[at - 1]!.endSeq > endSeq) at--;
      this.#pending.splice(at, 0, { resolve, reject, endSeq, deadlineMs });
    });
  }

  #send(batch: BuiltBatch): void {
    this.#sealed.push(batch);
    this.#inFlightBytes += batch.bytes;
    this.#recordsAtSeal = this.#builder.nextSeq;
    if (this.#refusal === undefined) this.#post();
  }

  #post(): void {
    const urgent = this.#sealed.some(({ changes }) => changes.length > 0);
    while (this.#posted < this.#sealed.length) {
      const batch = this.#sealed[this.#posted]!;
      this.#posted++;
      this.#unanswered++;
      this.#options.journal.append(batch, urgent).then(
        () => this.#committed(batch, urgent),
        (error: unknown) => this.#refused(batch, error),
      );
    }
  }

  #committed(batch: BuiltBatch, urgent: boolean): void {
    this.#unanswered--;
    if (!urgent) {
      this.#strained = false;
      this.#refusal = undefined;
    }
    this.#sealed.shift();
    this.#posted--;
    this.#inFlightBytes -= batch.bytes;
    this.#durableSeq = batch.firstSeq + batch.records;
    for (const { key } of batch.receipts) {
      this.#underWay.delete(key);
      this.#receipts.add(key);
    }
    for (const changes of batch.changes) {
      this.#derived.get(changes)?.();
      this.#derived.delete(changes);
    }
    while (this.#pending.length > 0 && this.#pending[0]!.endSeq <= this.#durableSeq) this.#pending.shift()!.resolve();
    if (this.#refusal !== undefined) return this.#retryLater();
    this.#relieve();
    // What was sealed while the journal took nothing has not been offered yet.
    this.#post();
    if (this.#sealed.length === 0) this.#continue();
  }

  #relieve(): void {
    if (this.congested || this.#relief === undefined) return;
    this.#relief.resolve();
    this.#relief = undefined;
  }

  #retryLater(): void {
    this.#retryTimer ??= this.#options.clock.after(RETRY_INTERVAL_MS, () => {
      this.#retryTimer = undefined;
      if (this.#sealed.length > 0) return this.#post();
      // Lines of jobs took with them what was waiting. What comes next shows whether there is room for it.
      this.#refusal = undefined;
      this.#relieve();
      this.#continue();
    });
  }

  /** The journal is idle again: what gathered meanwhile is next, now or, in a flood, in a moment. */
  #continue(): void {
    const gathered = this.#builder.nextSeq - this.#recordsAtSeal;
    if (gathered === 0 && this.#builder.isEmpty) return;
    const delayMs = this.#options.commitDelayMsMax;
    if (gathered < BUSY_RECORDS || this.#builder.openBytes >= BUSY_BYTES || delayMs === 0) {
      this.#builder.seal();
      return;
    }
    this.#gatherTimer = this.#options.clock.after(delayMs, () => {
      this.#gatherTimer = undefined;
      this.#builder.seal();
    });
  }

  #refused(batch: BuiltBatch, error: unknown): void {
    this.#unanswered--;
    const refusal =
      error instanceof RelayError
        ? error
        : new RelayError('JOURNAL_WRITE_FAILED', 'the journal failed', { cause: error });
    this.#strained = true;
    // The first of those posted says why; the others are refused because it was.
    if (batch === this.#sealed[0] || this.#refusal === undefined) this.#refusal = refusal;
    // All that was posted after the first refused batch is refused too; then it is offered again, in the same order.
    if (this.#unanswered > 0 || this.#refusal.disposition === 'stop') return;
    this.#posted = 0;
    this.#retryLater();
  }

  /** Tells senders that have waited long enough to come back later. Their records stay, and are committed when that is possible. */
  #losePatience(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const late of this.#pending.filter((pending) => pending.deadlineMs <= nowMs)) {
      this.#pending.splice(this.#pending.indexOf(late), 1);
      late.reject(this.#refusal ?? new RelayError('JOURNAL_FULL', 'the journal did not commit in time'));
    }
  }
}

/** The members of an object as they follow others: each with a comma before it. */
function members(fields: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify(fields).slice(1, -1);
  return json === '' ? '' : `,${json}`;
}

import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Progress } from '../journal.ts';
import { contentHash, nextLink } from './chain.ts';
import { encodePayload } from './codec.ts';
import type { Sqlite, Statement } from './database.ts';
import type { WireBatch } from './messages.ts';
import { Gaps } from './gaps.ts';
import { readHead } from './head.ts';
import { TailMerger } from './tail-merger.ts';

/** Batches of fewer bytes are hashed by their lines, so that they can be merged later without breaking the chain. */
const SMALL_BATCH_BYTES = 65_536;
/** Stream ids kept in memory, so that most batches need no look-up. */
const STREAM_IDS_MAX = 50_000;

export interface StoreOptions {
  readonly clock: Clock;
  readonly compressionLevel: number;
  readonly receiptsWindowMs: number;
}

/**
 * The writing side of the journal: every change of its tables is a method here. Synchronous, for the thread that owns the
 * connection. Methods that write expect an open transaction, except where they say otherwise.
 */
export class Store {
  readonly database: Sqlite;
  readonly #options: StoreOptions;
  readonly #merger: TailMerger;
  readonly #gaps: Gaps;
  readonly #streamIds = new Map<string, number>();
  /** The memory of the slabs that have been seen, by their ids. */
  readonly #slabs = new Map<number, SharedArrayBuffer>();
  #nextSeq: number;
  #chainHead: Buffer;

  readonly #insertBatch: Statement;
  readonly #insertStream: Statement;
  readonly #selectStream: Statement;
  readonly #insertBatchStream: Statement;
  readonly #insertReceipt: Statement;
  readonly #advanceCursor: Statement;
  readonly #selectCursor: Statement;
  readonly #insertDeadLetter: Statement;

  constructor(database: Sqlite, options: StoreOptions) {
    this.database = database;
    this.#options = options;
    this.#insertBatch = database.prepare(
      `INSERT INTO batch (first_seq, records, line_bytes, payload_bytes, received_first_ms, received_last_ms, event_first_ms,
         event_last_ms, transient, datasets, streams, streams_cut, encoding, hash_of, payload_hash, chain_hash, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertStream = database.prepare('INSERT INTO stream (name) VALUES (?)');
    this.#selectStream = database.prepare('SELECT id FROM stream WHERE name = ?').pluck();
    this.#insertBatchStream = database.prepare(
      'INSERT OR IGNORE INTO batch_stream (stream_id, first_seq) VALUES (?, ?)',
    );
    this.#insertReceipt = database.prepare('INSERT OR REPLACE INTO receipt (key, at_ms) VALUES (?, ?)');
    this.#selectCursor = database.prepare('SELECT seq FROM cursor WHERE endpoint = ?');
    this.#advanceCursor = database.prepare(
      `UPDATE cursor SET seq = ?, delivered = delivered + ?, filtered = filtered + ?, dead_lettered = dead_lettered + ?,
         dropped = dropped + ?, purged = purged + ? WHERE endpoint = ?`,
    );
    this.#insertDeadLetter = database.prepare(
      'INSERT OR IGNORE INTO dead_letter (endpoint, seq, at_ms, code, reason, line) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#gaps = new Gaps(database, options.clock);
    this.#merger = new TailMerger(database, options.compressionLevel, (firstSeq, streams) =>
      this.#indexStreams(firstSeq, streams),
    );
    ({ nextSeq: this.#nextSeq, link: this.#chainHead } = readHead(this.database));
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get chainHead(): Buffer {
    return this.#chainHead;
  }

  /** Inserts batches that follow the last one without a gap. `commit` or `rollBack` must follow. */
  append(batches: readonly WireBatch[]): void {
    let seq = this.#nextSeq;
    let link = this.#chainHead;
    for (const batch of batches) {
      if (batch.firstSeq !== seq)
        throw new RelayError('JOURNAL_WRITE_FAILED', `batch ${batch.firstSeq} was offered where ${seq} comes next`);
      link = this.#insert(batch, link);
      seq += batch.records;
      for (const key of batch.receipts) this.#insertReceipt.run(key, this.#options.clock.nowMs());
    }
    this.#nextSeq = seq;
    this.#chainHead = link;
  }

  #insert(batch: WireBatch, previous: Buffer): Buffer {
    if (batch.records === 0) return previous;
    const lines = this.#linesOf(batch);
    const payload = encodePayload(lines, this.#options.compressionLevel);
    const small = batch.bytes < SMALL_BATCH_BYTES;
    const hash = contentHash(small ? lines : payload.bytes);
    const link = nextLink(previous, { firstSeq: batch.firstSeq, records: batch.records, hash });
    this.#insertBatch.run(
      batch.firstSeq,
      batch.records,
      batch.bytes,
      payload.bytes.length,
      batch.receivedFirstMs,
      batch.receivedLastMs,
      batch.eventFirstMs,
      batch.eventLastMs,
      batch.transient ? 1 : 0,
      JSON.stringify(batch.datasets),
      JSON.stringify(batch.streams),
      batch.streamsCut ? 1 : 0,
      payload.encoding,
      small ? 'lines' : 'payload',
      hash,
      link,
      payload.bytes,
    );
    if (!small) this.#indexStreams(batch.firstSeq, batch.streams);
    this.#merger.inserted(batch, small);
    return link;
  }

  #linesOf({ shared, slabId, bytes }: WireBatch): Buffer {
    const memory = shared ?? (slabId === undefined ? undefined : this.#slabs.get(slabId));
    if (memory === undefined) throw new RelayError('JOURNAL_WRITE_FAILED', `slab ${slabId} was never sent here`);
    if (slabId !== undefined) this.#slabs.set(slabId, memory);
    return Buffer.from(memory, 0, bytes);
  }

  #indexStreams(firstSeq: number, streams: readonly string[]): void {
    for (const name of streams) this.#insertBatchStream.run(this.#streamId(name), firstSeq);
  }

  #streamId(name: string): number {
    const known = this.#streamIds.get(name);
    if (known !== undefined) return known;
    const found = this.#selectStream.get(name);
    const id = typeof found === 'number' ? found : Number(this.#insertStream.run(name).lastInsertRowid);
    if (this.#streamIds.size >= STREAM_IDS_MAX) this.#streamIds.clear();
    this.#streamIds.set(name, id);
    return id;
  }

  /**
   * Moves a cursor by what an endpoint took. Where the progress begins after the cursor, what lay between has gone from the journal
   * meanwhile, and is counted by the reason it went for. Returns what is wrong with a progress that does not fit the cursor; such a
   * one changes nothing.
   */
  advance(endpoint: string, progress: Progress): string | undefined {
    const cursor = this.#selectCursor.get(endpoint) as { seq: number } | undefined;
    if (cursor === undefined) return undefined;
    const skipped = progress.fromSeq - cursor.seq;
    const taken = progress.delivered + progress.filtered + progress.refused.length;
    if (skipped < 0 || progress.toSeq - progress.fromSeq !== taken)
      return `${taken} records taken from ${progress.fromSeq} to ${progress.toSeq}, the cursor stands at ${cursor.seq}`;
    const purged = skipped === 0 ? 0 : this.#gaps.recordsBetween(cursor.seq, progress.fromSeq, 'purge');
    const nowMs = this.#options.clock.nowMs();
    for (const refused of progress.refused)
      this.#insertDeadLetter.run(endpoint, refused.seq, nowMs, refused.code, refused.reason, refused.line);
    this.#advanceCursor.run(
      progress.toSeq,
      progress.delivered,
      progress.filtered,
      progress.refused.length,
      skipped - purged,
      purged,
      endpoint,
    );
    return undefined;
  }

  /** After a commit: merges small batches where enough have gathered, in a transaction of its own. True where it did. */
  tidy(force = false): boolean {
    return this.#merger.merge(force);
  }

  get gaps(): Gaps {
    return this.#gaps;
  }

  get wantsTidying(): boolean {
    return this.#merger.due;
  }

  forgetReceipts(): void {
    this.database
      .prepare('DELETE FROM receipt WHERE at_ms < ?')
      .run(this.#options.clock.nowMs() - this.#options.receiptsWindowMs);
  }

  /** Forgets what is only in memory, after a transaction was rolled back. */
  reload(): void {
    this.#streamIds.clear();
    this.#merger.reload();
    ({ nextSeq: this.#nextSeq, link: this.#chainHead } = readHead(this.database));
  }
}

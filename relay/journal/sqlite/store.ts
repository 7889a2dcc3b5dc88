import { RelayError } from '../../errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Progress } from '../journal.ts';
import { BATCH_COLUMNS, columnValues, type BatchRow } from './batch-row.ts';
import { contentHash, nextLink } from './chain.ts';
import { encodePayload } from './codec.ts';
import type { Sqlite, Statement } from './database.ts';
import type { HeldBatch } from './messages.ts';
import { Gaps } from './gaps.ts';
import { readHead } from './head.ts';
import { RunWriter } from './run-tables.ts';
import { StreamIndex } from './stream-index.ts';
import { TailMerger } from './tail-merger.ts';

/** Batches of fewer bytes are hashed by their lines, so that they can be merged later without breaking the chain. */
const SMALL_BATCH_BYTES = 65_536;

export interface StoreOptions {
  readonly clock: Clock;
  readonly compressionLevel: number;
  readonly receiptsWindowMs: number;
}

export interface StoreMark {
  readonly nextSeq: number;
  readonly chainHead: Buffer;
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
  readonly #runs: RunWriter;
  readonly #streams: StreamIndex;
  /** Where the cursors stand, should the file turn out to be unreadable. */
  readonly #cursorSeqs = new Map<string, number>();
  #nextSeq: number;
  #chainHead: Buffer;

  readonly #insertBatch: Statement;
  readonly #insertReceipt: Statement;
  readonly #advanceCursor: Statement;
  readonly #selectCursor: Statement;
  readonly #insertDeadLetter: Statement;

  constructor(database: Sqlite, options: StoreOptions) {
    this.database = database;
    this.#options = options;
    this.#insertBatch = database.prepare(
      `INSERT INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`,
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
    this.#runs = new RunWriter(database);
    this.#streams = new StreamIndex(database);
    this.#merger = new TailMerger(database, options.compressionLevel, (firstSeq, streams) =>
      this.#streams.enter(firstSeq, streams),
    );
    ({ nextSeq: this.#nextSeq, link: this.#chainHead } = readHead(this.database));
    this.rememberCursors();
  }

  get cursorSeqs(): ReadonlyMap<string, number> {
    return this.#cursorSeqs;
  }

  /** To be called after cursors were made or removed. */
  rememberCursors(): void {
    this.#cursorSeqs.clear();
    const rows = this.database.prepare('SELECT endpoint, seq FROM cursor').all() as { endpoint: string; seq: number }[];
    for (const { endpoint, seq } of rows) this.#cursorSeqs.set(endpoint, seq);
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get chainHead(): Buffer {
    return this.#chainHead;
  }

  /** Inserts batches that follow the last one without a gap. */
  append(batches: readonly HeldBatch[]): void {
    let seq = this.#nextSeq;
    let link = this.#chainHead;
    for (const batch of batches) {
      if (batch.firstSeq !== seq)
        throw new RelayError('JOURNAL_WRITE_FAILED', `batch ${batch.firstSeq} was offered where ${seq} comes next`);
      link = this.#insert(batch, link);
      seq += batch.records;
      for (const key of batch.receipts) this.#insertReceipt.run(key, this.#options.clock.nowMs());
      for (const changes of batch.changes) this.#runs.write(changes);
    }
    this.#streams.catchUp(seq);
    this.#nextSeq = seq;
    this.#chainHead = link;
  }

  #insert(batch: HeldBatch, previous: Buffer): Buffer {
    if (batch.records === 0) return previous;
    const lines = Buffer.from(batch.shared, 0, batch.bytes);
    const payload = encodePayload(lines, this.#options.compressionLevel);
    const small = batch.bytes < SMALL_BATCH_BYTES;
    const hash = contentHash(small ? lines : payload.bytes);
    const link = nextLink(previous, { firstSeq: batch.firstSeq, records: batch.records, hash });
    const row = {
      first_seq: batch.firstSeq,
      records: batch.records,
      line_bytes: batch.bytes,
      payload_bytes: payload.bytes.length,
      received_first_ms: batch.receivedFirstMs,
      received_last_ms: batch.receivedLastMs,
      event_first_ms: batch.eventFirstMs,
      event_last_ms: batch.eventLastMs,
      transient: batch.transient ? 1 : 0,
      datasets: JSON.stringify(batch.datasets),
      streams: JSON.stringify(batch.streams),
      streams_cut: batch.streamsCut ? 1 : 0,
      encoding: payload.encoding,
      hash_of: small ? 'lines' : 'payload',
      members: null,
      payload_hash: hash,
      chain_hash: link,
    };
    this.#insertBatch.run(...columnValues(row, payload.bytes));
    this.#streams.inserted(small);
    this.#merger.inserted(batch, small);
    return link;
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
    const absent = progress.purged ?? 0;
    const taken = progress.delivered + progress.filtered + progress.refused.length + absent;
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
      purged + absent,
      endpoint,
    );
    this.#cursorSeqs.set(endpoint, progress.toSeq);
    return undefined;
  }

  /** Merges small batches where enough have gathered. True where it did. */
  tidy(force = false): boolean {
    return this.#merger.merge(force);
  }

  get gaps(): Gaps {
    return this.#gaps;
  }

  get wantsTidying(): boolean {
    return this.#merger.due;
  }

  /** Takes a damaged batch out, and keeps its payload apart. Returns how many records it should have held. */
  setAside(row: BatchRow, reason: string): number {
    this.database
      .prepare('INSERT OR REPLACE INTO damaged (first_seq, records, at_ms, reason, payload) VALUES (?, ?, ?, ?, ?)')
      .run(row.first_seq, row.records, this.#options.clock.nowMs(), reason, row.payload);
    // Its own count cannot be believed, if it is that what is damaged.
    const end = this.database
      .prepare(
        `SELECT coalesce(min(first_seq), ?) FROM (SELECT min(first_seq) AS first_seq FROM batch NOT INDEXED WHERE first_seq > ?
         UNION ALL SELECT min(first_seq) FROM gap WHERE first_seq > ?)`,
      )
      .pluck()
      .get(this.#nextSeq, row.first_seq, row.first_seq);
    const records = Number(end) - row.first_seq;
    this.#gaps.removeDamaged({ ...row, records });
    return records;
  }

  forgetReceipts(): void {
    this.database
      .prepare('DELETE FROM receipt WHERE at_ms < ?')
      .run(this.#options.clock.nowMs() - this.#options.receiptsWindowMs);
  }

  /** To be called where names of streams were removed. */
  forgetStreamIds(): void {
    this.#streams.forgetNames();
  }

  /** What only memory knows of the journal's end: to be kept before a transaction, and given to `restore` where it fails. */
  mark(): StoreMark {
    return { nextSeq: this.#nextSeq, chainHead: this.#chainHead };
  }

  /** Makes memory what it was before a transaction that was rolled back. */
  restore(mark: StoreMark): void {
    ({ nextSeq: this.#nextSeq, chainHead: this.#chainHead } = mark);
    this.#streams.reload();
    this.#merger.reload();
  }
}

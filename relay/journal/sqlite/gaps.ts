import type { Clock } from '../../io/clock.ts';
import { CHAIN_START } from './chain.ts';
import type { Sqlite, Statement } from './database.ts';

/** Why records went from the journal. */
export type GapReason = 'transient' | 'quota' | 'purge' | 'damaged';

interface BatchRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly chain_hash: Buffer;
}

/** Takes batches out of the journal and leaves a mark where they stood: how many records, why, and the chain before and after. */
export class Gaps {
  readonly #clock: Clock;
  readonly #selectPrevious: Statement;
  readonly #insert: Statement;
  readonly #extend: Statement;
  readonly #deleteBatch: Statement;
  readonly #deleteStreams: Statement;
  readonly #between: Statement;

  constructor(database: Sqlite, clock: Clock) {
    this.#clock = clock;
    this.#selectPrevious = database.prepare(
      `SELECT first_seq, records, chain_hash AS link, NULL AS reason FROM
         (SELECT first_seq, records, chain_hash FROM batch WHERE first_seq < ? ORDER BY first_seq DESC LIMIT 1)
       UNION ALL
       SELECT first_seq, records, chain_after AS link, reason FROM
         (SELECT first_seq, records, chain_after, reason FROM gap WHERE first_seq < ? ORDER BY first_seq DESC LIMIT 1)
       ORDER BY first_seq DESC LIMIT 1`,
    );
    this.#insert = database.prepare(
      'INSERT INTO gap (first_seq, records, line_bytes, reason, at_ms, chain_before, chain_after) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#extend = database.prepare(
      'UPDATE gap SET records = records + ?, line_bytes = line_bytes + ?, at_ms = ?, chain_after = ? WHERE first_seq = ?',
    );
    this.#deleteBatch = database.prepare('DELETE FROM batch WHERE first_seq = ?');
    this.#deleteStreams = database.prepare(
      `DELETE FROM batch_stream WHERE first_seq = @seq AND stream_id IN
         (SELECT id FROM stream WHERE name IN (SELECT value FROM batch, json_each(batch.streams) WHERE batch.first_seq = @seq))`,
    );
    this.#between = database
      .prepare(
        `SELECT coalesce(sum(min(first_seq + records, @to) - max(first_seq, @from)), 0) FROM gap
         WHERE first_seq < @to AND first_seq + records > @from AND reason = @reason`,
      )
      .pluck();
  }

  /** Removes one batch. Within a transaction. */
  remove(batch: BatchRow, reason: GapReason): void {
    const previous = this.#selectPrevious.get(batch.first_seq, batch.first_seq) as
      { first_seq: number; records: number; link: Buffer; reason: string | null } | undefined;
    const adjacent = previous !== undefined && previous.first_seq + previous.records === batch.first_seq;
    const before = adjacent ? previous.link : CHAIN_START;
    const nowMs = this.#clock.nowMs();
    // Neighbouring gaps for one reason become one, so that this table stays small however much goes.
    if (adjacent && previous.reason === reason)
      this.#extend.run(batch.records, batch.line_bytes, nowMs, batch.chain_hash, previous.first_seq);
    else this.#insert.run(batch.first_seq, batch.records, batch.line_bytes, reason, nowMs, before, batch.chain_hash);
    this.#deleteStreams.run({ seq: batch.first_seq });
    this.#deleteBatch.run(batch.first_seq);
  }

  /** Records gone for a reason between two places. */
  recordsBetween(fromSeq: number, toSeq: number, reason: GapReason): number {
    return Number(this.#between.get({ from: fromSeq, to: toSeq, reason }));
  }
}

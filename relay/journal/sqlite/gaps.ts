import type { Clock } from '../../io/clock.ts';
import { createHash } from 'node:crypto';
import { CHAIN_START } from './chain.ts';
import type { Sqlite, Statement } from './database.ts';

/** Why records went from the journal. */
export type GapReason = 'transient' | 'quota' | 'purge' | 'damaged';

interface GoneBatch {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly chain_hash: Buffer;
}

/** A row of the table `gap`. */
export interface GapRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly reason: string;
  readonly at_ms: number;
  readonly chain_before: Buffer;
  readonly chain_after: Buffer;
}

/** SHA-256 over all that a gap says, so that an edit of it shows. */
export function gapHash(gap: GapRow): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([gap.first_seq, gap.records, gap.line_bytes, gap.reason, gap.at_ms]))
    .update(gap.chain_before)
    .update(gap.chain_after)
    .digest();
}

/** The link after something that could not be read: nobody knows it. */
const UNKNOWN_LINK = Buffer.alloc(0);

/** Takes batches out of the journal and leaves a mark where they stood: how many records, why, and the chain before and after. */
export class Gaps {
  readonly #clock: Clock;
  readonly #lastBatch: Statement;
  readonly #lastGap: Statement;
  readonly #put: Statement;
  readonly #placesTaken: Statement;
  readonly #deleteBatch: Statement;
  readonly #deleteStreams: Statement;
  readonly #deleteAbsent: Statement;
  readonly #between: Statement;

  constructor(database: Sqlite, clock: Clock) {
    this.#clock = clock;
    this.#lastBatch = database.prepare(
      `SELECT first_seq, records, chain_hash AS link FROM batch NOT INDEXED WHERE first_seq < ? ORDER BY first_seq DESC LIMIT 1`,
    );
    this.#lastGap = database.prepare(
      `SELECT first_seq, records, line_bytes, reason, at_ms, chain_before, chain_after FROM gap
       WHERE first_seq < ? ORDER BY first_seq DESC LIMIT 1`,
    );
    this.#put = database.prepare(
      `INSERT OR REPLACE INTO gap (first_seq, records, line_bytes, reason, at_ms, chain_before, chain_after, gap_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#placesTaken = database.prepare(
      `SELECT first_seq, records FROM batch NOT INDEXED
         WHERE first_seq >= coalesce((SELECT max(first_seq) FROM batch NOT INDEXED WHERE first_seq <= @from), @from)
           AND first_seq < @to AND first_seq + records > @from
       UNION ALL SELECT first_seq, records FROM gap WHERE first_seq < @to AND first_seq + records > @from
       ORDER BY first_seq`,
    );
    this.#deleteBatch = database.prepare('DELETE FROM batch WHERE first_seq = ?');
    this.#deleteStreams = database.prepare(
      `DELETE FROM batch_stream WHERE first_seq = @seq AND stream_id IN
         (SELECT id FROM stream WHERE name IN (SELECT value FROM batch, json_each(batch.streams) WHERE batch.first_seq = @seq))`,
    );
    this.#deleteAbsent = database.prepare('DELETE FROM batch_absent WHERE first_seq = ?');
    this.#between = database
      .prepare(
        `SELECT coalesce(sum(min(first_seq + records, @to) - max(first_seq, @from)), 0) FROM gap
         WHERE first_seq < @to AND first_seq + records > @from AND reason = @reason`,
      )
      .pluck();
  }

  /** Removes one batch. Within a transaction. */
  remove(batch: GoneBatch, reason: GapReason): void {
    this.#mark(batch, reason);
    this.#deleteStreams.run({ seq: batch.first_seq });
    this.#deleteAbsent.run(batch.first_seq);
    this.#deleteBatch.run(batch.first_seq);
  }

  /**
   * Marks as damaged what is neither there nor marked as gone between two places. Returns how many records that are. Within a
   * transaction.
   */
  markMissing(fromSeq: number, toSeq: number): number {
    let missing = 0;
    for (const hole of holes(this.#placesTaken.all({ from: fromSeq, to: toSeq }) as Place[], fromSeq, toSeq)) {
      this.#mark({ ...hole, line_bytes: 0, chain_hash: UNKNOWN_LINK }, 'damaged');
      missing += hole.records;
    }
    return missing;
  }

  /** The chain's value before a place. */
  linkBefore(firstSeq: number): Buffer {
    const batch = this.#lastBatch.get(firstSeq) as { first_seq: number; records: number; link: Buffer } | undefined;
    const gap = this.#lastGap.get(firstSeq) as GapRow | undefined;
    const neighbours = [
      ...(batch === undefined ? [] : [{ end: batch.first_seq + batch.records, link: batch.link }]),
      ...(gap === undefined ? [] : [{ end: gap.first_seq + gap.records, link: gap.chain_after }]),
    ];
    return neighbours.find(({ end }) => end === firstSeq)?.link ?? CHAIN_START;
  }

  #mark(gone: GoneBatch, reason: GapReason): void {
    const gap = this.#lastGap.get(gone.first_seq) as GapRow | undefined;
    const nowMs = this.#clock.nowMs();
    // Neighbouring gaps for one reason become one, so that this table stays small however much goes.
    if (gap !== undefined && gap.reason === reason && gap.first_seq + gap.records === gone.first_seq) {
      const records = gap.records + gone.records;
      const lineBytes = gap.line_bytes + gone.line_bytes;
      this.#write({ ...gap, records, line_bytes: lineBytes, at_ms: nowMs, chain_after: gone.chain_hash });
      return;
    }
    this.#write({
      first_seq: gone.first_seq,
      records: gone.records,
      line_bytes: gone.line_bytes,
      reason,
      at_ms: nowMs,
      chain_before: this.linkBefore(gone.first_seq),
      chain_after: gone.chain_hash,
    });
  }

  #write(gap: GapRow): void {
    const { first_seq, records, line_bytes, reason, at_ms, chain_before, chain_after } = gap;
    this.#put.run(first_seq, records, line_bytes, reason, at_ms, chain_before, chain_after, gapHash(gap));
  }

  /** Removes a batch of which nothing can be believed but its place: not even the link that it had. Within a transaction. */
  removeDamaged(batch: GoneBatch): void {
    this.remove({ ...batch, chain_hash: UNKNOWN_LINK }, 'damaged');
  }

  /** Records gone for a reason between two places. */
  recordsBetween(fromSeq: number, toSeq: number, reason: GapReason): number {
    return Number(this.#between.get({ from: fromSeq, to: toSeq, reason }));
  }
}

/** Some records that follow each other. */
export interface Place {
  readonly first_seq: number;
  readonly records: number;
}

/** What lies between two places and belongs to none of `taken`, which must be in order. */
export function holes(taken: Iterable<Place>, fromSeq: number, toSeq: number): Place[] {
  const found: Place[] = [];
  let seq = fromSeq;
  for (const place of taken) {
    if (place.first_seq > seq) found.push({ first_seq: seq, records: Math.min(place.first_seq, toSeq) - seq });
    seq = Math.max(seq, place.first_seq + place.records);
  }
  if (seq < toSeq) found.push({ first_seq: seq, records: toSeq - seq });
  return found;
}

import { columnValues, BATCH_COLUMNS, type BatchSummaryRow } from '../batch-row.ts';
import type { Sqlite, Statement } from '../database.ts';
import type { Gaps } from '../gaps.ts';
import { nextDigest, type PurgeItem } from './items.ts';
import type { PurgeChange } from './scanner.ts';

const SUMMARY_COLUMNS = BATCH_COLUMNS.replace(', summary_hash, payload', '');

/** Does to the batches what a purge has decided. Methods that write expect an open transaction. */
export class Taker {
  readonly #gaps: Gaps;
  readonly #content: Statement;
  readonly #summary: Statement;
  readonly #replace: Statement;
  readonly #putAbsent: Statement;
  readonly #putItem: Statement;
  readonly #cursors: Statement;
  readonly #putStreams: Statement;
  readonly #putBatchStreams: Statement;

  constructor(database: Sqlite, gaps: Gaps) {
    this.#gaps = gaps;
    this.#content = database.prepare('SELECT payload_hash FROM batch NOT INDEXED WHERE first_seq = ?').pluck();
    this.#summary = database.prepare(`SELECT ${SUMMARY_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?`);
    this.#replace = database.prepare(
      `INSERT OR REPLACE INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`,
    );
    this.#putAbsent = database.prepare('INSERT OR REPLACE INTO batch_absent (first_seq, records) VALUES (?, ?)');
    this.#putItem = database.prepare(
      `INSERT INTO purge_item (first_seq, run_id, records, taken, merged, content_before, content_after, link_before, link_after)
       VALUES (@first_seq, @run_id, @records, @taken, @merged, @content_before, @content_after, @link_before, @link_after)`,
    );
    this.#putStreams = database.prepare('INSERT OR IGNORE INTO stream (name) SELECT value FROM json_each(?)');
    this.#putBatchStreams = database.prepare(
      `INSERT OR IGNORE INTO batch_stream (stream_id, first_seq)
       SELECT id, @seq FROM stream WHERE name IN (SELECT value FROM json_each(@streams))`,
    );
    this.#cursors = database.prepare('SELECT endpoint, seq FROM cursor');
  }

  /** False where a batch is not any more what it was when the change was thought out: merged, reclaimed, or set aside as damaged. */
  stillFits(changes: readonly PurgeChange[]): boolean {
    return changes.every(({ firstSeq, contentBefore }) => {
      const content: unknown = this.#content.get(firstSeq);
      return Buffer.isBuffer(content) && content.equals(contentBefore);
    });
  }

  /** By endpoint: the records among those taken that it has not come to. */
  owed(changes: readonly PurgeChange[]): Record<string, number> {
    const owed = changes.flatMap(({ owedSeqs }) => owedSeqs);
    if (owed.length === 0) return {};
    const cursors = this.#cursors.all() as { endpoint: string; seq: number }[];
    const counts = cursors.map(({ endpoint, seq }) => [endpoint, owed.filter((place) => place >= seq).length] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Returns the digest of the run's items, these among them. */
  take(runId: number, changes: readonly PurgeChange[], digest: Buffer): Buffer {
    let next = digest;
    for (const change of changes) {
      const row = this.#summary.get(change.firstSeq) as BatchSummaryRow;
      const item: PurgeItem = {
        first_seq: row.first_seq,
        run_id: runId,
        records: row.records,
        taken: change.taken,
        merged: row.members === null ? 0 : 1,
        content_before: row.payload_hash,
        content_after: change.rewritten === undefined ? null : Buffer.from(change.rewritten.contentAfter),
        link_before: this.#gaps.linkBefore(row.first_seq),
        link_after: row.chain_hash,
      };
      this.#change(row, change);
      this.#putItem.run(item);
      next = nextDigest(next, item);
    }
    return next;
  }

  #change(row: BatchSummaryRow, { rewritten }: PurgeChange): void {
    if (rewritten === undefined) {
      this.#gaps.remove(row, 'purge');
      return;
    }
    if (row.hash_of === 'lines' && row.members === null) {
      // It would have come into the index when it was merged; that does not happen any more.
      this.#putStreams.run(row.streams);
      this.#putBatchStreams.run({ seq: row.first_seq, streams: row.streams });
    }
    const { payload, encoding, lineBytes, datasets, contentAfter, absent } = rewritten;
    const changed = {
      ...row,
      line_bytes: lineBytes,
      payload_bytes: payload.length,
      datasets,
      encoding,
      // Never merged with its neighbours from now on, and so never hashed by its lines.
      hash_of: 'payload',
      members: null,
      payload_hash: Buffer.from(contentAfter),
    };
    this.#replace.run(...columnValues(changed, payload));
    this.#putAbsent.run(row.first_seq, absent);
  }
}

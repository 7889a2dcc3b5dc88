import type { StreamName } from '../../record/batch.ts';
import type { Sqlite, Statement } from './database.ts';
import { ENTERED_TO_SQL } from './stream-index.ts';

/** Finds the batches that a stream is in, without a look at any payload. */
export class StreamPlaces {
  readonly #find: Statement;
  readonly #before: Statement;

  constructor(database: Sqlite) {
    this.#before = database
      .prepare('SELECT first_seq FROM batch NOT INDEXED WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1')
      .pluck();
    // What the index has; small batches that were never merged and large ones of late, which tell their streams themselves; those with
    // too many to tell.
    this.#find = database
      .prepare(
        `SELECT first_seq FROM batch_stream
         WHERE stream_id = (SELECT id FROM stream WHERE name = @stream) AND first_seq >= @from AND first_seq < @end
         UNION
         SELECT first_seq FROM batch INDEXED BY batch_small
         WHERE hash_of = 'lines' AND members IS NULL AND first_seq >= @from AND first_seq < @end AND instr(streams, @quoted) > 0
         UNION
         SELECT first_seq FROM batch NOT INDEXED
         WHERE first_seq >= max(@from, ${ENTERED_TO_SQL}) AND first_seq < @end AND hash_of = 'payload' AND instr(streams, @quoted) > 0
         UNION
         SELECT first_seq FROM batch INDEXED BY batch_search
         WHERE first_seq >= @from AND first_seq < @end AND streams_cut = 1
         ORDER BY 1 LIMIT @limit`,
      )
      .pluck();
  }

  /** See `Journal.streamPlaces`. */
  find(stream: StreamName, fromSeq: number, endSeq: number, limit: number): number[] {
    const from = Number(this.#before.get(fromSeq) ?? fromSeq);
    const quoted = JSON.stringify(stream);
    return this.#find.all({ stream, quoted, from, end: endSeq, limit }).map(Number);
  }
}

import { statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../errors.ts';
import type { StreamName } from '../../record/batch.ts';
import { PAGE_DATASET, WORKER_DATASET } from '../../record/runner-file.ts';
import type { Cursor, DeadLetter, JournalStats } from '../journal.ts';
import { Absent } from './absent.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from './batch-row.ts';
import { JOURNAL_FILE, isDamage, openForReading, type Sqlite, type Statement } from './database.ts';
import { holes, type Place } from './gaps.ts';
import { readHead } from './head.ts';
import type { JobCheckpoint, PageQuery, JobKey, JobQuery, JobWithParts, RunCheckpoints, StoredJob } from '../runs.ts';
import type { DamagedRange, ReaderCalls, WireRead } from './messages.ts';
import { RunReader } from './run-tables.ts';
import { SKETCH_FILE } from './sketches.ts';
import { StreamPlaces } from './stream-places.ts';
import { Joining, wireBatch, type ReadRow } from './wire-batch.ts';

const SMALL_BYTES = 32_768;
/** Neighbouring small batches are handed over as one of about this size. */
const JOINED_BYTES = 262_144;

/** The reading side of the journal, beside its writer. Synchronous, for the thread that owns the connection. */
export class Reader implements ReaderCalls {
  readonly #directory: string;
  readonly #database: Sqlite;
  readonly #before: Statement;
  readonly #from: Statement;
  readonly #gaps: Statement;
  readonly #runs: RunReader;
  readonly #streamPlaces: StreamPlaces;
  /** Of the row decoded last. */
  #lines: Buffer = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
    this.#database = openForReading(directory);
    this.#runs = new RunReader(this.#database);
    this.#streamPlaces = new StreamPlaces(this.#database);
    this.#before = this.#database
      .prepare('SELECT first_seq FROM batch NOT INDEXED WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1')
      .pluck();
    this.#from = this.#database.prepare(
      `SELECT ${BATCH_COLUMNS}, coalesce((SELECT a.records FROM batch_absent a WHERE a.first_seq = batch.first_seq), 0) AS absent
       FROM batch NOT INDEXED WHERE first_seq >= ? AND first_seq < ? ORDER BY first_seq`,
    );
    this.#gaps = this.#database.prepare(
      'SELECT first_seq, records FROM gap WHERE first_seq < @to AND first_seq + records > @from ORDER BY first_seq',
    );
  }

  /** See `ReaderCalls.read`. All of it is of one moment: the writer may merge or remove batches at any time. */
  read(fromSeq: number, endSeq: number, bytesMax: number): WireRead[] {
    return this.consistently(() => this.#read(fromSeq, endSeq, bytesMax));
  }

  #read(fromSeq: number, endSeq: number, bytesMax: number): WireRead[] {
    const found: WireRead[] = [];
    let seq = fromSeq;
    let bytes = 0;
    let joining: Joining | undefined;
    const finishJoin = (): void => {
      if (joining !== undefined) found.push(joining.finish());
      joining = undefined;
    };
    try {
      const start = Number(this.#before.get(fromSeq) ?? fromSeq);
      for (const row of this.#from.iterate(start, endSeq) as IterableIterator<ReadRow>) {
        // The batch before the place may end before it, too.
        if (row.first_seq < fromSeq && row.first_seq + row.records <= fromSeq) continue;
        const damage = (row.first_seq > seq && this.#unexplained(seq, row.first_seq)) || this.#decode(row);
        if (damage) {
          finishJoin();
          return [...found, { kind: 'damaged', ...damage }];
        }
        if (joining !== undefined && (joining.endSeq !== row.first_seq || row.line_bytes >= SMALL_BYTES)) finishJoin();
        if (row.line_bytes < SMALL_BYTES) {
          joining ??= new Joining(row);
          joining.add(row, this.#lines);
          if (joining.bytes >= JOINED_BYTES) finishJoin();
        } else {
          found.push(wireBatch(row, this.#lines));
        }
        seq = row.first_seq + row.records;
        bytes += row.line_bytes;
        if (bytes >= bytesMax) break;
      }
      finishJoin();
      const missing = found.length === 0 ? this.#unexplained(fromSeq, endSeq) : undefined;
      return missing === undefined ? found : [{ kind: 'damaged', ...missing }];
    } catch (error) {
      if (!isDamage(error)) throw error;
      finishJoin();
      // SQLite cannot read on. What came before it is good; what is damaged here the writer has to find out.
      if (found.length > 0) return found;
      return [{ kind: 'damaged', firstSeq: fromSeq, records: 0, reason: describeError(error) }];
    }
  }

  /** Puts a row's lines into `#lines`; returns what is wrong with a row that is damaged. */
  #decode(row: BatchRow): DamagedRange | undefined {
    try {
      this.#lines = intactLines(row);
      return undefined;
    } catch (error) {
      return { firstSeq: row.first_seq, records: row.records, reason: describeError(error) };
    }
  }

  /** The first records between two places that are neither there nor marked as gone. */
  #unexplained(fromSeq: number, toSeq: number): DamagedRange | undefined {
    const [hole] = holes(this.#gaps.all({ from: fromSeq, to: toSeq }) as Place[], fromSeq, toSeq);
    return hole === undefined
      ? undefined
      : { firstSeq: hole.first_seq, records: hole.records, reason: 'they are not in the journal any more' };
  }

  cursors(): Cursor[] {
    const rows = this.#database.prepare('SELECT * FROM cursor ORDER BY endpoint').all() as (Record<string, number> & {
      endpoint: string;
    })[];
    const waiting = this.#database.prepare(
      `SELECT coalesce(sum(records - max(0, @seq - first_seq)), 0) AS records, coalesce(sum(line_bytes), 0) AS bytes,
         min(received_first_ms) AS oldest
       FROM batch INDEXED BY batch_summary WHERE first_seq >= @start AND first_seq + records > @seq`,
    );
    // Such batches are few: they go as soon as everybody has passed them.
    const internal = this.#database.prepare(
      `SELECT coalesce(sum(records - max(0, @seq - first_seq)), 0) AS records, coalesce(sum(line_bytes), 0) AS bytes
       FROM batch INDEXED BY batch_transient WHERE transient = 1 AND first_seq >= @start AND first_seq + records > @seq
         AND json_remove(datasets, '$."${PAGE_DATASET}"', '$."${WORKER_DATASET}"') = '{}'`,
    );
    const absent = new Absent(this.#database);
    const gone = this.#database.prepare(
      `SELECT reason = 'purge' AS purged, sum(first_seq + records - max(first_seq, @seq)) AS records FROM gap
       WHERE first_seq + records > @seq GROUP BY 1`,
    );
    return rows.map((row) => {
      const seq = row['seq']!;
      const start = Number(this.#before.get(seq) ?? seq);
      const backlog = waiting.get({ seq, start }) as { records: number; bytes: number; oldest: number | null };
      const raw = internal.get({ seq, start }) as { records: number; bytes: number };
      // What went in front of the cursor is counted as gone now, though the cursor passes it later.
      const ahead = gone.all({ seq }) as { purged: number; records: number }[];
      const absentRecords = absent.from(seq, start);
      const aheadOf = (purged: number): number => ahead.find((gap) => gap.purged === purged)?.records ?? 0;
      return {
        endpoint: row.endpoint,
        seq,
        startSeq: row['start_seq']!,
        delivered: row['delivered']!,
        filtered: row['filtered']!,
        deadLettered: row['dead_lettered']!,
        dropped: row['dropped']! + aheadOf(0),
        purged: row['purged']! + aheadOf(1) + absentRecords,
        backlogRecords: backlog.records - absentRecords,
        backlogBytes: backlog.bytes,
        ...(raw.records === 0 ? {} : { internal: raw }),
        oldestReceivedMs: backlog.oldest ?? undefined,
      };
    });
  }

  deadLetters(endpoint: string, limit: number): DeadLetter[] {
    const rows = this.#database
      .prepare(
        'SELECT id, endpoint, seq, at_ms AS atMs, code, reason, line FROM dead_letter WHERE endpoint = ? ORDER BY id LIMIT ?',
      )
      .all(endpoint, limit) as (Omit<DeadLetter, 'line'> & { line: Buffer })[];
    return rows.map((row) => ({ ...row, line: row.line.toString('utf8') }));
  }

  stats(): JournalStats {
    const sums = this.#database
      .prepare(
        `SELECT count(*) AS batches, coalesce(sum(records), 0) AS records, coalesce(sum(line_bytes), 0) AS lineBytes,
           min(first_seq) AS firstSeq, min(received_first_ms) AS oldest FROM batch INDEXED BY batch_summary`,
      )
      .get() as { batches: number; records: number; lineBytes: number; firstSeq: number | null; oldest: number | null };
    const head = this.head();
    const gone = this.#database.prepare('SELECT coalesce(sum(records), 0) FROM gap WHERE reason = ?').pluck();
    const absent = this.#database.prepare('SELECT coalesce(sum(records), 0) FROM batch_absent').pluck();
    const disk = statfsSync(this.#directory);
    return {
      firstSeq: sums.firstSeq ?? head.nextSeq,
      nextSeq: head.nextSeq,
      batches: sums.batches,
      records: sums.records - Number(absent.get()),
      purgedRecords: Number(gone.get('purge')) + Number(absent.get()),
      recordBytes: sums.lineBytes,
      fileBytes: this.#size(JOURNAL_FILE),
      searchIndexBytes: this.#size(SKETCH_FILE),
      freeBytes: disk.bavail * disk.bsize,
      damagedRecords: Number(gone.get('damaged')),
      reclaimedRecords: Number(gone.get('quota')),
      oldestReceivedMs: sums.oldest ?? undefined,
      chainHead: head.link.toString('hex'),
    };
  }

  streamPlaces(stream: StreamName, fromSeq: number, endSeq: number, limit: number): number[] {
    return this.#streamPlaces.find(stream, fromSeq, endSeq, limit);
  }

  jobs(query: JobQuery): StoredJob[] {
    return this.#runs.jobs(query);
  }

  job(key: JobKey): JobWithParts | undefined {
    return this.consistently(() => this.#runs.job(key));
  }

  jobCheckpoint(key: JobKey): JobCheckpoint | undefined {
    return this.consistently(() => this.#runs.checkpoint(key));
  }

  pageCheckpoint(query: PageQuery): JobCheckpoint | undefined {
    return this.consistently(() => this.#runs.checkpointOfPage(query));
  }

  runCheckpoints(): RunCheckpoints {
    return this.consistently(() => this.#runs.checkpoints());
  }

  /** Runs `read` within one transaction: all that it reads is of one moment. */
  consistently<T>(read: () => T): T {
    if (this.#database.inTransaction) return read();
    this.#database.exec('BEGIN');
    try {
      return read();
    } finally {
      // Nothing was written. A COMMIT would tell of damage once more that `read` has met and dealt with.
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
    }
  }

  /** The place that the next record will get, and the chain's last link. */
  head(): { readonly nextSeq: number; readonly link: Buffer } {
    return readHead(this.#database);
  }

  close(): void {
    this.#database.close();
  }

  /** Of a database and its write-ahead log. */
  #size(file: string): number {
    const sizeOf = (name: string): number =>
      statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0;
    return sizeOf(file) + sizeOf(`${file}-wal`);
  }
}

import { statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cursor, DeadLetter, JournalStats } from '../journal.ts';
import { contentHash } from './chain.ts';
import { decodePayload } from './codec.ts';
import { JOURNAL_FILE, openForReading, type Sqlite, type Statement } from './database.ts';
import { readHead } from './head.ts';
import type { ReaderCalls, WireRead } from './messages.ts';

interface BatchRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly datasets: string;
  readonly encoding: string;
  readonly hash_of: string;
  readonly payload_hash: Buffer;
  readonly payload: Buffer;
}

const SMALL_BYTES = 32_768;
/** Neighbouring small batches are handed over as one of about this size. */
const JOINED_BYTES = 262_144;

/** The reading side of the journal, beside its writer. Synchronous, for the thread that owns the connection. */
export class Reader implements ReaderCalls {
  readonly #directory: string;
  readonly #database: Sqlite;
  readonly #before: Statement;
  readonly #from: Statement;

  constructor(directory: string) {
    this.#directory = directory;
    this.#database = openForReading(directory);
    const columns = `first_seq, records, line_bytes, received_first_ms, received_last_ms, datasets, encoding, hash_of,
      payload_hash, payload`;
    this.#before = this.#database
      .prepare(
        'SELECT first_seq FROM batch INDEXED BY batch_summary WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
      )
      .pluck();
    this.#from = this.#database.prepare(
      `SELECT ${columns} FROM batch WHERE first_seq >= ? AND first_seq + records > ? AND first_seq < ? ORDER BY first_seq`,
    );
  }

  read(fromSeq: number, endSeq: number, bytesMax: number): WireRead[] {
    const found: WireRead[] = [];
    let start = Number(this.#before.get(fromSeq) ?? fromSeq);
    let bytes = 0;
    let joining: Joining | undefined;
    const finishJoin = (): void => {
      if (joining !== undefined) found.push(joining.finish());
      joining = undefined;
    };
    try {
      for (const row of this.#from.iterate(start, fromSeq, endSeq) as IterableIterator<BatchRow>) {
        start = row.first_seq;
        const lines = verifiedLines(row);
        if (typeof lines === 'string') {
          finishJoin();
          found.push({ kind: 'damaged', firstSeq: row.first_seq, records: row.records, reason: lines });
          break;
        }
        if (joining !== undefined && (joining.endSeq !== row.first_seq || row.line_bytes >= SMALL_BYTES)) finishJoin();
        if (row.line_bytes < SMALL_BYTES) {
          joining ??= new Joining(row);
          joining.add(row, lines);
          if (joining.bytes >= JOINED_BYTES) finishJoin();
        } else {
          found.push(wireBatch(row, lines));
        }
        bytes += row.line_bytes;
        if (bytes >= bytesMax) break;
      }
    } catch (error) {
      // The row that SQLite itself cannot read: the caller sets it aside by its place, which the summary index may still know.
      if (found.length === 0 && joining === undefined) return [this.#unreadable(fromSeq, error)];
    }
    finishJoin();
    return found;
  }

  #unreadable(fromSeq: number, error: unknown): WireRead {
    const row = this.#database
      .prepare(
        `SELECT first_seq, records FROM batch INDEXED BY batch_summary WHERE first_seq + records > ? AND first_seq >= ?
         ORDER BY first_seq LIMIT 1`,
      )
      .get(fromSeq, Number(this.#before.get(fromSeq) ?? fromSeq)) as { first_seq: number; records: number } | undefined;
    if (row === undefined) throw error;
    const reason = error instanceof Error ? error.message : 'unreadable';
    return { kind: 'damaged', firstSeq: row.first_seq, records: row.records, reason };
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
    const gone = this.#database.prepare(
      `SELECT reason = 'purge' AS purged, sum(first_seq + records - max(first_seq, @seq)) AS records FROM gap
       WHERE first_seq + records > @seq GROUP BY 1`,
    );
    return rows.map((row) => {
      const seq = row['seq']!;
      const start = Number(this.#before.get(seq) ?? seq);
      const backlog = waiting.get({ seq, start }) as { records: number; bytes: number; oldest: number | null };
      // What went in front of the cursor is counted as gone now, though the cursor passes it later.
      const ahead = gone.all({ seq }) as { purged: number; records: number }[];
      const aheadOf = (purged: number): number => ahead.find((gap) => gap.purged === purged)?.records ?? 0;
      return {
        endpoint: row.endpoint,
        seq,
        startSeq: row['start_seq']!,
        delivered: row['delivered']!,
        filtered: row['filtered']!,
        deadLettered: row['dead_lettered']!,
        dropped: row['dropped']! + aheadOf(0),
        purged: row['purged']! + aheadOf(1),
        backlogRecords: backlog.records,
        backlogBytes: backlog.bytes,
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
    const disk = statfsSync(this.#directory);
    return {
      firstSeq: sums.firstSeq ?? head.nextSeq,
      nextSeq: head.nextSeq,
      batches: sums.batches,
      records: sums.records,
      recordBytes: sums.lineBytes,
      fileBytes: this.#size('') + this.#size('-wal'),
      freeBytes: disk.bavail * disk.bsize,
      damagedRecords: Number(gone.get('damaged')),
      reclaimedRecords: Number(gone.get('quota')),
      oldestReceivedMs: sums.oldest ?? undefined,
      chainHead: head.link.toString('hex'),
    };
  }

  /** Runs `read` within one transaction: all that it reads is of one moment. */
  consistently<T>(read: () => T): T {
    return this.#database.transaction(read)();
  }

  /** The place that the next record will get, and the chain's last link. */
  head(): { readonly nextSeq: number; readonly link: Buffer } {
    return readHead(this.#database);
  }

  close(): void {
    this.#database.close();
  }

  #size(suffix: string): number {
    return statSync(join(this.#directory, JOURNAL_FILE + suffix), { throwIfNoEntry: false })?.size ?? 0;
  }
}

/** The lines of a row whose content has its hash; else what is wrong with it. */
function verifiedLines(row: BatchRow): Buffer | string {
  try {
    const lines = decodePayload(row.payload, row.encoding, row.line_bytes);
    if (contentHash(row.hash_of === 'lines' ? lines : row.payload).equals(row.payload_hash)) return lines;
    return 'its content does not have its hash';
  } catch (error) {
    return error instanceof Error ? error.message : 'unreadable';
  }
}

function wireBatch(row: BatchRow, lines: Buffer): WireRead {
  return {
    kind: 'batch',
    firstSeq: row.first_seq,
    records: row.records,
    lines: ownBytes(lines),
    datasets: JSON.parse(row.datasets) as Record<string, number>,
    receivedFirstMs: row.received_first_ms,
    receivedLastMs: row.received_last_ms,
  };
}

/** Bytes that have their ArrayBuffer for themselves, so that it can be handed to another thread. */
function ownBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}

/** Small neighbouring batches on their way to become one. */
class Joining {
  readonly #first: BatchRow;
  readonly #parts: Buffer[] = [];
  readonly #datasets: Record<string, number> = {};
  #records = 0;
  #lastMs = 0;
  bytes = 0;

  constructor(first: BatchRow) {
    this.#first = first;
  }

  get endSeq(): number {
    return this.#first.first_seq + this.#records;
  }

  add(row: BatchRow, lines: Buffer): void {
    this.#parts.push(lines);
    this.#records += row.records;
    this.bytes += row.line_bytes;
    this.#lastMs = row.received_last_ms;
    for (const [name, count] of Object.entries(JSON.parse(row.datasets) as Record<string, number>))
      this.#datasets[name] = (this.#datasets[name] ?? 0) + count;
  }

  finish(): WireRead {
    return {
      kind: 'batch',
      firstSeq: this.#first.first_seq,
      records: this.#records,
      lines: new Uint8Array(Buffer.concat(this.#parts)),
      datasets: this.#datasets,
      receivedFirstMs: this.#first.received_first_ms,
      receivedLastMs: this.#lastMs,
    };
  }
}

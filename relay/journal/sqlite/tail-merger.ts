import type { WireBatch } from './messages.ts';
import { BATCH_COLUMNS, columnValues, intactLines, type BatchRow } from './batch-row.ts';
import { contentHash, encodeMembers } from './chain.ts';
import { encodePayload } from './codec.ts';
import { isDamage, type Sqlite, type Statement } from './database.ts';

/** So many small batches, or so many bytes in them, are merged into one. */
const RUN_BATCHES = 256;
/**
 * Where batches follow each other closely, fewer are merged at a time: a merge holds up the next commit, for some 20 µs a batch, and
 * somebody waits for that.
 */
const BUSY_RUN_BATCHES = 64;
const BUSY_INTERVAL_MS = 10;
const RUN_BYTES = 262_144;

interface SmallBatch {
  readonly firstSeq: number;
  readonly records: number;
  readonly bytes: number;
}

interface TailRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly hash_of: string;
  readonly transient: number;
  readonly merged: number;
}

/**
 * At a low rate each record is committed by itself, so that its sender gets its answer at once. Left like that, a day would make
 * millions of rows that neither compress nor index well. So runs of neighbouring small batches are merged into one row; the chain
 * stays as it was, since the row tells its members and their links can be computed from its lines.
 */
export class TailMerger {
  readonly #database: Sqlite;
  readonly #compressionLevel: number;
  readonly #index: (firstSeq: number, streams: readonly string[]) => void;
  /** The small batches since the last large or merged one. */
  #run: SmallBatch[] = [];
  #runBytes = 0;
  #runSinceMs = 0;
  #runTransient = false;
  /** Runs that are complete. */
  #ready: SmallBatch[][] = [];

  readonly #select: Statement;
  readonly #insert: Statement;
  readonly #delete: Statement;

  constructor(
    database: Sqlite,
    compressionLevel: number,
    index: (firstSeq: number, streams: readonly string[]) => void,
  ) {
    this.#database = database;
    this.#compressionLevel = compressionLevel;
    this.#index = index;
    this.#select = database.prepare(
      `SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq BETWEEN ? AND ? ORDER BY first_seq`,
    );
    this.#delete = database.prepare('DELETE FROM batch WHERE first_seq >= ? AND first_seq <= ?');
    this.#insert = database.prepare(
      `INSERT INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`,
    );
    this.reload();
  }

  /** Tells of each batch that was inserted, in order. */
  inserted(batch: WireBatch, small: boolean): void {
    if (this.#run.length === 0) this.#runSinceMs = batch.receivedFirstMs;
    this.#add(batch, small);
    const busy = batch.receivedLastMs - this.#runSinceMs < this.#run.length * BUSY_INTERVAL_MS;
    if (this.#run.length >= (busy ? BUSY_RUN_BATCHES : RUN_BATCHES) || this.#runBytes >= RUN_BYTES) this.#closeRun();
  }

  get due(): boolean {
    return this.#ready.length > 0;
  }

  /** Merges one run, within a transaction; with `force` also one that is not complete yet. True where there was one. */
  merge(force: boolean): boolean {
    if (force) this.#closeRun();
    const run = this.#ready.shift();
    if (run === undefined) return false;
    this.#mergeRun(run);
    return true;
  }

  /** Finds the run at the journal's end again: at start, and after a roll-back. */
  reload(): void {
    this.#run = [];
    this.#ready = [];
    this.#runBytes = 0;
    for (const row of this.#lastRows().toReversed()) {
      const small = row.hash_of === 'lines' && row.merged === 0;
      const transient = row.transient === 1;
      this.#add({ firstSeq: row.first_seq, records: row.records, bytes: row.line_bytes, transient }, small);
    }
  }

  /** The batches at the journal's end; none where they cannot be read: merging is a convenience, whoever reads them sees to the damage. */
  #lastRows(): TailRow[] {
    try {
      return this.#database
        .prepare(
          `SELECT first_seq, records, line_bytes, hash_of, transient, members IS NOT NULL AS merged FROM batch
           ORDER BY first_seq DESC LIMIT ?`,
        )
        .all(RUN_BATCHES * 4) as TailRow[];
    } catch (error) {
      if (isDamage(error)) return [];
      throw error;
    }
  }

  #add({ firstSeq, records, bytes, transient }: SmallBatch & { readonly transient: boolean }, small: boolean): void {
    const last = this.#run.at(-1);
    const follows = last === undefined || last.firstSeq + last.records === firstSeq;
    if (!small || !follows || transient !== this.#runTransient) this.#closeRun();
    if (!small) return;
    this.#runTransient = transient;
    this.#run.push({ firstSeq, records, bytes });
    this.#runBytes += bytes;
  }

  #closeRun(): void {
    if (this.#run.length > 1) this.#ready.push(this.#run);
    this.#run = [];
    this.#runBytes = 0;
  }

  #mergeRun(run: readonly SmallBatch[]): void {
    const first = run[0]!.firstSeq;
    const rows = this.#select.all(first, run.at(-1)!.firstSeq) as BatchRow[];
    // A purge or the quota may have taken some of them meanwhile; then the rest stays as it is.
    if (rows.length !== run.length || rows[0]?.first_seq !== first) return;
    if (rows.some((row) => row.hash_of !== 'lines' || row.members !== null)) return;
    const parts = rows.map(linesOrNothing);
    // What is damaged keeps its row, and with it the proof that it is; whoever reads it next sets it aside.
    if (!parts.every((part) => part !== undefined)) return;
    const lines = Buffer.concat(parts);
    const payload = encodePayload(lines, this.#compressionLevel);
    const streams = [...new Set(rows.flatMap((row) => JSON.parse(row.streams) as string[]))];
    const merged = {
      ...rows[0],
      records: rows.reduce((sum, row) => sum + row.records, 0),
      line_bytes: lines.length,
      payload_bytes: payload.bytes.length,
      received_first_ms: Math.min(...rows.map((row) => row.received_first_ms)),
      received_last_ms: Math.max(...rows.map((row) => row.received_last_ms)),
      event_first_ms: Math.min(...rows.map((row) => row.event_first_ms)),
      event_last_ms: Math.max(...rows.map((row) => row.event_last_ms)),
      datasets: JSON.stringify(sumDatasets(rows)),
      streams: JSON.stringify(streams),
      streams_cut: Math.max(...rows.map((row) => row.streams_cut)),
      encoding: payload.encoding,
      hash_of: 'lines',
      members: encodeMembers(rows.map((row) => ({ records: row.records, bytes: row.line_bytes }))),
      payload_hash: contentHash(lines),
      chain_hash: rows.at(-1)!.chain_hash,
    };
    this.#delete.run(first, rows.at(-1)!.first_seq);
    this.#insert.run(...columnValues(merged, payload.bytes));
    this.#index(first, streams);
  }
}

function linesOrNothing(row: BatchRow): Buffer | undefined {
  try {
    return intactLines(row);
  } catch {
    return undefined;
  }
}

function sumDatasets(rows: readonly BatchRow[]): Record<string, number> {
  const datasets: Record<string, number> = {};
  for (const row of rows)
    for (const [name, count] of Object.entries(JSON.parse(row.datasets) as Record<string, number>))
      datasets[name] = (datasets[name] ?? 0) + count;
  return datasets;
}

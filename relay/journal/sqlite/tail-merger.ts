import type { WireBatch } from './messages.ts';
import { contentHash, encodeMembers, type Member } from './chain.ts';
import { decodePayload, encodePayload } from './codec.ts';
import type { Sqlite, Statement } from './database.ts';

/** So many small batches, or so many bytes in them, are merged into one. */
const RUN_BATCHES = 256;
const RUN_BYTES = 262_144;

interface SmallBatch {
  readonly firstSeq: number;
  readonly records: number;
  readonly bytes: number;
}

interface SmallRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly event_first_ms: number;
  readonly event_last_ms: number;
  readonly datasets: string;
  readonly streams: string;
  readonly streams_cut: number;
  readonly encoding: string;
  readonly chain_hash: Buffer;
  readonly payload: Buffer;
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
  #runTransient = false;
  /** Runs that are complete. */
  #ready: SmallBatch[][] = [];

  readonly #select: Statement;
  readonly #update: Statement;
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
      `SELECT first_seq, records, line_bytes, received_first_ms, received_last_ms, event_first_ms, event_last_ms, datasets,
         streams, streams_cut, encoding, chain_hash, payload FROM batch WHERE first_seq BETWEEN ? AND ? ORDER BY first_seq`,
    );
    this.#delete = database.prepare('DELETE FROM batch WHERE first_seq > ? AND first_seq <= ?');
    this.#update = database.prepare(
      `UPDATE batch SET records = ?, line_bytes = ?, payload_bytes = ?, received_first_ms = ?, received_last_ms = ?,
         event_first_ms = ?, event_last_ms = ?, datasets = ?, streams = ?, streams_cut = ?, encoding = ?, hash_of = 'lines',
         members = ?, payload_hash = ?, chain_hash = ?, payload = ? WHERE first_seq = ?`,
    );
    this.reload();
  }

  /** Tells of each batch that was inserted, in order. */
  inserted(batch: WireBatch, small: boolean): void {
    if (!small || batch.transient !== this.#runTransient) this.#closeRun();
    if (!small) return;
    this.#runTransient = batch.transient;
    this.#run.push({ firstSeq: batch.firstSeq, records: batch.records, bytes: batch.bytes });
    this.#runBytes += batch.bytes;
    if (this.#run.length >= RUN_BATCHES || this.#runBytes >= RUN_BYTES) this.#closeRun();
  }

  get due(): boolean {
    return this.#ready.length > 0;
  }

  /** Merges one run, in a transaction of its own; with `force` also one that is not complete yet. True where it did. */
  merge(force: boolean): boolean {
    if (force) this.#closeRun();
    const run = this.#ready.shift();
    if (run === undefined) return false;
    this.#database.transaction(() => this.#mergeRun(run)).immediate();
    return true;
  }

  /** Finds the run at the journal's end again: at start, and after a roll-back. */
  reload(): void {
    this.#run = [];
    this.#ready = [];
    this.#runBytes = 0;
    const rows = this.#database
      .prepare(
        `SELECT first_seq, records, line_bytes, hash_of, transient, members IS NOT NULL AS merged FROM batch
         ORDER BY first_seq DESC LIMIT ?`,
      )
      .all(RUN_BATCHES * 4) as {
      first_seq: number;
      records: number;
      line_bytes: number;
      hash_of: string;
      transient: number;
      merged: number;
    }[];
    for (const row of rows.toReversed()) {
      const small = row.hash_of === 'lines' && row.merged === 0;
      const transient = row.transient === 1;
      if (!small || transient !== this.#runTransient) this.#closeRun();
      if (!small) continue;
      this.#runTransient = transient;
      this.#run.push({ firstSeq: row.first_seq, records: row.records, bytes: row.line_bytes });
      this.#runBytes += row.line_bytes;
    }
  }

  #closeRun(): void {
    if (this.#run.length > 1) this.#ready.push(this.#run);
    this.#run = [];
    this.#runBytes = 0;
  }

  #mergeRun(run: readonly SmallBatch[]): void {
    const first = run[0]!.firstSeq;
    const rows = this.#select.all(first, run.at(-1)!.firstSeq) as SmallRow[];
    // A purge or the quota may have taken some of them meanwhile; then the rest stays as it is.
    if (rows.length !== run.length || rows[0]?.first_seq !== first) return;
    const members: Member[] = [];
    const parts: Buffer[] = [];
    const datasets: Record<string, number> = {};
    const streams = new Set<string>();
    let streamsCut = 0;
    for (const row of rows) {
      const lines = decodePayload(row.payload, row.encoding, row.line_bytes);
      parts.push(lines);
      members.push({ records: row.records, bytes: row.line_bytes });
      for (const [name, count] of Object.entries(JSON.parse(row.datasets) as Record<string, number>))
        datasets[name] = (datasets[name] ?? 0) + count;
      for (const name of JSON.parse(row.streams) as string[]) streams.add(name);
      streamsCut |= row.streams_cut;
    }
    const lines = Buffer.concat(parts);
    const payload = encodePayload(lines, this.#compressionLevel);
    const last = rows.at(-1)!;
    this.#delete.run(first, last.first_seq);
    this.#update.run(
      members.reduce((sum, member) => sum + member.records, 0),
      lines.length,
      payload.bytes.length,
      Math.min(...rows.map((row) => row.received_first_ms)),
      Math.max(...rows.map((row) => row.received_last_ms)),
      Math.min(...rows.map((row) => row.event_first_ms)),
      Math.max(...rows.map((row) => row.event_last_ms)),
      JSON.stringify(datasets),
      JSON.stringify([...streams]),
      streamsCut,
      payload.encoding,
      encodeMembers(members),
      contentHash(lines),
      last.chain_hash,
      payload.bytes,
      first,
    );
    this.#index(first, [...streams]);
  }
}

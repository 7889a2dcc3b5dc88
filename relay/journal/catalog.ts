import { describeError, RelayError } from '../errors.ts';
import { BATCH_COLUMNS, intactLines, type BatchRow } from './sqlite/batch-row.ts';
import { isDamage, openForReading, type Sqlite, type Statement } from './sqlite/database.ts';
import { MIGRATIONS } from './sqlite/migrations.ts';
import { ENTERED_TO_SQL } from './sqlite/stream-index.ts';
import { readHead } from './sqlite/head.ts';
import { Unpacker } from './sqlite/unpacker.ts';
import { Sketches, SKETCH_HASH_BYTES } from './sqlite/sketches.ts';

/** What is known of a batch without unpacking it. Times are milliseconds since 1970. */
export interface BatchHeader {
  readonly firstSeq: number;
  readonly records: number;
  /** Uncompressed. */
  readonly lineBytes: number;
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
  readonly eventFirstMs: number;
  readonly eventLastMs: number;
  /** False where the batch's stream names were too many to keep: no stream can be ruled out then. */
  readonly streamsKnown: boolean;
  /** The start of its content's hash: another content has another. */
  readonly hash: Buffer;
  /** Records by `event.dataset`. */
  readonly datasets: Readonly<Record<string, number>>;
}

/** The lines of a batch; or that it is not there any more (merged, rewritten or purged meanwhile); or that it cannot be read. */
export type BatchLines =
  | { readonly kind: 'lines'; readonly lines: Buffer }
  | { readonly kind: 'changed' }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Which batches may hold records of a time; both bounds in milliseconds since 1970, `untilMs` not included. */
export interface HeaderTimes {
  readonly of: 'event' | 'received';
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface HeaderRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly event_first_ms: number;
  readonly event_last_ms: number;
  readonly streams_cut: number;
  readonly payload_hash: Buffer;
  readonly datasets: string;
}

const HEADER_COLUMNS = `first_seq, records, line_bytes, received_first_ms, received_last_ms, event_first_ms, event_last_ms,
  streams_cut, payload_hash, datasets`;
/** The step that made the indexes that are asked here. */
const FORMAT_MIN = MIGRATIONS.findIndex((step) => step.includes('INDEX batch_search')) + 1;
const MAX_MS = 8.64e15;
const ALWAYS: HeaderTimes = { of: 'received', sinceMs: -MAX_MS, untilMs: MAX_MS };
/** Headers tell whole milliseconds, records may be finer: a batch just beside the range is looked at. */
const TIMES_OF: Readonly<Record<HeaderTimes['of'], string>> = {
  event: 'event_last_ms + 1 >= @sinceMs AND event_first_ms - 1 < @untilMs',
  received: 'received_last_ms + 1 >= @sinceMs AND received_first_ms - 1 < @untilMs',
};
/** Datasets' texts whose parsed form is remembered: there are few different ones. */
const DATASETS_KNOWN_MAX = 1_000;

/**
 * The journal as a search sees it: a row of batches that can be judged by their headers and unpacked one at a time. Read only,
 * synchronous, beside whoever writes.
 */
export class Catalog implements Disposable {
  readonly #database: Sqlite;
  readonly #sketches: Sketches | undefined;
  readonly #before: Readonly<Record<HeaderTimes['of'], Statement>>;
  readonly #from: Readonly<Record<HeaderTimes['of'], Statement>>;
  readonly #holding: Statement;
  readonly #batch: Statement;
  readonly #newest: Statement;
  readonly #ofStream: Statement;
  readonly #unindexed: Statement;
  readonly #datasets = new Map<string, Readonly<Record<string, number>>>();
  readonly #unpacker = new Unpacker();

  /** Throws `JOURNAL_UNUSABLE` where there is no journal. */
  constructor(directory: string) {
    this.#database = openForReading(directory);
    if (Number(this.#database.pragma('user_version', { simple: true })) < FORMAT_MIN) {
      this.#database.close();
      throw new RelayError(
        'JOURNAL_UNUSABLE',
        'an older version wrote this journal; start the relay on it once, then search',
      );
    }
    this.#sketches = Sketches.forReading(directory);
    const headers = (of: HeaderTimes['of'], place: string): Statement =>
      this.#database.prepare(
        `SELECT ${HEADER_COLUMNS} FROM batch INDEXED BY batch_search
         WHERE first_seq ${place} LIMIT @limit`.replace('TIMES', TIMES_OF[of]),
      );
    const newest = '< @seq AND TIMES ORDER BY first_seq DESC';
    const oldest = '>= @seq AND TIMES ORDER BY first_seq';
    this.#before = { event: headers('event', newest), received: headers('received', newest) };
    this.#from = { event: headers('event', oldest), received: headers('received', oldest) };
    this.#holding = this.#database.prepare(
      'SELECT first_seq, records FROM batch INDEXED BY batch_search WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1',
    );
    this.#batch = this.#database.prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED WHERE first_seq = ?`);
    this.#newest = this.#database
      .prepare('SELECT first_seq FROM batch INDEXED BY batch_search ORDER BY first_seq DESC LIMIT 1 OFFSET ?')
      .pluck();
    // Large batches come into the index of streams together with others.
    this.#ofStream = this.#database
      .prepare(
        `SELECT first_seq FROM batch_stream WHERE stream_id = (SELECT id FROM stream WHERE name = @stream)
         UNION
         SELECT first_seq FROM batch NOT INDEXED
         WHERE first_seq >= ${ENTERED_TO_SQL} AND hash_of = 'payload' AND instr(streams, @quoted) > 0`,
      )
      .pluck();
    // Small batches come into it only when they are merged.
    this.#unindexed = this.#database
      .prepare("SELECT first_seq FROM batch INDEXED BY batch_small WHERE hash_of = 'lines' AND members IS NULL")
      .pluck();
  }

  /** The place that the next record will get. */
  nextSeq(): number {
    return readHead(this.#database).nextSeq;
  }

  /** The place of the first record there is. */
  firstSeq(): number {
    const [first] = this.from(0, 1);
    return first?.firstSeq ?? this.nextSeq();
  }

  /** Where the newest so many batches begin; 0 where there are no more than that. */
  firstSeqOfNewest(batches: number): number {
    const [last] = this.#newest.all(Math.max(0, batches - 1)) as number[];
    return last ?? 0;
  }

  /** Up to `limit` batches that begin before a place, the newest first. */
  before(seq: number, limit: number, times: HeaderTimes = ALWAYS): BatchHeader[] {
    const { of, sinceMs, untilMs } = times;
    return (this.#before[of].all({ seq, limit, sinceMs, untilMs }) as HeaderRow[]).map((row) => this.#header(row));
  }

  /** Up to `limit` batches from the one that holds a place on, the oldest first. */
  from(seq: number, limit: number, times: HeaderTimes = ALWAYS): BatchHeader[] {
    const { of, sinceMs, untilMs } = times;
    const holding = this.#holding.get(seq) as Pick<HeaderRow, 'first_seq' | 'records'> | undefined;
    const start = holding !== undefined && holding.first_seq + holding.records > seq ? holding.first_seq : seq;
    return (this.#from[of].all({ seq: start, limit, sinceMs, untilMs }) as HeaderRow[]).map((row) => this.#header(row));
  }

  /** The sketches of batches, as far as there are any that were made of what they hold now. */
  sketchesOf(headers: readonly BatchHeader[]): ReadonlyMap<number, Buffer> {
    const found = new Map<number, Buffer>();
    if (this.#sketches === undefined || headers.length === 0) return found;
    const hashes = new Map(headers.map(({ firstSeq, hash }) => [firstSeq, hash]));
    const seqs = headers.map(({ firstSeq }) => firstSeq);
    try {
      for (const sketch of this.#sketches.between(Math.min(...seqs), Math.max(...seqs)))
        if (hashes.get(sketch.first_seq)?.equals(sketch.hash) === true) found.set(sketch.first_seq, sketch.bits);
    } catch {
      // Without them a search only takes longer. Whoever keeps them sees to the damage.
      found.clear();
    }
    return found;
  }

  /** The lines of a batch, if it is still the one that the header speaks of. They are good until this is called again. */
  lines(header: Pick<BatchHeader, 'firstSeq' | 'hash'>): BatchLines {
    try {
      const row = this.#batch.get(header.firstSeq) as BatchRow | undefined;
      if (row === undefined || !hashOf(row.payload_hash).equals(header.hash)) return { kind: 'changed' };
      return { kind: 'lines', lines: intactLines(row, (...payload) => this.#unpacker.unpack(...payload)) };
    } catch (error) {
      return {
        kind: 'damaged',
        reason: isDamage(error) ? describeError(error) : `it cannot be read: ${describeError(error)}`,
      };
    }
  }

  /**
   * The batches that may hold records of any of the named streams; no other batch does, but for those whose header says that its
   * streams are not known.
   */
  firstSeqsOf(streams: readonly string[]): ReadonlySet<number> {
    const found = new Set<number>();
    for (const stream of streams)
      for (const seq of this.#ofStream.all({ stream, quoted: JSON.stringify(stream) }) as number[]) found.add(seq);
    for (const seq of this.#unindexed.all() as number[]) found.add(seq);
    return found;
  }

  [Symbol.dispose](): void {
    this.#sketches?.close();
    this.#database.close();
  }

  #header(row: HeaderRow): BatchHeader {
    return {
      firstSeq: row.first_seq,
      records: row.records,
      lineBytes: row.line_bytes,
      receivedFirstMs: row.received_first_ms,
      receivedLastMs: row.received_last_ms,
      eventFirstMs: row.event_first_ms,
      eventLastMs: row.event_last_ms,
      streamsKnown: row.streams_cut === 0,
      hash: hashOf(row.payload_hash),
      datasets: this.#datasetsOf(row.datasets),
    };
  }

  #datasetsOf(text: string): Readonly<Record<string, number>> {
    const known = this.#datasets.get(text);
    if (known !== undefined) return known;
    const datasets = JSON.parse(text) as Record<string, number>;
    if (this.#datasets.size >= DATASETS_KNOWN_MAX) this.#datasets.clear();
    this.#datasets.set(text, datasets);
    return datasets;
  }
}

function hashOf(payloadHash: Buffer): Buffer {
  return payloadHash.subarray(0, SKETCH_HASH_BYTES);
}

import { createHash } from 'node:crypto';
import { contentHash } from './chain.ts';
import { decodePayload } from './codec.ts';

/** A row of the table `batch`, as its columns are called. */
export interface BatchRow extends BatchSummaryRow {
  readonly summary_hash: Buffer;
  readonly payload: Buffer;
}

/** The columns that say what is in a batch. */
export interface BatchSummaryRow {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly payload_bytes: number;
  readonly received_first_ms: number;
  readonly received_last_ms: number;
  readonly event_first_ms: number;
  readonly event_last_ms: number;
  readonly transient: number;
  readonly datasets: string;
  readonly streams: string;
  readonly streams_cut: number;
  readonly encoding: string;
  readonly hash_of: string;
  readonly members: Buffer | null;
  readonly payload_hash: Buffer;
  readonly chain_hash: Buffer;
}

/** In the order of the table, and of `columnValues`. */
export const BATCH_COLUMNS = `first_seq, records, line_bytes, payload_bytes, received_first_ms, received_last_ms, event_first_ms,
  event_last_ms, transient, datasets, streams, streams_cut, encoding, hash_of, members, payload_hash, chain_hash, summary_hash, payload`;

/** What `INSERT OR REPLACE INTO batch (BATCH_COLUMNS)` wants, the summary's hash made anew. */
export function columnValues(row: BatchSummaryRow, payload: Uint8Array): unknown[] {
  return [...summaryValues(row), row.members, row.payload_hash, row.chain_hash, summaryHash(row), payload];
}

/**
 * SHA-256 over everything that a row says about its batch. SQLite finds a page that makes no sense; a bit that turned over in a number or
 * in a name makes sense to it.
 */
export function summaryHash(row: BatchSummaryRow): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(summaryValues(row)))
    .update(row.members ?? '')
    .update(row.payload_hash)
    .update(row.chain_hash)
    .digest();
}

/** The lines of a row, unpacked by `decode`. Throws where anything about the row is not as it was written. */
export function intactLines(row: BatchRow, decode: typeof decodePayload = decodePayload): Buffer {
  if (!summaryHash(row).equals(row.summary_hash)) throw new Error('its summary does not have its hash');
  const lines = decode(row.payload, row.encoding, row.line_bytes);
  if (!contentHash(row.hash_of === 'lines' ? lines : row.payload).equals(row.payload_hash))
    throw new Error('its content does not have its hash');
  return lines;
}

/**
 * The same, given when it is asked for: a batch that is hashed as it is stored need not be unpacked to be found as it was written. Throws
 * at once where it is not.
 */
export function intactContent(row: BatchRow): () => Buffer {
  if (row.hash_of === 'lines') {
    const lines = intactLines(row);
    return () => lines;
  }
  if (!summaryHash(row).equals(row.summary_hash)) throw new Error('its summary does not have its hash');
  if (!contentHash(row.payload).equals(row.payload_hash)) throw new Error('its content does not have its hash');
  return () => decodePayload(row.payload, row.encoding, row.line_bytes);
}

function summaryValues(row: BatchSummaryRow): (number | string)[] {
  return [
    row.first_seq,
    row.records,
    row.line_bytes,
    row.payload_bytes,
    row.received_first_ms,
    row.received_last_ms,
    row.event_first_ms,
    row.event_last_ms,
    row.transient,
    row.datasets,
    row.streams,
    row.streams_cut,
    row.encoding,
    row.hash_of,
  ];
}

import { CHAIN_START, contentHash, decodeMembers, linkThroughMembers, nextLink } from './chain.ts';
import { decodePayload } from './codec.ts';
import type { Sqlite } from './database.ts';

interface Row {
  readonly first_seq: number;
  readonly records: number;
  readonly line_bytes: number;
  readonly encoding: string;
  readonly hash_of: string;
  readonly members: Buffer | null;
  readonly payload_hash: Buffer;
  readonly chain_hash: Buffer;
  readonly payload: Buffer;
}

interface Gap {
  readonly first_seq: number;
  readonly records: number;
  readonly reason: string;
  readonly chain_before: Buffer;
  readonly chain_after: Buffer;
}

/** Something that does not fit, and where. */
export interface Misfit {
  readonly seq: number;
  readonly problem: string;
}

export interface Verification {
  readonly batches: number;
  readonly records: number;
  readonly goneRecords: number;
  readonly misfits: readonly Misfit[];
  /** The chain's value at the end. */
  readonly head: string;
}

/** Misfits beyond this many are counted by the first ones. */
const MISFITS_MAX = 100;

/**
 * Walks the hash chain from the first record to the last: every batch's content against its hash, every link against the one before,
 * and that the places follow each other. `onProgress` is told the records walked so far.
 */
export function verifyChain(database: Sqlite, onProgress: (records: number) => void): Verification {
  const gaps = database
    .prepare('SELECT first_seq, records, reason, chain_before, chain_after FROM gap ORDER BY first_seq')
    .all() as Gap[];
  const walk = new Walk();
  let nextGap = 0;
  const rows = database
    .prepare(
      `SELECT first_seq, records, line_bytes, encoding, hash_of, members, payload_hash, chain_hash, payload FROM batch
       ORDER BY first_seq`,
    )
    .iterate() as IterableIterator<Row>;
  for (const row of rows) {
    for (; nextGap < gaps.length && gaps[nextGap]!.first_seq < row.first_seq; nextGap++) walk.gap(gaps[nextGap]!);
    walk.batch(row);
    onProgress(walk.records);
  }
  for (; nextGap < gaps.length; nextGap++) walk.gap(gaps[nextGap]!);
  return walk.result();
}

class Walk {
  records = 0;
  #batches = 0;
  #gone = 0;
  #link: Buffer = CHAIN_START;
  #nextSeq: number | undefined;
  readonly #misfits: Misfit[] = [];

  gap(gap: Gap): void {
    this.#follows(gap.first_seq);
    // Before the very first thing in the journal there is nothing to compare with.
    if (this.#nextSeq !== undefined && !gap.chain_before.equals(this.#link))
      this.#misfit(
        gap.first_seq,
        `the mark of ${gap.records} records gone (${gap.reason}) does not fit what stands before it`,
      );
    this.#link = gap.chain_after;
    this.#gone += gap.records;
    this.#nextSeq = gap.first_seq + gap.records;
  }

  batch(row: Row): void {
    this.#follows(row.first_seq);
    this.#batches++;
    this.records += row.records;
    this.#nextSeq = row.first_seq + row.records;
    const link = this.#linkOf(row);
    if (link !== undefined && !link.equals(row.chain_hash))
      this.#misfit(row.first_seq, 'its place in the chain does not fit: it, or what stood before it, was changed');
    this.#link = row.chain_hash;
  }

  result(): Verification {
    return {
      batches: this.#batches,
      records: this.records,
      goneRecords: this.#gone,
      misfits: this.#misfits,
      head: this.#link.toString('hex'),
    };
  }

  #follows(firstSeq: number): void {
    if (this.#nextSeq === undefined || this.#nextSeq === firstSeq) return;
    const kind =
      firstSeq > this.#nextSeq
        ? `records ${this.#nextSeq} to ${firstSeq - 1} are missing`
        : 'it overlaps what stands before it';
    this.#misfit(firstSeq, kind);
  }

  #linkOf(row: Row): Buffer | undefined {
    try {
      const lines = decodePayload(row.payload, row.encoding, row.line_bytes);
      if (!contentHash(row.hash_of === 'lines' ? lines : row.payload).equals(row.payload_hash)) {
        this.#misfit(row.first_seq, 'its content does not have its hash: it was changed');
        return undefined;
      }
      return row.members === null
        ? nextLink(this.#link, { firstSeq: row.first_seq, records: row.records, hash: row.payload_hash })
        : linkThroughMembers(this.#link, {
            firstSeq: row.first_seq,
            records: row.records,
            lines,
            members: decodeMembers(row.members),
          });
    } catch (error) {
      this.#misfit(row.first_seq, `it cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
      return undefined;
    }
  }

  #misfit(seq: number, problem: string): void {
    if (this.#misfits.length < MISFITS_MAX) this.#misfits.push({ seq, problem });
  }
}

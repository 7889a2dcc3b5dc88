import { BATCH_COLUMNS, intactLines, type BatchRow } from './batch-row.ts';
import { CHAIN_START, decodeMembers, linkThroughMembers, nextLink } from './chain.ts';
import type { Sqlite } from './database.ts';
import { gapHash, type GapRow } from './gaps.ts';

interface Gap extends GapRow {
  readonly gap_hash: Buffer;
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
  const gaps = database.prepare('SELECT * FROM gap ORDER BY first_seq').all() as Gap[];
  const walk = new Walk();
  let nextGap = 0;
  const rows = database
    .prepare(`SELECT ${BATCH_COLUMNS} FROM batch NOT INDEXED ORDER BY first_seq`)
    .iterate() as IterableIterator<BatchRow>;
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
    if (!gapHash(gap).equals(gap.gap_hash))
      this.#misfit(gap.first_seq, `the mark of ${gap.records} records gone (${gap.reason}) was changed`);
    else if (this.#known && !gap.chain_before.equals(this.#link))
      this.#misfit(
        gap.first_seq,
        `the mark of ${gap.records} records gone (${gap.reason}) does not fit what stands before it`,
      );
    this.#link = gap.chain_after;
    this.#gone += gap.records;
    this.#nextSeq = gap.first_seq + gap.records;
  }

  batch(row: BatchRow): void {
    this.#follows(row.first_seq);
    this.#batches++;
    this.records += row.records;
    this.#nextSeq = row.first_seq + row.records;
    const link = this.#linkOf(row);
    if (this.#known && link !== undefined && !link.equals(row.chain_hash))
      this.#misfit(row.first_seq, 'its place in the chain does not fit: it, or what stood before it, was changed');
    this.#link = Buffer.isBuffer(row.chain_hash) ? row.chain_hash : Buffer.alloc(0);
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

  #linkOf(row: BatchRow): Buffer | undefined {
    try {
      const lines = intactLines(row);
      return row.members === null
        ? nextLink(this.#link, { firstSeq: row.first_seq, records: row.records, hash: row.payload_hash })
        : linkThroughMembers(this.#link, {
            firstSeq: row.first_seq,
            records: row.records,
            lines,
            members: decodeMembers(row.members),
          });
    } catch (error) {
      this.#misfit(
        row.first_seq,
        `it is not as it was written: ${error instanceof Error ? error.message : 'it cannot be read'}`,
      );
      return undefined;
    }
  }

  /** False after something that could not be read: what followed it cannot be compared with it. */
  get #known(): boolean {
    return this.#link.length > 0;
  }

  #misfit(seq: number, problem: string): void {
    if (this.#misfits.length < MISFITS_MAX) this.#misfits.push({ seq, problem });
  }
}

import { AnchorCheck, type Anchor, type AnchorsChecked } from './anchors.ts';
import { BATCH_COLUMNS, intactContent, type BatchRow } from './batch-row.ts';
import { CHAIN_START, decodeMembers, linkThroughMembers, nextLink } from './chain.ts';
import type { Sqlite } from './database.ts';
import { gapHash, type GapRow } from './gaps.ts';
import { PurgeProof } from './purge/purge-proof.ts';

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
  /** Records that were read. */
  readonly records: number;
  readonly goneRecords: number;
  /** Of those gone, how many for which reason: quota, purge, transient, damaged. */
  readonly goneBy: Readonly<Record<string, number>>;
  readonly certificates: number;
  readonly anchors: AnchorsChecked;
  /** The first place first. */
  readonly misfits: readonly Misfit[];
  /** The chain's value at the end. */
  readonly head: string;
}

/** What a chain is held against beside itself. */
export interface Witnesses {
  readonly anchors?: readonly Anchor[];
  /** The place up to which the journal is known to have come. */
  readonly nextSeqMin?: number;
}

/** Misfits beyond this many are counted by the first ones. */
const MISFITS_MAX = 100;

/**
 * Walks the hash chain from the first record to the last: every batch's content against its hash, every link against the one before, that
 * the places follow each other, that purges account for what they took. `onProgress` is told the records walked so far.
 */
export function verifyChain(
  database: Sqlite,
  onProgress: (records: number) => void,
  witnesses: Witnesses = {},
): Verification {
  const gaps = database.prepare('SELECT * FROM gap ORDER BY first_seq').all() as Gap[];
  const walk = new Walk(database, witnesses);
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
  readonly #gone = new Map<string, number>();
  readonly #gaps: Gap[] = [];
  #link: Buffer = CHAIN_START;
  #nextSeq: number | undefined;
  readonly #misfits: Misfit[] = [];
  readonly #database: Sqlite;
  readonly #witnesses: Witnesses;
  readonly #purges: PurgeProof;
  readonly #anchors: AnchorCheck;

  constructor(database: Sqlite, witnesses: Witnesses) {
    const report = (seq: number, problem: string): void => this.#misfit(seq, problem);
    this.#database = database;
    this.#witnesses = witnesses;
    this.#purges = new PurgeProof(database, report);
    this.#anchors = new AnchorCheck(witnesses.anchors ?? [], report);
  }

  gap(gap: Gap): void {
    this.#follows(gap.first_seq);
    if (!gapHash(gap).equals(gap.gap_hash))
      this.#misfit(gap.first_seq, `the mark of ${gap.records} records gone (${gap.reason}) was changed`);
    else if (this.#known && !gap.chain_before.equals(this.#link))
      this.#misfit(
        gap.first_seq,
        `the mark of ${gap.records} records gone (${gap.reason}) does not fit what stands before it`,
      );
    if (gap.reason === 'purge') this.#purges.gap(gap, (seq, link) => this.#anchors.at(seq, link));
    this.#gaps.push(gap);
    this.#gone.set(gap.reason, (this.#gone.get(gap.reason) ?? 0) + gap.records);
    this.#stepTo(gap.first_seq + gap.records, gap.chain_after);
  }

  batch(row: BatchRow): void {
    this.#follows(row.first_seq);
    this.#batches++;
    this.records += row.records;
    const link = this.#linkOf(row);
    if (this.#known && link !== undefined && !link.equals(row.chain_hash))
      this.#misfit(row.first_seq, 'its place in the chain does not fit: it, or what stood before it, was changed');
    this.#stepTo(row.first_seq + row.records, Buffer.isBuffer(row.chain_hash) ? row.chain_hash : Buffer.alloc(0));
  }

  result(): Verification {
    const certificates = this.#purges.certificates((seq) =>
      this.#gaps.some((gap) => seq >= gap.first_seq && seq < gap.first_seq + gap.records),
    );
    const nextSeq = this.#nextSeq ?? 1;
    const nextSeqMin = this.#witnesses.nextSeqMin ?? 0;
    if (nextSeqMin > nextSeq)
      this.#misfit(nextSeq, `the journal ends here, and had come to ${nextSeqMin}: its end is gone`);
    const hashes = this.#database.prepare('SELECT lower(hex(hash)) FROM certificate').pluck().all() as string[];
    const anchors = this.#anchors.end(nextSeq, new Set(hashes));
    const absent = this.#database.prepare('SELECT coalesce(sum(records), 0) FROM batch_absent').pluck().get();
    this.#gone.set('purge', (this.#gone.get('purge') ?? 0) + Number(absent));
    return {
      batches: this.#batches,
      records: this.records - Number(absent),
      goneRecords: [...this.#gone.values()].reduce((sum, records) => sum + records, 0),
      goneBy: Object.fromEntries(this.#gone),
      certificates,
      anchors,
      misfits: this.#misfits.toSorted((a, b) => a.seq - b.seq),
      head: this.#link.toString('hex'),
    };
  }

  #stepTo(seq: number, link: Buffer): void {
    this.#link = link;
    this.#nextSeq = seq;
    this.#anchors.at(seq, link);
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
      const content = intactContent(row);
      const purged = this.#purges.batch(row, content, this.#link);
      if (purged !== undefined) return purged;
      if (row.members === null)
        return nextLink(this.#link, { firstSeq: row.first_seq, records: row.records, hash: row.payload_hash });
      const members = decodeMembers(row.members);
      const batch = { firstSeq: row.first_seq, records: row.records, lines: content(), members };
      return linkThroughMembers(this.#link, batch, (seq, link) => this.#anchors.at(seq, link));
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

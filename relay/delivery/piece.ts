import type { DeliveryLimits } from '../component/output.ts';
import { endSeq, type Batch } from '../record/batch.ts';
import { emptyLines, forEachLine, lineOffsets } from '../record/lines.ts';
import type { Matcher } from './match.ts';

/**
 * What goes to an endpoint in one delivery, and the stretch of the journal it settles: from `fromSeq` up to `toSeq`. The records of
 * that stretch that the endpoint does not want are in no piece's lines, but their places are settled with it.
 */
export interface Piece {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly records: number;
  readonly lines: Buffer;
  /** The place of each record; undefined where they follow each other from `fromSeq`. */
  readonly seqs: readonly number[] | undefined;
  /** The places, in this piece and beside it, whose record was purged; undefined where there is none. */
  readonly absent?: readonly number[];
  readonly receivedFirstMs: number;
  readonly receivedLastMs: number;
  /** Says that the lines are not needed any more. To be called once. */
  readonly release: () => void;
}

/** The place of a piece's record. */
export function seqAt(piece: Piece, index: number): number {
  if (index >= piece.records) return piece.toSeq;
  return piece.seqs === undefined ? piece.fromSeq + index : piece.seqs[index]!;
}

/** How many places of a piece hold no record any more. */
export function absentIn({ absent, fromSeq, toSeq }: Piece): number {
  return absent === undefined ? 0 : absent.filter((seq) => seq >= fromSeq && seq < toSeq).length;
}

/**
 * Cuts a batch, from `fromSeq` up to, not including, `untilSeq`, into pieces within the limits. Takes over the caller's hold on the
 * batch.
 */
export function cutBatch(
  batch: Batch,
  fromSeq: number,
  matcher: Matcher,
  limits: DeliveryLimits,
  untilSeq = Number.MAX_SAFE_INTEGER,
): Piece[] {
  const verdict = matcher.batch(batch.datasets);
  const stretch = stretchOf(batch, fromSeq, untilSeq);
  const wanted = verdict === 'none' ? undefined : verdict === 'all' ? EVERYTHING : matcher;
  const whole = verdict === 'all' && stretch.absent === undefined ? stretch : filtered(stretch, wanted);
  return withinLimits(whole, limits);
}

const EVERYTHING: Pick<Matcher, 'line'> = { line: () => true };

/** Cuts a piece in two before the record at `index`. Takes over the caller's hold. */
export function splitPiece(piece: Piece, index: number): [Piece, Piece] {
  const offsets = lineOffsets(piece.lines, piece.records);
  const at = offsets[index]!;
  const seq = seqAt(piece, index);
  const release = shareRelease(piece.release, 2);
  return [
    {
      ...piece,
      toSeq: seq,
      records: index,
      lines: piece.lines.subarray(0, at),
      seqs: piece.seqs?.slice(0, index),
      release,
    },
    {
      ...piece,
      fromSeq: seq,
      records: piece.records - index,
      lines: piece.lines.subarray(at),
      seqs: piece.seqs?.slice(index),
      release,
    },
  ];
}

/** All records of a batch between two places. */
function stretchOf(batch: Batch, fromSeq: number, untilSeq: number): Piece {
  const start = Math.max(fromSeq, batch.firstSeq);
  const end = Math.min(untilSeq, endSeq(batch));
  const { lines, receivedFirstMs, receivedLastMs, release } = batch;
  const absent = (batch.absent ?? 0) === 0 ? {} : { absent: emptyLines(lines).map((index) => batch.firstSeq + index) };
  const piece = { fromSeq: start, toSeq: end, records: end - start, seqs: undefined, ...absent };
  if (piece.records === batch.records) return { ...piece, lines, receivedFirstMs, receivedLastMs, release };
  const offsets = lineOffsets(lines, batch.records);
  const wanted = lines.subarray(offsets[start - batch.firstSeq], offsets[end - batch.firstSeq]);
  return { ...piece, lines: wanted, receivedFirstMs, receivedLastMs, release };
}

/** The piece without the records that the endpoint does not want, or that were purged: with no matcher, without any. The lines are copied. */
function filtered(piece: Piece, matcher: Pick<Matcher, 'line'> | undefined): Piece {
  const parts: Buffer[] = [];
  const seqs: number[] = [];
  if (matcher !== undefined) {
    forEachLine(piece.lines, (from, to, index) => {
      if (!matcher.line(piece.lines.toString('utf8', from, to))) return;
      parts.push(piece.lines.subarray(from, to + 1));
      seqs.push(piece.fromSeq + index);
    });
  }
  const lines = Buffer.concat(parts);
  piece.release();
  return { ...piece, records: seqs.length, lines, seqs, release: () => {} };
}

/** The piece without the records at some places, which were purged after it was read. Takes over the caller's hold; the lines are copied. */
export function withoutPurged(piece: Piece, purged: ReadonlySet<number>): Piece {
  const parts: Buffer[] = [];
  const seqs: number[] = [];
  const gone: number[] = [];
  forEachLine(piece.lines, (from, to, index) => {
    const seq = seqAt(piece, index);
    if (purged.has(seq)) return void gone.push(seq);
    parts.push(piece.lines.subarray(from, to + 1));
    seqs.push(seq);
  });
  if (gone.length === 0) return piece;
  const absent = [...(piece.absent ?? []), ...gone].toSorted((a, b) => a - b);
  const lines = Buffer.concat(parts);
  piece.release();
  return { ...piece, records: seqs.length, lines, seqs, absent, release: () => {} };
}

function withinLimits(piece: Piece, limits: DeliveryLimits): Piece[] {
  if (piece.records <= limits.recordsMax && piece.lines.length <= limits.bytesMax) return [piece];
  const offsets = lineOffsets(piece.lines, piece.records);
  const cuts: number[] = [0];
  for (let i = 1, from = 0; i <= piece.records; i++) {
    const full = i - from > limits.recordsMax || offsets[i]! - offsets[from]! > limits.bytesMax;
    // One record alone may be larger than the limit: it goes by itself, and the output says what becomes of it.
    if (!full || i - from === 1) continue;
    from = i - 1;
    cuts.push(from);
  }
  const release = shareRelease(piece.release, cuts.length);
  return cuts.map((from, n) => {
    const to = cuts[n + 1] ?? piece.records;
    return {
      ...piece,
      fromSeq: n === 0 ? piece.fromSeq : seqAt(piece, from),
      toSeq: seqAt(piece, to),
      records: to - from,
      lines: piece.lines.subarray(offsets[from], offsets[to]),
      seqs: piece.seqs?.slice(from, to),
      release,
    };
  });
}

/** `release` for a number of holders: the last call is the one that counts. */
function shareRelease(release: () => void, holders: number): () => void {
  let left = holders;
  return () => {
    left--;
    if (left === 0) release();
  };
}

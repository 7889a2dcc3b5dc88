import type { DeliveryLimits } from '../component/output.ts';
import { endSeq, type Batch } from '../record/batch.ts';
import { forEachLine, lineOffsets } from '../record/lines.ts';
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
  readonly receivedLastMs: number;
  /** Says that the lines are not needed any more. To be called once. */
  readonly release: () => void;
}

/** The place of a piece's record. */
export function seqAt(piece: Piece, index: number): number {
  if (index >= piece.records) return piece.toSeq;
  return piece.seqs === undefined ? piece.fromSeq + index : piece.seqs[index]!;
}

/** Cuts a batch, from `fromSeq` on, into pieces within the limits. Takes over the caller's hold on the batch. */
export function cutBatch(batch: Batch, fromSeq: number, matcher: Matcher, limits: DeliveryLimits): Piece[] {
  const start = Math.max(fromSeq, batch.firstSeq);
  const verdict = matcher.batch(batch.datasets);
  if (
    verdict === 'all' &&
    start === batch.firstSeq &&
    batch.records <= limits.recordsMax &&
    batch.lines.length <= limits.bytesMax
  ) {
    return [
      {
        fromSeq: start,
        toSeq: endSeq(batch),
        records: batch.records,
        lines: batch.lines,
        seqs: undefined,
        receivedLastMs: batch.receivedLastMs,
        release: batch.release,
      },
    ];
  }
  if (verdict === 'none') {
    batch.release();
    return [emptyPiece(start, endSeq(batch), batch.receivedLastMs)];
  }
  const whole = verdict === 'all' ? tailOf(batch, start) : filtered(batch, start, matcher);
  return whole.records === 0 ? [whole] : withinLimits(whole, limits);
}

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

/** A stretch that holds nothing for this endpoint. */
export function emptyPiece(fromSeq: number, toSeq: number, receivedLastMs: number): Piece {
  return { fromSeq, toSeq, records: 0, lines: Buffer.alloc(0), seqs: [], receivedLastMs, release: () => {} };
}

function tailOf(batch: Batch, start: number): Piece {
  const skip = start - batch.firstSeq;
  const offset = skip === 0 ? 0 : lineOffsets(batch.lines, batch.records)[skip]!;
  return {
    fromSeq: start,
    toSeq: endSeq(batch),
    records: batch.records - skip,
    lines: batch.lines.subarray(offset),
    seqs: undefined,
    receivedLastMs: batch.receivedLastMs,
    release: batch.release,
  };
}

function filtered(batch: Batch, start: number, matcher: Matcher): Piece {
  const parts: Buffer[] = [];
  const seqs: number[] = [];
  forEachLine(batch.lines, (from, to, index) => {
    const seq = batch.firstSeq + index;
    if (seq < start || !matcher.line(batch.lines.toString('utf8', from, to))) return;
    parts.push(batch.lines.subarray(from, to + 1));
    seqs.push(seq);
  });
  const lines = Buffer.concat(parts);
  batch.release();
  return {
    fromSeq: start,
    toSeq: endSeq(batch),
    records: seqs.length,
    lines,
    seqs,
    receivedLastMs: batch.receivedLastMs,
    release: () => {},
  };
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

import type { RelayError } from '../errors.ts';
import type { Progress, RefusedRecord } from '../journal/journal.ts';
import { absentIn, seqAt, splitPiece, withoutPurged, type Piece } from './piece.ts';

interface Slot {
  piece: Piece;
  status: 'waiting' | 'sending' | 'done';
  /** A record of this piece was refused for good; it is then the only one in it. */
  readonly refused: RefusedRecord | undefined;
}

/**
 * The pieces between the cursor and the place up to which records were taken from the journal, in order. A piece that fails waits to
 * be sent again; one that is done waits until all before it are.
 */
export class Window {
  #slots: Slot[] = [];
  /** Pieces that were forgotten while they were being sent: their lines are in use until the answer comes. */
  readonly #forgotten = new Set<Piece>();
  /** Places of records that were purged since they were read: they are left out when their piece is sent. */
  readonly #purged = new Set<number>();

  get length(): number {
    return this.#slots.length;
  }

  /** The first piece that is not settled. */
  get first(): Piece | undefined {
    return this.#slots[0]?.piece;
  }

  /** True where `take` has something to give. */
  get waiting(): boolean {
    return this.#slots.some(({ status }) => status === 'waiting');
  }

  add(piece: Piece): void {
    this.#slots.push({ piece, status: piece.records === 0 ? 'done' : 'waiting', refused: undefined });
  }

  /** The first piece that waits, now counted as being sent; undefined also where nothing is left of those that waited. It must be answered by `done`, `again`, `refuse` or `halve`. */
  take(): Piece | undefined {
    for (const slot of this.#slots) {
      if (slot.status !== 'waiting') continue;
      if (this.#purged.size > 0) slot.piece = withoutPurged(slot.piece, this.#purged);
      slot.status = slot.piece.records === 0 ? 'done' : 'sending';
      if (slot.status === 'sending') return slot.piece;
    }
    return undefined;
  }

  /** Has records that were purged not be sent. What is being sent goes on; where it fails, it goes without them the next time. */
  leaveOut(seqs: readonly number[]): void {
    for (const seq of seqs) this.#purged.add(seq);
  }

  done(piece: Piece): void {
    const slot = this.#answered(piece);
    if (slot !== undefined) slot.status = 'done';
  }

  again(piece: Piece): void {
    const slot = this.#answered(piece);
    if (slot !== undefined) slot.status = 'waiting';
  }

  /** The records before `index` were taken, the one at it never will be, the rest waits. Returns the refused record. */
  refuse(piece: Piece, index: number, failure: RelayError): RefusedRecord | undefined {
    if (this.#answered(piece) === undefined) return undefined;
    const [before, rest] = index === 0 ? [undefined, piece] : splitPiece(piece, index);
    const [culprit, after] = rest.records === 1 ? [rest, undefined] : splitPiece(rest, 1);
    const refused: RefusedRecord = {
      seq: seqAt(culprit, 0),
      code: failure.code,
      reason: failure.message,
      line: Uint8Array.from(culprit.lines.subarray(0, culprit.lines.length - 1)),
    };
    this.#replace(piece, [
      ...(before === undefined ? [] : [{ piece: before, status: 'done' as const, refused: undefined }]),
      { piece: culprit, status: 'done', refused },
      ...(after === undefined ? [] : [{ piece: after, status: 'waiting' as const, refused: undefined }]),
    ]);
    return refused;
  }

  /** Something in the piece was refused, not known what: each half is tried by itself. */
  halve(piece: Piece): void {
    if (this.#answered(piece) === undefined) return;
    const halves = splitPiece(piece, piece.records >> 1);
    this.#replace(
      piece,
      halves.map((half) => ({ piece: half, status: 'waiting' as const, refused: undefined })),
    );
  }

  /** Takes out the pieces at the front that are done, and says what they come to. */
  settle(): Progress | undefined {
    let count = 0;
    while (count < this.#slots.length && this.#slots[count]!.status === 'done') count++;
    // Places that follow each other only: what has gone from the journal between two pieces is for the journal to count.
    let end = 1;
    while (end < count && this.#slots[end]!.piece.fromSeq === this.#slots[end - 1]!.piece.toSeq) end++;
    if (count === 0) return undefined;
    const settled = this.#slots.splice(0, end);
    const fromSeq = settled[0]!.piece.fromSeq;
    const toSeq = settled.at(-1)!.piece.toSeq;
    const refused = settled.flatMap((slot) => slot.refused ?? []);
    const records = settled.reduce((sum, slot) => sum + slot.piece.records, 0);
    const absent = settled.reduce((sum, slot) => sum + absentIn(slot.piece), 0);
    for (const slot of settled) slot.piece.release();
    for (const seq of this.#purged) if (seq < toSeq) this.#purged.delete(seq);
    return {
      fromSeq,
      toSeq,
      delivered: records - refused.length,
      filtered: toSeq - fromSeq - records - absent,
      refused,
      ...(absent === 0 ? {} : { purged: absent }),
    };
  }

  /** Forgets everything; the journal has it. An answer to a piece that is being sent changes nothing any more. */
  clear(): void {
    for (const { piece, status } of this.#slots) {
      if (status === 'sending') this.#forgotten.add(piece);
      else piece.release();
    }
    this.#slots = [];
    this.#purged.clear();
  }

  /** The slot of a piece whose answer has come; undefined where it was forgotten meanwhile. */
  #answered(piece: Piece): Slot | undefined {
    if (this.#forgotten.delete(piece)) {
      piece.release();
      return undefined;
    }
    return this.#slots.find((slot) => slot.piece === piece && slot.status === 'sending');
  }

  #replace(piece: Piece, slots: readonly Slot[]): void {
    const at = this.#slots.findIndex((candidate) => candidate.piece === piece);
    this.#slots.splice(at, 1, ...slots);
  }
}

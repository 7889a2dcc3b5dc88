/**
 * Memory that the reading thread fills and the main thread reads. It goes back and forth between the two by a number, since handing over
 * fresh memory for each batch keeps the garbage collectors of both busier than the reading itself.
 */
export interface LentMemory {
  readonly id: number;
  /** Sent along the first time only. */
  readonly shared: SharedArrayBuffer | undefined;
  readonly bytes: number;
}

/** Pieces are at least this large, so that one made for a small batch serves a usual one later. */
const PIECE_BYTES_MIN = 655_360;
/** Pieces kept for re-use. */
const IDLE_MAX = 32;

/** The reading thread's side. */
export class Lender {
  readonly #pieces = new Map<number, Uint8Array>();
  readonly #idle: number[] = [];
  #nextId = 1;

  /** Copies bytes into memory that the other thread may read until it gives it back. */
  lend(bytes: Uint8Array): LentMemory {
    const at = this.#idle.findLastIndex((id) => this.#pieces.get(id)!.length >= bytes.length);
    if (at >= 0) {
      const [id = 0] = this.#idle.splice(at, 1);
      this.#pieces.get(id)!.set(bytes);
      return { id, shared: undefined, bytes: bytes.length };
    }
    const shared = new SharedArrayBuffer(Math.max(PIECE_BYTES_MIN, bytes.length));
    const id = this.#nextId++;
    const piece = new Uint8Array(shared);
    piece.set(bytes);
    this.#pieces.set(id, piece);
    return { id, shared, bytes: bytes.length };
  }

  /** The other thread is done with a piece. */
  takeBack(id: number): void {
    if (this.#idle.length < IDLE_MAX) this.#idle.push(id);
    else this.#pieces.delete(id);
  }
}

/** The main thread's side. */
export class Borrower {
  readonly #pieces = new Map<number, SharedArrayBuffer>();

  /** The bytes that were lent. */
  open({ id, shared, bytes }: LentMemory): Buffer {
    if (shared !== undefined) this.#pieces.set(id, shared);
    const piece = this.#pieces.get(id);
    if (piece === undefined) throw new Error(`memory ${id} was never lent`);
    return Buffer.from(piece, 0, bytes);
  }
}

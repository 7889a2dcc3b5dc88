/**
 * Datagrams on their way from a thread that receives them to the one that records them: in a block of shared memory, one after the
 * other, each behind its length and its sender's number within the block (32 bits each).
 */
const HEAD_BYTES = 8;

/** No datagram is longer (RFC 768: 16 bits of length). */
export const DATAGRAM_BYTES_MAX = 65_536;
/** A block holds at least one datagram of any length. */
export const BLOCK_BYTES_MIN = HEAD_BYTES + DATAGRAM_BYTES_MAX;

/** Fills a block. */
export class BlockFiller {
  readonly shared: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #numbers = new Map<string, number>();
  #position = 0;
  #datagrams = 0;

  constructor(bytes: number) {
    this.shared = new SharedArrayBuffer(bytes);
    this.#bytes = new Uint8Array(this.shared);
    this.#view = new DataView(this.shared);
  }

  /** The bytes in use. */
  get bytes(): number {
    return this.#position;
  }

  get datagrams(): number {
    return this.#datagrams;
  }

  /** The senders, by their numbers. */
  get senders(): string[] {
    return [...this.#numbers.keys()];
  }

  /** False, and nothing is added, where the block has no room for it. */
  add(datagram: Uint8Array, sender: string): boolean {
    const start = this.#position + HEAD_BYTES;
    if (start + datagram.length > this.#bytes.length) return false;
    let number = this.#numbers.get(sender);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(sender, number);
    }
    this.#view.setUint32(this.#position, datagram.length, true);
    this.#view.setUint32(this.#position + 4, number, true);
    this.#bytes.set(datagram, start);
    this.#position = start + datagram.length;
    this.#datagrams++;
    return true;
  }

  clear(): void {
    this.#position = 0;
    this.#datagrams = 0;
    this.#numbers.clear();
  }
}

/** Calls `visit` for each datagram of a block, in the order of their arrival. */
export function forEachDatagram(
  view: DataView,
  bytes: number,
  visit: (start: number, length: number, sender: number) => void,
): void {
  for (let at = 0; at < bytes;) {
    const length = view.getUint32(at, true);
    visit(at + HEAD_BYTES, length, view.getUint32(at + 4, true));
    at += HEAD_BYTES + length;
  }
}

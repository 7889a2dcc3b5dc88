import type { StreamName } from './batch.ts';
import { sourceOf, type Source } from './line-writer.ts';

/** More names than this in one batch, and the index gives up on it. */
const NAMES_MAX = 512;
const NAME_BYTES_MAX = 255;
/** Names remembered from batch to batch. With those of one batch more, they leave most slots free. */
const KNOWN_MAX = 2_048;
const SLOTS = 8_192;

interface KnownName {
  readonly kind: string;
  readonly bytes: Source;
  readonly name: StreamName;
  /** The last batch that it was in. */
  batch: number;
}

/**
 * The distinct stream names of one batch. It is asked once or twice for each record, so it compares bytes, and since batches mostly
 * have the names of the batch before, it makes a string only for a name that is new to all of them.
 */
export class StreamSet {
  readonly #slots = new Int32Array(SLOTS);
  readonly #known: KnownName[] = [];
  #names: StreamName[] = [];
  #batch = 1;
  #last: Source | undefined;
  #lastKind = '';
  /** True where a name did not fit. */
  full = false;

  add(kind: string, name: Source, start: number, end: number): void {
    // A sender's own name comes with each of its records, as the same object.
    if (start === 0 && name === this.#last && kind === this.#lastKind && end === name.bytes.length) return;
    if (start === 0 && end === name.bytes.length) {
      this.#last = name;
      this.#lastKind = kind;
    }
    const length = Math.min(end - start, NAME_BYTES_MAX);
    // FNV-1a over four bytes at a time: short, and good enough where a collision costs one more look.
    let hash = 0x811c9dc5 ^ kind.length;
    let i = start;
    for (const last = start + length - 4; i <= last; i += 4)
      hash = Math.imul(hash ^ name.view.getInt32(i, true), 0x01000193);
    for (; i < start + length; i++) hash = Math.imul(hash ^ name.bytes[i]!, 0x01000193);
    // A word's last bytes reach only the upper half of a product.
    hash ^= hash >>> 16;
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) {
        this.#insert(slot, kind, name.bytes, start, length);
        return;
      }
      const known = this.#known[entry]!;
      if (!equals(known, kind, name, start, length)) continue;
      if (known.batch !== this.#batch) this.#take(known);
      return;
    }
  }

  names(): StreamName[] {
    return this.#names;
  }

  clear(): void {
    if (this.#known.length > KNOWN_MAX) {
      this.#slots.fill(0);
      this.#known.length = 0;
    }
    this.#batch++;
    this.#last = undefined;
    this.#names = [];
    this.full = false;
  }

  #insert(slot: number, kind: string, bytes: Uint8Array, start: number, length: number): void {
    if (this.#names.length >= NAMES_MAX) {
      this.full = true;
      return;
    }
    const own = Buffer.from(bytes.subarray(start, start + length));
    const known = { kind, bytes: sourceOf(own), name: `${kind}:${own.toString('utf8')}` as const, batch: 0 };
    this.#known.push(known);
    this.#slots[slot] = this.#known.length;
    this.#take(known);
  }

  #take(known: KnownName): void {
    if (this.#names.length >= NAMES_MAX) {
      this.full = true;
      return;
    }
    known.batch = this.#batch;
    this.#names.push(known.name);
  }
}

function equals({ kind, bytes }: KnownName, otherKind: string, other: Source, start: number, length: number): boolean {
  if (bytes.bytes.length !== length || kind !== otherKind) return false;
  let i = 0;
  for (; i <= length - 4; i += 4)
    if (bytes.view.getInt32(i, true) !== other.view.getInt32(start + i, true)) return false;
  for (; i < length; i++) if (bytes.bytes[i] !== other.bytes[start + i]) return false;
  return true;
}

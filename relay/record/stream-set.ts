import type { StreamName } from './batch.ts';
import { sourceOf, type Source } from './line-writer.ts';

/** More names than this in one batch, and the index gives up on it. */
const NAMES_MAX = 512;
const NAME_BYTES_MAX = 255;
const SLOTS = 2_048;

/**
 * The distinct stream names of one batch. It is asked once or twice for each record, so it compares bytes and makes a string
 * only for a name that is new.
 */
export class StreamSet {
  readonly #slots = new Int32Array(SLOTS);
  readonly #kinds: string[] = [];
  readonly #names: Source[] = [];
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
      if (this.#equals(entry, kind, name, start, length)) return;
    }
  }

  names(): StreamName[] {
    return this.#names.map(({ bytes }, i) => `${this.#kinds[i]!}:${Buffer.from(bytes).toString('utf8')}`);
  }

  clear(): void {
    if (this.#names.length > 0) this.#slots.fill(0);
    this.#last = undefined;
    this.#kinds.length = 0;
    this.#names.length = 0;
    this.full = false;
  }

  #insert(slot: number, kind: string, bytes: Uint8Array, start: number, length: number): void {
    if (this.#names.length >= NAMES_MAX) {
      this.full = true;
      return;
    }
    this.#kinds.push(kind);
    this.#names.push(sourceOf(Buffer.from(bytes.subarray(start, start + length))));
    this.#slots[slot] = this.#names.length;
  }

  #equals(entry: number, kind: string, other: Source, start: number, length: number): boolean {
    const name = this.#names[entry]!;
    if (name.bytes.length !== length || this.#kinds[entry] !== kind) return false;
    let i = 0;
    for (; i <= length - 4; i += 4)
      if (name.view.getInt32(i, true) !== other.view.getInt32(start + i, true)) return false;
    for (; i < length; i++) if (name.bytes[i] !== other.bytes[start + i]) return false;
    return true;
  }
}

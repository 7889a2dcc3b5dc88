import type { StreamName } from './batch.ts';
import type { Source } from './line-writer.ts';

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
  readonly #names: Buffer[] = [];
  /** True where a name did not fit. */
  full = false;

  add(kind: string, name: Source, start: number, end: number): void {
    const length = Math.min(end - start, NAME_BYTES_MAX);
    const bytes = name.bytes;
    // FNV-1a: short, and good enough where a collision costs one more look.
    let hash = 0x811c9dc5 ^ kind.length;
    for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) {
        this.#insert(slot, kind, bytes, start, length);
        return;
      }
      if (this.#equals(entry, kind, bytes, start, length)) return;
    }
  }

  names(): StreamName[] {
    return this.#names.map((name, i) => `${this.#kinds[i]!}:${name.toString('utf8')}`);
  }

  clear(): void {
    if (this.#names.length > 0) this.#slots.fill(0);
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
    this.#names.push(Buffer.from(bytes.subarray(start, start + length)));
    this.#slots[slot] = this.#names.length;
  }

  #equals(entry: number, kind: string, bytes: Uint8Array, start: number, length: number): boolean {
    const name = this.#names[entry]!;
    if (name.length !== length || this.#kinds[entry] !== kind) return false;
    for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return false;
    return true;
  }
}

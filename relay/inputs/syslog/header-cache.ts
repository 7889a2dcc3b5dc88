import { sourceOf, type Source } from '../../record/line-writer.ts';

/** The lines of one program mostly have the same header but for the time: this is one such header, and the JSON it became. */
export interface CachedHeader {
  readonly priority: number;
  readonly format: number;
  /** The header's bytes, from behind the time and a space up to the message. */
  readonly key: Source;
  /** The JSON from behind the time up to the message. */
  readonly json: Source;
  /** Where the host's name stands in the key. */
  readonly hostStart: number;
  readonly hostEnd: number;
  /** True where the program is the one that Harbor calls itself. */
  readonly audit: boolean;
}

const SETS = 256;
const WAYS = 4;
/** Longer headers are rare and not worth the memory. */
const KEY_BYTES_MAX = 512;
const KEY_BYTES_MIN = 8;
/** One in so many headers that were not found is kept, so that headers which never come again cost little. */
const KEPT_ONE_IN = 4;
/** After so many look-ups it is seen whether they were worth it: where fewer than half found something, none are made for a while. */
const LOOKUPS_PER_TRIAL = 4_096;
const LINES_ASLEEP = 262_144;

/** Remembers the headers that come again and again, at most 1024 of them, so that they are neither parsed nor written field by field. */
export class HeaderCache {
  readonly #entries: Array<CachedHeader | undefined> = Array.from({ length: SETS * WAYS }, () => undefined);
  #missed = 0;
  #victim = 0;
  #lookups = 0;
  #found = 0;
  #asleep = 0;

  /** To be asked once for each line: false while senders write a new header on most lines, and a look would be wasted. */
  isWorthALook(): boolean {
    if (this.#asleep > 0) {
      this.#asleep--;
      return false;
    }
    if (++this.#lookups < LOOKUPS_PER_TRIAL) return true;
    if (this.#found * 2 < this.#lookups) this.#asleep = LINES_ASLEEP;
    this.#lookups = 0;
    this.#found = 0;
    return true;
  }

  /** The header that stands at `start`, if it is known. Something must follow it. */
  find(priority: number, format: number, source: Source, start: number, end: number): CachedHeader | undefined {
    if (end - start <= KEY_BYTES_MIN) return undefined;
    const first = setOf(priority, source, start);
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#entries[first + way];
      if (entry === undefined) return undefined;
      if (entry.priority !== priority || entry.format !== format || !startsWith(source, start, end, entry.key))
        continue;
      this.#found++;
      return entry;
    }
    return undefined;
  }

  /** Whether the header of a line that was not found shall be kept. */
  wants(start: number, messageStart: number): boolean {
    const length = messageStart - start;
    if (length <= KEY_BYTES_MIN || length > KEY_BYTES_MAX) return false;
    return this.#asleep === 0 && this.#missed++ % KEPT_ONE_IN === 0;
  }

  keep(entry: CachedHeader): void {
    const first = setOf(entry.priority, entry.key, 0);
    for (let way = 0; way < WAYS; way++) {
      if (this.#entries[first + way] !== undefined) continue;
      this.#entries[first + way] = entry;
      return;
    }
    this.#victim = (this.#victim + 1) % WAYS;
    this.#entries[first + this.#victim] = entry;
  }
}

/** A copy of some bytes, to be kept. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Source {
  return sourceOf(Uint8Array.prototype.slice.call(bytes, start, end));
}

/** Every header has `KEY_BYTES_MIN` bytes and one, so these can be read. */
function setOf(priority: number, source: Source, start: number): number {
  const mixed =
    Math.imul(source.view.getInt32(start, true) ^ priority, 0x9e3779b1) ^ source.view.getInt32(start + 4, true);
  return ((Math.imul(mixed, 0x85ebca6b) >>> 24) % SETS) * WAYS;
}

function startsWith(source: Source, start: number, end: number, key: Source): boolean {
  const { length } = key.bytes;
  if (end - start <= length) return false;
  const a = source.view;
  const b = key.view;
  let i = length - 4;
  // From the back: headers that share a set mostly share their beginning.
  for (; i > 0; i -= 4) if (a.getInt32(start + i, true) !== b.getInt32(i, true)) return false;
  return a.getInt32(start, true) === b.getInt32(0, true);
}

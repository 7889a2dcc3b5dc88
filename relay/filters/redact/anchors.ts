import type { Source } from '../../record/line-writer.ts';

/** The bytes that may stand at each of four places in a row: what a search looks for before it looks closer. */
export interface Window {
  readonly places: readonly [readonly number[], readonly number[], readonly number[], readonly number[]];
  /** Which three of the four the first look is for: those from this place on. */
  readonly first: 0 | 1;
  /** How far into what is searched for the window begins; -1 where it begins at the byte before. */
  readonly offset: number;
}

interface Entry<T> {
  readonly what: T;
  readonly offset: number;
}

const NOTHING: readonly never[] = [];

/**
 * Finds the places where any of many windows stands, in one pass. It looks at every second pair of bytes: of the two pairs that three
 * bytes hold, one is always looked at. That leaves nothing to wait for between one look and the next, and so is faster than a search
 * that skips.
 */
export class Anchors<T> {
  /** 1 where a pair of bytes is one of the two of a window. */
  readonly #pairs = new Uint8Array(65_536);
  /** 1 where the hash of a window is: most places are told by it not to be one. */
  readonly #hashes = new Uint8Array(65_536);
  readonly #entries = new Map<number, Entry<T>[]>();

  add({ places, first, offset }: Window, what: T): void {
    for (const place of [first, first + 1])
      for (const low of places[place]!) for (const high of places[place + 1]!) this.#pairs[low | (high << 8)] = 1;
    for (const a of places[0])
      for (const b of places[1])
        for (const c of places[2])
          for (const d of places[3]) this.#addKey(a | (b << 8) | (c << 16) | (d << 24), { what, offset });
  }

  #addKey(key: number, entry: Entry<T>): void {
    this.#hashes[hash(key)] = 1;
    const entries = this.#entries.get(key);
    if (entries === undefined) this.#entries.set(key, [entry]);
    else if (!entries.some(({ what, offset }) => what === entry.what && offset === entry.offset)) entries.push(entry);
  }

  /** The first place from `from` on where a window stands that ends before `end`; -1 where there is none. */
  next({ bytes, view }: Source, from: number, end: number): number {
    const pairs = this.#pairs;
    let at = from;
    for (const last = end - 8; at <= last; at += 8) {
      const four = view.getInt32(at, true);
      const next = view.getInt32(at + 4, true);
      if ((pairs[four & 0xffff]! | pairs[four >>> 16]! | pairs[next & 0xffff]! | pairs[next >>> 16]!) === 0) continue;
      const place = this.#around(bytes, at, at + 6, from, end);
      if (place >= 0) return place;
    }
    return this.#around(bytes, at, end, from, end);
  }

  /** What was added for the window that stands at a place that `next` gave. */
  at(bytes: Uint8Array, place: number): readonly Entry<T>[] {
    return this.#entries.get(keyAt(bytes, place)) ?? NOTHING;
  }

  /** Of the places that the pairs from `first` to `last` may belong to, the first where a window stands. */
  #around(bytes: Uint8Array, first: number, last: number, from: number, end: number): number {
    for (let place = Math.max(from, first - 2), stop = Math.min(last, end - 4); place <= stop; place++) {
      const key = keyAt(bytes, place);
      if (this.#hashes[hash(key)] === 1 && this.#entries.has(key)) return place;
    }
    return -1;
  }
}

function keyAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function hash(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 16;
}

const ANY = Array.from({ length: 256 }, (_, byte) => byte);

/**
 * The window to look for where `places` is searched for, in which each entry is a byte or several that may stand there: of all that it
 * has, the one with the rarest pairs. Where it has three places only, any byte may stand before it.
 */
export function windowIn(places: readonly (readonly number[])[]): Window {
  if (places.length < 4) return { places: [ANY, places[0]!, places[1]!, places[2]!], first: 1, offset: -1 };
  const frequencies = places.map((bytes) => bytes.reduce((sum, byte) => sum + (COMMON[byte] ?? 1), 0));
  let best: Pick<Window, 'first' | 'offset'> = { first: 0, offset: 0 };
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at <= places.length - 3; at++) {
    const [a = 0, b = 0, c = 0] = frequencies.slice(at, at + 3);
    if (b * (a + c) >= least) continue;
    least = b * (a + c);
    best = at + 4 <= places.length ? { first: 0, offset: at } : { first: 1, offset: at - 1 };
  }
  const [a = [], b = [], c = [], d = []] = places.slice(best.offset, best.offset + 4);
  return { places: [a, b, c, d], ...best };
}

export function windowInText(text: Uint8Array): Window {
  return windowIn([...text].map((byte) => [byte]));
}

/** A rough guess at how often a byte stands in a log. */
const COMMON: Readonly<Record<number, number>> = Object.fromEntries([
  ...[...Buffer.from(' etaoinsr0123456789"')].map((byte) => [byte, 12]),
  ...[...Buffer.from('hldcumpgf:,./-')].map((byte) => [byte, 6]),
  ...[...Buffer.from('wybvkxjqz_=\\{}')].map((byte) => [byte, 2]),
]);

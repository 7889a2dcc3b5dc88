import { BLOCK_LINES } from './lines.ts';

/** What became of numbered records. */
export interface Verdict {
  /** Numbers seen at least once. */
  readonly distinct: number;
  readonly lost: number;
  /** Arrivals beyond the first of a number. */
  readonly repeated: number;
  /** First arrivals behind a later number of the same sender's connection. */
  readonly outOfOrder: number;
  /** Lines without a sequence number that was sent. */
  readonly unknown: number;
}

/** Notes which sequence numbers arrive, in a bit each, and in which order. */
export class Judge {
  readonly #seen: Uint8Array;
  readonly #records: number;
  readonly #connections: number;
  readonly #newest: Float64Array;
  #distinct = 0;
  #repeated = 0;
  #outOfOrder = 0;
  #unknown = 0;

  /** Numbers from 0 up to `records`, sent in blocks over so many connections in turn. */
  constructor(records: number, connections: number) {
    this.#records = records;
    this.#connections = connections;
    this.#seen = new Uint8Array(Math.ceil(records / 8));
    this.#newest = new Float64Array(connections).fill(-1);
  }

  get distinct(): number {
    return this.#distinct;
  }

  /** Takes one line, from `start` up to `end`, both within `bytes`. */
  line(bytes: Buffer, start: number, end: number): void {
    this.number(sequenceIn(bytes, start, end));
  }

  number(seq: number): void {
    if (seq < 0 || seq >= this.#records) {
      this.#unknown++;
      return;
    }
    const bit = 1 << (seq & 7);
    const place = seq >>> 3;
    if ((this.#seen[place]! & bit) !== 0) {
      this.#repeated++;
      return;
    }
    this.#seen[place]! |= bit;
    this.#distinct++;
    const connection = Math.floor(seq / BLOCK_LINES) % this.#connections;
    if (seq < this.#newest[connection]!) this.#outOfOrder++;
    else this.#newest[connection] = seq;
  }

  /** `sent` is how many numbers, from 0, were sent; the rest are not missed. */
  verdict(sent: number = this.#records): Verdict {
    return {
      distinct: this.#distinct,
      lost: sent - this.#distinct,
      repeated: this.#repeated,
      outOfOrder: this.#outOfOrder,
      unknown: this.#unknown,
    };
  }
}

const SEQ = Buffer.from('seq');
const AT = Buffer.from('at=');
const AT_AS_FIELD = Buffer.from('"at":');

/** The sequence number of a line: `seq="…"`, or the same inside a JSON string or as a JSON field; -1 where there is none. */
export function sequenceIn(bytes: Buffer, start: number, end: number): number {
  return numberAfter(SEQ, 12, bytes, start, end);
}

/** When a line says it was sent, in microseconds; -1 where it does not. */
export function sentAtIn(bytes: Buffer, start: number, end: number): number {
  const raw = numberAfter(AT, 16, bytes, start, end);
  return raw >= 0 ? raw : numberAfter(AT_AS_FIELD, 16, bytes, start, end);
}

/** Looks further where a name is not followed by a number: an `event.id` may well hold the letters `seq`. */
function numberAfter(name: Buffer, digits: number, bytes: Buffer, start: number, end: number): number {
  for (let at = bytes.indexOf(name, start); at >= 0 && at < end; at = bytes.indexOf(name, at + 1)) {
    const value = digitsAt(bytes, at + name.length, end, digits);
    if (value >= 0) return value;
  }
  return -1;
}

/** Reads `count` digits that follow after at most four bytes of `="`, `=\"` or `":"`; -1 where they do not. */
function digitsAt(bytes: Buffer, start: number, end: number, count: number): number {
  let at = start;
  while (at < start + 4 && !isDigit(bytes[at])) at++;
  if (at + count > end) return -1;
  let value = 0;
  for (const last = at + count; at < last; at++) {
    const byte = bytes[at]!;
    if (!isDigit(byte)) return -1;
    value = value * 10 + byte - 0x30;
  }
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

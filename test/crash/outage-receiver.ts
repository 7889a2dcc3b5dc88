import { LumberjackSink } from './lumberjack-sink.ts';
import { numberedIn } from './numbered.ts';

/** What has arrived of one source. */
export interface ArrivedSource {
  /** Distinct numbers that the first process of the relay stored, and those of the second. */
  readonly distinct: [number, number];
  /** The lowest and the highest number of each process. */
  readonly lowest: [number, number];
  readonly highest: [number, number];
  outOfOrder: number;
  /** Came again with the same `event.id`: delivered twice. */
  repeats: number;
  /** Came again with another one: stored twice. */
  storedTwice: number;
}

const OWN_RECORD = Buffer.from('"dataset":"spillway.');
const EVENT_ID = Buffer.from('"id":"');
const BOOT_AT = 7;
const SEQUENCE_AT = 15;
const ID_LENGTH = 24;
const LIVES_MAX = 2;
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A lumberjack server that acknowledges everything and keeps, of each record, the number and the place in the journal that its
 * `event.id` names: ten bytes each, so that millions fit.
 */
export class OutageReceiver implements AsyncDisposable {
  readonly sources: readonly ArrivedSource[];
  arrivals = 0;
  distinct = 0;
  /** Records that nobody sent, or without an id. */
  unknown = 0;
  /** Two records with one `event.id`. */
  sharedIds = 0;
  firstAtMs = 0;
  lastAtMs = 0;
  readonly #ids: readonly Float64Array[];
  readonly #idsSeen: Uint8Array;
  readonly #boots: string[] = [];
  /** Places of the relay's own records. */
  readonly #own = new Set<number>();
  #sink: LumberjackSink | undefined;

  constructor(recordsOfSource: readonly number[]) {
    this.#ids = recordsOfSource.map((records) => new Float64Array(records).fill(-1));
    const records = recordsOfSource.reduce((sum, each) => sum + each, 0);
    // Records that were sent twice on purpose may be stored twice where something is wrong: room to count them.
    this.#idsSeen = new Uint8Array(2 * records + 1_000);
    this.sources = recordsOfSource.map(() => ({
      distinct: [0, 0],
      lowest: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      highest: [-1, -1],
      outOfOrder: 0,
      repeats: 0,
      storedTwice: 0,
    }));
  }

  /** How many records the relay has stored of its own before a place, such as that the endpoint was down. */
  ownBefore(endSeq: number): number {
    return [...this.#own].filter((sequence) => sequence < endSeq).length;
  }

  has(source: number, number: number): boolean {
    return (this.#ids[source]?.[number] ?? -1) >= 0;
  }

  async listen(port: number): Promise<void> {
    this.#sink = await LumberjackSink.start(port, (payload) => this.#take(payload));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink?.[Symbol.asyncDispose]();
  }

  #take(payload: Buffer): void {
    const idAt = payload.indexOf(EVENT_ID) + EVENT_ID.length;
    if (payload.includes(OWN_RECORD)) {
      this.#own.add(sequenceOf(payload, idAt + SEQUENCE_AT, idAt + ID_LENGTH));
      return;
    }
    this.lastAtMs = performance.now();
    if (this.firstAtMs === 0) this.firstAtMs = this.lastAtMs;
    this.arrivals++;
    const record = numberedIn(payload);
    const ids = record === undefined ? undefined : this.#ids[record.source];
    if (record === undefined || ids === undefined || record.number >= ids.length || idAt < EVENT_ID.length) {
      this.unknown++;
      return;
    }
    const life = this.#lifeOf(payload.toString('latin1', idAt + BOOT_AT, idAt + SEQUENCE_AT - 1));
    const sequence = sequenceOf(payload, idAt + SEQUENCE_AT, idAt + ID_LENGTH);
    this.#note(this.sources[record.source]!, ids, record.number, life, sequence);
  }

  #note(source: ArrivedSource, ids: Float64Array, number: number, life: number, sequence: number): void {
    const id = sequence * LIVES_MAX + life;
    if (ids[number]! >= 0) {
      if (ids[number] === id) source.repeats++;
      else source.storedTwice++;
      return;
    }
    ids[number] = id;
    this.distinct++;
    if (this.#idsSeen[sequence] === 1) this.sharedIds++;
    this.#idsSeen[sequence] = 1;
    if (number < Math.max(...source.highest)) source.outOfOrder++;
    if (life !== 0 && life !== 1) return;
    source.distinct[life]++;
    source.lowest[life] = Math.min(source.lowest[life], number);
    source.highest[life] = Math.max(source.highest[life], number);
  }

  /** Boots are told apart by the second part of the id, which grows; records of the first are the first to arrive. */
  #lifeOf(boot: string): number {
    const known = this.#boots.indexOf(boot);
    if (known >= 0) return known;
    if (this.#boots.length >= LIVES_MAX) throw new Error(`a third process stored records: ${boot}`);
    return this.#boots.push(boot) - 1;
  }
}

function sequenceOf(bytes: Buffer, start: number, end: number): number {
  let sequence = 0;
  for (let at = start; at < end; at++) sequence = sequence * 32 + DIGITS.indexOf(String.fromCharCode(bytes[at]!));
  return sequence;
}

import type { MemberSink } from './json-scan.ts';
import { TRAIT_ESCAPE, findLosses, unescapeJsonString, type Dialect } from './json-text.ts';
import { sourceOf, type Source } from './line-writer.ts';
import { hashBytes, knownKey, sameBytes, type KnownKey } from './sender-keys.ts';

/** More members than this at the top of an object, and it is kept as text. */
export const FIELDS_MAX = 256;
/** A longer name of a member, and the object is kept as text. */
export const KEY_BYTES_MAX = 1_024;

/** How a value's bytes are to be read: as JSON text, as the bytes of a string, or as JSON text that becomes a string. */
export type ValueForm = 'json' | 'text' | 'json_as_text';

const LAST_KEY_BYTES_MAX = 32;
const NOTHING = sourceOf(new Uint8Array(0));

/** One member of a sender's object. Objects of this class are used again for each record. */
export class SenderField {
  /** The name, in UTF-8, without escapes. */
  key: Source = NOTHING;
  keyStart = 0;
  keyEnd = 0;
  value: Source = NOTHING;
  start = 0;
  end = 0;
  form: ValueForm = 'json';
  /** For JSON: what it holds beside plain ASCII. */
  traits = 0;
  /** What follows from the name: its hash and its meaning. */
  hash = 0;
  known: KnownKey | undefined;
  /** The name that these were worked out for: in a flow of records the same names come in the same order. */
  readonly #lastKey = new Uint8Array(LAST_KEY_BYTES_MAX);
  #lastKeyLength = -1;
  /** True once it has found its place in the line, or has none. */
  placed = false;

  /** Sets the name, in UTF-8. */
  setKey(key: Source, start: number, end: number): void {
    const { bytes } = key;
    this.key = key;
    this.keyStart = start;
    this.keyEnd = end;
    const length = end - start;
    if (length === this.#lastKeyLength && sameBytes(this.#lastKey, 0, length, bytes, start, end)) return;
    this.hash = hashBytes(bytes, start, end);
    this.known = knownKey(bytes, start, end, this.hash);
    this.#lastKeyLength = length <= LAST_KEY_BYTES_MAX ? length : -1;
    for (let i = 0; i < this.#lastKeyLength; i++) this.#lastKey[i] = bytes[start + i]!;
  }

  get isString(): boolean {
    return this.form === 'text' || this.value.bytes[this.start] === 0x22;
  }

  get isObject(): boolean {
    return this.form === 'json' && this.value.bytes[this.start] === 0x7b;
  }

  /** Where a string's characters begin and end: inside the quotes, if it has any. */
  get textStart(): number {
    return this.form === 'text' ? this.start : this.start + 1;
  }

  get textEnd(): number {
    return this.form === 'text' ? this.end : this.end - 1;
  }
}

/** A record as its sender gave it. One object is filled anew, `begin` first, for each record. */
export class SenderRecord implements MemberSink {
  readonly fields: SenderField[] = [];
  count = 0;
  /** Bytes that its texts take at most: of the source, or of its values as JSON where they are longer. */
  bytes = 0;
  /** The source: what `event.original` holds where the fields do not give it back. */
  source: Source = NOTHING;
  start = 0;
  end = 0;
  dialect: Dialect = 'plain';
  /** True where the fields do not give back what the source means. */
  lossy = false;
  /** True where it has more members, or longer names, than are looked at. */
  unwieldy = false;
  /** The time of the event where the protocol itself gives it, `timeSeconds` NaN where it does not. */
  timeSeconds = Number.NaN;
  timeNanos = 0;
  /** Digits of the fraction that mean something: 0 or 9. */
  timeDigits = 0;
  readonly scratch = new Scratch();

  begin(source: Source, start: number, end: number, bytes = end - start): void {
    this.count = 0;
    this.bytes = bytes;
    this.source = source;
    this.start = start;
    this.end = end;
    this.lossy = false;
    this.unwieldy = false;
    this.timeSeconds = Number.NaN;
    this.scratch.clear();
  }

  setTime(seconds: number, nanos: number, digits: 0 | 9): void {
    this.timeSeconds = seconds;
    this.timeNanos = nanos;
    this.timeDigits = digits;
  }

  /** Adds a member whose value is JSON text. `traits` is 0 for JSON that the relay's own writer made. */
  addJson(key: Source, keyStart: number, keyEnd: number, value: Source, start: number, end: number, traits = 0): void {
    const field = this.#next(key, keyStart, keyEnd);
    if (field === undefined) return;
    field.value = value;
    field.start = start;
    field.end = end;
    field.form = 'json';
    field.traits = traits;
  }

  /** Adds a member whose value is a string, by its bytes. */
  addText(key: Source, keyStart: number, keyEnd: number, value: Source, start: number, end: number): void {
    const field = this.#next(key, keyStart, keyEnd);
    if (field === undefined) return;
    field.value = value;
    field.start = start;
    field.end = end;
    field.form = 'text';
    field.traits = 0;
  }

  /** Adds a member as the JSON scanner found it. */
  member(
    source: Source,
    keyStart: number,
    keyEnd: number,
    keyTraits: number,
    start: number,
    end: number,
    traits: number,
  ): void {
    if (keyTraits === 0) {
      this.addJson(source, keyStart, keyEnd, source, start, end, traits);
    } else if (findLosses(source, keyStart, keyEnd, keyTraits, this.dialect) !== 0) {
      // A name that is no text cannot be a name in the line: the source, kept beside it, has it.
      this.lossy = true;
    } else if ((keyTraits & TRAIT_ESCAPE) === 0) {
      this.addJson(source, keyStart, keyEnd, source, start, end, traits);
    } else {
      const key = this.scratch.room(keyEnd - keyStart);
      const at = this.scratch.used;
      this.scratch.used += unescapeJsonString(source, keyStart, keyEnd, key.bytes, at, this.dialect);
      this.addJson(key, at, this.scratch.used, source, start, end, traits);
    }
  }

  #next(key: Source, keyStart: number, keyEnd: number): SenderField | undefined {
    if (this.count >= FIELDS_MAX || keyEnd - keyStart > KEY_BYTES_MAX) {
      this.unwieldy = true;
      return undefined;
    }
    if (keyEnd === keyStart) {
      // Elasticsearch refuses a document with an empty name; the source, kept beside it, has it.
      this.lossy = true;
      return undefined;
    }
    if (this.count === this.fields.length) this.fields.push(new SenderField());
    const field = this.fields[this.count++]!;
    field.setKey(key, keyStart, keyEnd);
    field.placed = false;
    return field;
  }
}

const SCRATCH_BYTES = 4_096;
const SCRATCH_KEPT_BYTES_MAX = 65_536;

/** Memory for what must be decoded. What was handed out stays as it is until `clear`, also when more is asked for. */
export class Scratch {
  #source = sourceOf(new Uint8Array(SCRATCH_BYTES));
  /** Where the free part begins. The caller moves it past what it wrote. */
  used = 0;

  clear(): void {
    this.used = 0;
    if (this.#source.bytes.length > SCRATCH_KEPT_BYTES_MAX) this.#source = sourceOf(new Uint8Array(SCRATCH_BYTES));
  }

  /** Memory with at least `bytes` free from `used` on. */
  room(bytes: number): Source {
    if (this.used + bytes > this.#source.bytes.length) {
      this.#source = sourceOf(new Uint8Array(Math.max(bytes, 2 * this.#source.bytes.length)));
      this.used = 0;
    }
    return this.#source;
  }
}

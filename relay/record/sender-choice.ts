import type { RawTextReader } from './raw-text.ts';
import type { SenderField, SenderRecord } from './sender-fields.ts';
import { sameBytes } from './sender-keys.ts';
import { readTimeNumber, readTimeText, setTime, type SenderTime } from './sender-time.ts';

const TIME_RANKS = 4;
/** No text of a time is longer. */
const TIME_BYTES_MAX = 64;

/** Finds the member that is the text of a record, and the time that it happened. */
export class SenderChoice {
  message: SenderField | undefined;
  /** The member that is the time; undefined where the protocol gave it, or nobody did. */
  timeField: SenderField | undefined;
  readonly time: SenderTime = { seconds: 0, nanos: 0, digits: 0, cut: false };
  /** True where the record brought a time that can be one. */
  hasTime = false;
  /** True where it brought a time that can not. */
  timeInvalid = false;
  readonly #rawText: RawTextReader;
  readonly #times: (SenderField | undefined)[] = Array.from({ length: TIME_RANKS });

  constructor(rawText: RawTextReader) {
    this.#rawText = rawText;
  }

  clear(): void {
    this.message = undefined;
    this.timeField = undefined;
    this.hasTime = false;
    this.timeInvalid = false;
    this.time.cut = false;
    this.#times.fill(undefined);
  }

  /** Marks the two as placed, and what is repeated later. */
  choose(record: SenderRecord): void {
    this.clear();
    let messageRank = Number.POSITIVE_INFINITY;
    for (let i = 0; i < record.count; i++) {
      const field = record.fields[i]!;
      if (isRepeatedLater(record, i)) {
        field.placed = true;
        record.lossy = true;
        continue;
      }
      const { known } = field;
      if (known === undefined) continue;
      if (known.message > 0 && known.message < messageRank && field.isString) {
        messageRank = known.message;
        this.message = field;
      }
      if (known.time > 0) this.#times[known.time - 1] = field;
    }
    if (this.message !== undefined) this.message.placed = true;
    this.#settleTime(record);
  }

  /** Reads a member as a time. False where it is none. */
  readTime(field: SenderField, record: SenderRecord): boolean {
    if (field.end - field.start > TIME_BYTES_MAX) return false;
    if (!field.isString) return readTimeNumber(field.value, field.start, field.end, this.time);
    const { source, start, end } = this.#rawText.read(field, record);
    return readTimeText(source, start, end, this.time);
  }

  /** The protocol's own time, or else the first member that is one. */
  #settleTime(record: SenderRecord): void {
    const { timeSeconds, timeNanos, timeDigits } = record;
    if (!Number.isNaN(timeSeconds)) {
      this.hasTime = setTime(timeSeconds, timeNanos, timeDigits, this.time);
      if (this.hasTime) return;
      this.timeInvalid = true;
    }
    for (const field of this.#times) {
      if (field === undefined || field === this.message) continue;
      if (!this.readTime(field, record)) {
        this.timeInvalid = true;
        continue;
      }
      this.hasTime = true;
      this.timeField = field;
      field.placed = true;
      return;
    }
  }
}

/** True where the same name comes once more: the last one counts, as in most readers of JSON. */
function isRepeatedLater(record: SenderRecord, index: number): boolean {
  const field = record.fields[index]!;
  for (let i = index + 1; i < record.count; i++) {
    const other = record.fields[i]!;
    if (other.hash !== field.hash) continue;
    const same = sameBytes(
      other.key.bytes,
      other.keyStart,
      other.keyEnd,
      field.key.bytes,
      field.keyStart,
      field.keyEnd,
    );
    if (same) return true;
  }
  return false;
}

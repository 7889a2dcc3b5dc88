import { fragment, sourceOf, type Source } from '../../record/line-writer.ts';
import { writeIsoTime } from '../../record/time.ts';
import { offsetText } from './local-time.ts';

/** `Oct 11 22:14:15`. */
export const LOCAL_TIME_LENGTH = 15;

const DAY_MS = 86_400_000;
const SECONDS_LENGTH = 19;

/** The last time of RFC 3164's form, with the JSON it becomes. */
export class CachedLocalTime {
  epochMs = 0;
  /** From the end of the dataset to the end of the time, in UTC; with `event.timezone` where the zone is another. */
  json: Source = fragment('');
  readonly #text = sourceOf(Buffer.alloc(16));
  readonly #iso = Buffer.alloc(24);
  /** The year that is missing in the line may change with the day on which it arrives. */
  #day = Number.NaN;

  isSame(source: Source, at: number, nowMs: number): boolean {
    const a = source.view;
    const b = this.#text.view;
    return (
      a.getInt32(at + 11, true) === b.getInt32(11, true) &&
      a.getInt32(at + 8, true) === b.getInt32(8, true) &&
      a.getInt32(at + 4, true) === b.getInt32(4, true) &&
      a.getInt32(at, true) === b.getInt32(0, true) &&
      Math.floor(nowMs / DAY_MS) === this.#day
    );
  }

  keep(source: Source, at: number, nowMs: number, epochMs: number, offsetMinutes: number): void {
    for (let i = 0; i < LOCAL_TIME_LENGTH; i++) this.#text.bytes[i] = source.bytes[at + i]!;
    this.#day = Math.floor(nowMs / DAY_MS);
    this.epochMs = epochMs;
    writeIsoTime(this.#iso, 0, epochMs);
    const zone = offsetMinutes === 0 ? '' : `,"timezone":"${offsetText(offsetMinutes)}"`;
    this.json = fragment(`${zone}},"@timestamp":"${this.#iso.toString('latin1', 0, SECONDS_LENGTH)}Z`);
  }
}

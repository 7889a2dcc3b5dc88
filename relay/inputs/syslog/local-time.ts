import { daysFromCivil, daysInMonth } from '../../record/time.ts';
import type { SyslogHeader } from '../../wire/syslog-header.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Offsets are looked up once for each quarter of an hour: no zone changes its clocks at another time. */
const QUARTER_MS = 900_000;
/** A sender's clock may be ahead, and its zone another one; a line is not from further in the future than this. */
const AHEAD_MAX_MS = 31 * DAY_MS;

/** Minutes east of Greenwich at a moment. */
export type ZoneOffset = (epochMs: number) => number;

/**
 * The offsets of a zone: `UTC`, an offset such as `+02:00`, or a name of the IANA time zone database. Returns undefined
 * where it is none of these.
 */
export function zoneOffset(zone: string): ZoneOffset | undefined {
  const fixed = /^([+-])(\d{2}):(\d{2})$/.exec(zone);
  if (fixed !== null) {
    const [, sign, hours, minutes] = fixed;
    if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
    const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
    return () => offset;
  }
  if (zone === 'UTC') return () => 0;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
  return (epochMs) => {
    const name = format.formatToParts(epochMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours, minutes] = /^GMT([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
  };
}

/** Turns times of a place's clock, without year or zone, into moments. The last result is kept: lines come in bursts. */
export class LocalTimeResolver {
  /** Minutes east of Greenwich that the last result was found with. */
  offsetMinutes = 0;
  readonly #zone: ZoneOffset;
  readonly #quarters = new Map<number, number>();
  #key = Number.NaN;
  #year = 0;
  #isUtc = false;
  #nowDay = Number.NaN;
  #epochMs = Number.NaN;

  constructor(zone: ZoneOffset) {
    this.#zone = zone;
  }

  /**
   * The moment of a header's `TIME_LOCAL`, without its fraction, in milliseconds since 1970. A year that is missing is the
   * latest that does not put the time far ahead of `nowMs`: the last one for a December line in January, the next one for a
   * January line in December. NaN where no such year has that day.
   */
  resolve(header: SyslogHeader, nowMs: number): number {
    const { month, day, hour, minute, second, year, localIsUtc } = header;
    const key = (((month * 32 + day) * 24 + hour) * 60 + minute) * 60 + second;
    const nowDay = Math.floor(nowMs / DAY_MS);
    if (key === this.#key && year === this.#year && localIsUtc === this.#isUtc && nowDay === this.#nowDay)
      return this.#epochMs;
    const timeOfDayMs = hour * HOUR_MS + minute * 60_000 + second * 1_000;
    let localMs = Number.NaN;
    if (year > 0) {
      localMs = daysFromCivil(year, month, day) * DAY_MS + timeOfDayMs;
    } else {
      const nowYear = yearOf(nowDay);
      for (let candidate = nowYear - 1; candidate <= nowYear + 1; candidate++) {
        if (day > daysInMonth(candidate, month)) continue;
        const ms = daysFromCivil(candidate, month, day) * DAY_MS + timeOfDayMs;
        if (ms <= nowMs + AHEAD_MAX_MS) localMs = ms;
      }
    }
    this.#key = key;
    this.#year = year;
    this.#isUtc = localIsUtc;
    this.#nowDay = nowDay;
    this.offsetMinutes = localIsUtc || Number.isNaN(localMs) ? 0 : this.#offsetOf(localMs);
    this.#epochMs = localMs - this.offsetMinutes * 60_000;
    return this.#epochMs;
  }

  /** Where a clock is put back an hour is there twice: the first is taken. Where it is put forward one is missing: it goes on as before. */
  #offsetOf(localMs: number): number {
    const quarter = Math.floor(localMs / QUARTER_MS);
    const known = this.#quarters.get(quarter);
    if (known !== undefined) return known;
    const before = this.#zone(quarter * QUARTER_MS - DAY_MS);
    const atThatOffset = this.#zone(quarter * QUARTER_MS - before * 60_000);
    const offset =
      atThatOffset === before || this.#zone(quarter * QUARTER_MS - atThatOffset * 60_000) !== atThatOffset
        ? before
        : atThatOffset;
    if (this.#quarters.size >= QUARTERS_MAX) this.#quarters.clear();
    this.#quarters.set(quarter, offset);
    return offset;
  }
}

const QUARTERS_MAX = 1_024;

function yearOf(day: number): number {
  let year = 1970 + Math.floor(day / 365.2425);
  while (daysFromCivil(year + 1, 1, 1) <= day) year++;
  while (daysFromCivil(year, 1, 1) > day) year--;
  return year;
}

/** `+02:00`. */
export function offsetText(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

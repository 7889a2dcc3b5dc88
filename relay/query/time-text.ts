const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** What `parseTime` takes, for error messages. */
export const TIME_FORMS =
  'a time such as 2026-11-22, 2026-11-22T05:00 or 2026-11-22T05:00:00Z, or how long ago, such as 15m, 2h or 7d';

/**
 * A time that a person wrote, in milliseconds since 1970: ISO 8601 (in UTC where it names no zone), `now`, or how long ago (`90s`, `15m`,
 * `2h`, `7d`, `1w`; also `now-2h`). Undefined for anything else.
 */
export function parseTime(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  const agoMs = parseSpan(text.replace(/^(?:now-|-)/, ''));
  return agoMs === undefined ? parseIsoTime(text) : nowMs - agoMs;
}

/** A span of time that a person wrote, in milliseconds: `90s`, `15m`, `2h`, `7d`, `1w`. Undefined for anything else. */
export function parseSpan(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * UNITS_MS[unit]!;
}

/** ISO 8601 alone; in UTC where it names no zone. */
export function parseIsoTime(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, date = '', time, zone = 'Z'] = match;
  const ms = Date.parse(time === undefined ? date : `${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}

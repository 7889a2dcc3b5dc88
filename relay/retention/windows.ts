import type { WindowOptions } from './options.ts';

const DAY_MINUTES = 1_440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** True where a purge may work at this time. By the clock on the wall: an hour that summer time repeats is open twice. */
export function isOpen(windows: readonly WindowOptions[], timeZone: string, ms: number): boolean {
  if (windows.length === 0) return true;
  const now = minuteOfWeek(timeZone, ms);
  return starts(windows).some(({ start, length }) => forward(start, now) < length);
}

/** About when the next window opens: to the minute, but for a change between summer and winter time in between. */
export function nextOpening(windows: readonly WindowOptions[], timeZone: string, ms: number): number {
  const now = minuteOfWeek(timeZone, ms);
  const waits = starts(windows).map(({ start }) => forward(now, start));
  const minute = Math.floor(ms / 60_000);
  return (minute + Math.min(...waits.map((wait) => (wait === 0 ? WEEK_MINUTES : wait)))) * 60_000;
}

function starts(windows: readonly WindowOptions[]): { readonly start: number; readonly length: number }[] {
  return windows.flatMap(({ start, length_minutes, days }) => {
    const [hour = 0, minute = 0] = start.split(':').map(Number);
    return days.map((day) => ({ start: DAYS.indexOf(day) * DAY_MINUTES + hour * 60 + minute, length: length_minutes }));
  });
}

/** Minutes from one minute of the week to another, forward. */
function forward(from: number, to: number): number {
  return (to - from + WEEK_MINUTES) % WEEK_MINUTES;
}

function minuteOfWeek(timeZone: string, ms: number): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const day = DAYS.indexOf((parts.get('weekday') ?? 'Mon').toLowerCase());
  return day * DAY_MINUTES + Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
}

import type { RetentionOptions } from './options.ts';
import type { ScheduleStatus } from './schedules.ts';
import { isOpen, nextOpening } from './windows.ts';
import { keepInWords, span, time } from './words.ts';

/** What retention will do, for people. */
export interface Forecast {
  readonly rules: readonly string[];
  readonly schedules: readonly string[];
  readonly window: string;
}

export function forecastOf(options: RetentionOptions, schedules: readonly ScheduleStatus[], nowMs: number): Forecast {
  const { windows, time_zone, rules } = options;
  return {
    rules: rules.length === 0 ? ['there are no rules: nothing is purged'] : rules.map(keepInWords),
    schedules:
      schedules.length === 0
        ? ['there is no schedule: purges begin by hand only']
        : schedules.map((schedule) => scheduleInWords(schedule, nowMs)),
    window:
      windows.length === 0
        ? 'purges may work at any time'
        : isOpen(windows, time_zone, nowMs)
          ? 'a purge window is open'
          : `no purge window is open; the next opens about ${time(nextOpening(windows, time_zone, nowMs))}`,
  };
}

function scheduleInWords({ name, cron, dryRun, rules, nextRunsMs }: ScheduleStatus, nowMs: number): string {
  const [next] = nextRunsMs;
  const what = dryRun === true ? 'a dry run' : 'a purge';
  const own = rules === undefined ? '' : ' by rules of its own';
  const when = next === undefined ? 'never again' : `next at ${time(next)}, in ${span(next - nowMs)}`;
  return `${name}: ${what}${own} at "${cron}", ${when}`;
}

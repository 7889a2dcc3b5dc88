import { createTask, validate } from 'node-cron';
import type { Log } from '../telemetry/logger.ts';

/** What calls back at times that a cron expression gives. */
export interface Schedule {
  stop(): void;
}

/** Makes a schedule; as an argument, so that a test need not wait for midnight. */
export type MakeSchedule = (expression: string, timeZone: string, log: Log, onDue: () => void) => Schedule;

/** What is wrong with a cron expression of six fields; undefined where nothing is. */
export function cronProblem(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 6)
    return `a schedule has six fields: second, minute, hour, day, month and weekday, such as "0 30 2 * * *"; this has ${expression.trim() === '' ? 0 : fields.length}`;
  return validate(expression) ? undefined : `${JSON.stringify(expression)} is no cron expression`;
}

export function timeZoneProblem(zone: string): string | undefined {
  try {
    void Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    return `there is no time zone ${JSON.stringify(zone)}; write one such as "Europe/Berlin" or "UTC"`;
  }
}

/** The next times that an expression gives, from now on. */
export function nextTimes(expression: string, timeZone: string, count: number): Date[] {
  return createTask(expression, () => {}, { timezone: timeZone, logger: quiet }).getNextRuns(count);
}

const quiet = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

export const cronSchedule: MakeSchedule = (expression, timeZone, log, onDue) => {
  const said = (text: string | Error): string => (text instanceof Error ? text.message : text);
  const task = createTask(expression, onDue, {
    timezone: timeZone,
    unref: true,
    logger: {
      info: (text) => log.debug('the purge schedule says', { text }),
      warn: (text) => log.warn('the purge schedule warns', { text }),
      error: (text) => log.error('the purge schedule failed', { text: said(text) }),
      debug: (text) => log.debug('the purge schedule says', { text: said(text) }),
    },
  });
  void task.start();
  return { stop: () => void task.destroy() };
};

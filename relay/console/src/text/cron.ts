const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/**
 * When a schedule of six fields (second, minute, hour, day, month, weekday) begins something, in words. Undefined for what is not one of
 * the plain ones: then its next times say it better than a long sentence would.
 */
export function cronWords(cron: string): string | undefined {
  const [second = '', minute = '', hour = '', day = '', month = '', weekday = '', ...more] = cron.trim().split(/\s+/);
  if (more.length > 0 || month !== '*' || !isNumber(second) || !isNumber(minute)) return undefined;
  if (hour === '*' && day === '*' && weekday === '*') return `each hour at ${two(minute)} min ${two(second)} s`;
  if (!isNumber(hour)) return undefined;
  const at = `at ${two(hour)}:${two(minute)}${Number(second) === 0 ? '' : `:${two(second)}`}`;
  if (day === '*' && weekday === '*') return `each day ${at}`;
  if (day === '*' && weekday === '1-5') return `each day from Monday to Friday ${at}`;
  if (day === '*' && isNumber(weekday)) return `each ${WEEKDAYS[Number(weekday)] ?? 'week'} ${at}`;
  if (weekday === '*' && isNumber(day)) return `on day ${Number(day)} of each month ${at}`;
  return undefined;
}

function isNumber(field: string): boolean {
  return /^\d{1,2}$/.test(field);
}

function two(field: string): string {
  return field.padStart(2, '0');
}

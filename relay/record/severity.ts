import { fragment, type Source } from './line-writer.ts';

/** Syslog severities by code (RFC 5424 §6.2.1, table 2), in the short names that ECS's `log.level` uses. */
export const SEVERITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const;

/** Syslog facilities by code (RFC 5424 §6.2.1, table 1), in the names that syslog daemons use. */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

/** The highest priority there is: facility 23, severity 7. What is above must never index the tables. */
export const PRIORITY_MAX = 191;

/** For each priority, the ECS fields it stands for: `"level":…,"syslog":{"priority":…,"facility":…,"severity":…`. */
export const PRIORITY_FRAGMENTS: readonly Source[] = Array.from({ length: PRIORITY_MAX + 1 }, (_, priority) => {
  const facility = priority >> 3;
  const severity = priority & 7;
  return fragment(
    `"level":"${SEVERITIES[severity]}","syslog":{"priority":${priority},` +
      `"facility":{"code":${facility},"name":"${FACILITIES[facility]}"},` +
      `"severity":{"code":${severity},"name":"${SEVERITIES[severity]}"}`,
  );
});

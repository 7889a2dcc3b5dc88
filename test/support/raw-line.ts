import type { ParsedRecord } from './input-harness.ts';

/**
 * The exact bytes of the syslog line that a record was made of: from `spillway.original_base64` or `event.original` where it has
 * them, otherwise put together from its fields in the plain form of its format. This is what "no byte is lost" means.
 */
export function rawLineOf(record: ParsedRecord): Buffer {
  const { event, spillway } = record;
  if (spillway.original_base64 !== undefined) return Buffer.from(spillway.original_base64, 'base64');
  if (event.original !== undefined) return Buffer.from(event.original);
  if (spillway.format === 'text') return Buffer.from(record['message']);
  return Buffer.from(spillway.format === 'rfc5424' ? rfc5424Line(record) : rfc3164Line(record));
}

function rfc5424Line(record: ParsedRecord): string {
  const { priority, version, appname, procid, msgid, structured_data } = record['log'].syslog;
  const header = [`<${priority}>${version}`, timeOf(record) ?? '-', record['host']?.name ?? '-', appname ?? '-'];
  const data = Object.entries((structured_data ?? {}) as Record<string, Record<string, string>>).map(
    ([id, parameters]) =>
      `[${[id, ...Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\\]]/g, '\\$&')}"`)].join(' ')}]`,
  );
  const mark = record['spillway'].bom === true ? '\uFEFF' : '';
  const message = mark + record['message'];
  const words = [...header, procid ?? '-', msgid ?? '-', data.length > 0 ? data.join('') : '-'];
  return words.join(' ') + (message === '' ? '' : ` ${message}`);
}

function rfc3164Line(record: ParsedRecord): string {
  const { priority, appname, procid } = record['log']?.syslog ?? {};
  const tag = appname === undefined ? undefined : `${appname}${procid === undefined ? '' : `[${procid}]`}:`;
  const words = [timeOf(record), record['host']?.name, tag, record['message'] === '' ? undefined : record['message']];
  return (priority === undefined ? '' : `<${priority}>`) + words.filter((word) => word !== undefined).join(' ');
}

/** The time as the line had it; undefined where it had none. */
function timeOf(record: ParsedRecord): string | undefined {
  const { event, spillway } = record;
  if (spillway.flags?.includes('time_missing')) return undefined;
  const [, seconds = '', fraction = ''] = /^(.{19})(.*)Z$/.exec(record['harbor']?.sent ?? record['@timestamp'])!;
  const zone: string | undefined = event.timezone;
  const offsetMs = zone === undefined ? 0 : Number(`${zone[0]}1`) * minutesOf(zone) * 60_000;
  const local = new Date(Date.parse(`${seconds}Z`) + offsetMs).toISOString().slice(0, 19);
  if (spillway.format !== 'rfc3164') return `${local}${fraction}${zone ?? 'Z'}`;
  const [year, month, day] = local.slice(0, 10).split('-');
  const name = new Date(`${year}-${month}-${day}T00:00:00Z`).toLocaleString('en-US', {
    month: 'short',
    timeZone: 'UTC',
  });
  return `${name} ${String(Number(day)).padStart(2, ' ')} ${local.slice(11)}`;
}

function minutesOf(zone: string): number {
  return Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
}

/** What a syslog message says of a record, taken out of its ECS fields; nothing of it is fit for a header yet. */
export interface SyslogFields {
  readonly id: string;
  readonly dataset: string;
  /** 0 to 191. */
  readonly priority: number;
  /** As RFC 5424 §6.2.3 writes it; undefined where the record has no valid time. */
  readonly time: string | undefined;
  readonly timeMs: number;
  readonly hostname: string;
  readonly appname: string;
  readonly procid: string;
  readonly msgid: string;
  readonly text: string;
  readonly structuredData: ReadonlyArray<readonly [id: string, parameters: ReadonlyArray<readonly [string, string]>]>;
}

type JsonObject = Readonly<Record<string, unknown>>;
const NOTHING: JsonObject = {};

/** user.notice: what RFC 3164 §4.3.3 gives a message without a priority. */
const DEFAULT_PRIORITY = 13;
const PRIORITY_MAX = 191;

/** Reads a record's line. Throws where it is no JSON object. */
export function syslogFields(line: string): SyslogFields {
  const record: unknown = JSON.parse(line);
  if (!isObject(record)) throw new TypeError('the line is no JSON object');
  const event = child(record, 'event');
  const syslog = child(child(record, 'log'), 'syslog');
  const process = child(record, 'process');
  const created = text(event['created']);
  const timestamp = text(record['@timestamp']) || created;
  return {
    id: text(event['id']),
    dataset: text(event['dataset']),
    priority: priorityOf(syslog),
    time: time5424(timestamp) ?? time5424(created),
    timeMs: firstTime(timestamp, created),
    hostname: text(syslog['hostname']) || text(child(record, 'host')['name']),
    appname: text(syslog['appname']) || text(process['name']) || text(event['dataset']),
    procid: text(syslog['procid']) || text(process['pid']),
    msgid: text(syslog['msgid']),
    text: text(record['message']) || text(event['original']) || line,
    structuredData: structuredData(child(syslog, 'structured_data')),
  };
}

function priorityOf(syslog: JsonObject): number {
  const priority = syslog['priority'];
  if (isWithin(priority, PRIORITY_MAX)) return priority;
  const facility = child(syslog, 'facility')['code'];
  const severity = child(syslog, 'severity')['code'];
  return isWithin(facility, 23) && isWithin(severity, 7) ? facility * 8 + severity : DEFAULT_PRIORITY;
}

function isWithin(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

/** RFC 5424 takes at most six digits of fraction, and no leap second. */
function time5424(value: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)$/.exec(value);
  if (match === null || Number.isNaN(Date.parse(value))) return undefined;
  const [, seconds = '', fraction = '', zone = ''] = match;
  return seconds + fraction + zone;
}

function firstTime(...texts: readonly string[]): number {
  for (const value of texts) {
    const ms = Date.parse(value);
    if (!Number.isNaN(ms)) return ms;
  }
  return 0;
}

function structuredData(data: JsonObject): SyslogFields['structuredData'] {
  return Object.entries(data).map(([id, parameters]) => [id, isObject(parameters) ? parametersOf(parameters) : []]);
}

/** A name may stand several times in one element (RFC 5424 §6.3.3): then its contents are a list. */
function parametersOf(parameters: JsonObject): Array<readonly [string, string]> {
  return Object.entries(parameters).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one) => [name, text(one)] as const) : [[name, text(value)] as const],
  );
}

function child(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isObject(value) ? value : NOTHING;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

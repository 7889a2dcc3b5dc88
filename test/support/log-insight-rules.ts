/** The rules of the stand-in for Log Insight (see `log-insight-stand-in.ts`): what it takes for an event, and what it makes of it. */

export interface StandInEvent {
  readonly text: string;
  readonly timestamp: number;
  readonly fields: Readonly<Record<string, string>>;
  /** True where the time was replaced by that of its arrival. */
  readonly restamped: boolean;
}

export type StandInForm = 'list' | 'flat' | 'object';

interface Arrival {
  readonly nowMs: number;
  readonly isAuthenticated: boolean;
}

const TEXT_BYTES_MAX = 16_384;
const TIME_DRIFT_MS_MAX = 600_000;
const RESERVED = new Set(['timestamp', 'source', 'text', 'event_type']);

/** The events of a request; a string says why the whole request is refused. One bad event refuses all. */
export function readEvents(json: Buffer, form: StandInForm, arrival: Arrival): StandInEvent[] | string {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    return 'Invalid JSON';
  }
  const events = form === 'list' ? (isObject(body) ? body['events'] : undefined) : body;
  if (!Array.isArray(events)) return 'Missing events';
  if (form === 'list' && isObject(body) && Object.keys(body).length > 1) return 'Unexpected property';
  const read: StandInEvent[] = [];
  for (const event of events as unknown[]) {
    const one = readEvent(event, form, arrival);
    if (typeof one === 'string') return one;
    read.push(one);
  }
  return read;
}

function readEvent(event: unknown, form: StandInForm, arrival: Arrival): StandInEvent | string {
  if (!isObject(event)) return 'An event must be an object';
  const { text, timestamp, ...rest } = event;
  if (text !== undefined && typeof text !== 'string') return 'text must be a string';
  if (text !== undefined && Buffer.byteLength(text) > TEXT_BYTES_MAX) return 'text is too long';
  if (timestamp !== undefined && !Number.isSafeInteger(timestamp)) return 'timestamp must be an integer';
  const pairs = readPairs(rest, form);
  if (typeof pairs === 'string') return pairs;
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, content] of pairs) {
    const fault = faultOf(name, content, fields, form);
    if (fault !== undefined) return fault;
    fields[name] = String(content);
  }
  const time = typeof timestamp === 'number' ? timestamp : arrival.nowMs;
  const restamped = !arrival.isAuthenticated && Math.abs(time - arrival.nowMs) > TIME_DRIFT_MS_MAX;
  return { text: text ?? '', timestamp: restamped ? arrival.nowMs : time, fields, restamped };
}

/** The names and contents of an event's fields, doubles included. */
function readPairs(rest: Record<string, unknown>, form: StandInForm): Array<[string, unknown]> | string {
  if (form === 'flat') return Object.entries(rest);
  const { fields = form === 'list' ? [] : {}, ...others } = rest;
  if (Object.keys(others).length > 0) return `Unexpected property ${Object.keys(others)[0]}`;
  if (form === 'object') return isObject(fields) ? Object.entries(fields) : 'fields must be an object';
  if (!Array.isArray(fields)) return 'fields must be an array';
  const pairs: Array<[string, unknown]> = [];
  for (const field of fields as unknown[]) {
    if (!isObject(field) || typeof field['name'] !== 'string') return 'A field needs a name';
    const { name, content, ...others } = field;
    if (Object.keys(others).length > 0) return `Unexpected property ${Object.keys(others)[0]} in a field`;
    pairs.push([name, content]);
  }
  return pairs;
}

function faultOf(
  name: string,
  content: unknown,
  before: Readonly<Record<string, string>>,
  form: StandInForm,
): string | undefined {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) return `Invalid field name ${name}`;
  if (RESERVED.has(name)) return `Field name ${name} is reserved`;
  if (form === 'object' && name.length > 64) return `Field name ${name} is too long`;
  if (Object.hasOwn(before, name)) return `Duplicate field ${name}`;
  return typeof content === 'string' ? undefined : `The content of ${name} must be a string`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

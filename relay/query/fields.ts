import { NumberAsWritten, type ParsedRecord } from './record-text.ts';

/** Short names of fields, for queries that people write. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  time: ['@timestamp'],
  received: ['event.created'],
  dataset: ['event.dataset'],
  action: ['event.action', 'harbor.operation'],
  host: ['host.name'],
  user: ['user.name'],
  level: ['log.level'],
  app: ['log.syslog.appname'],
  repository: ['github.repository', 'harbor.repository'],
};

/** Fields of free text: they need only hold what is asked for. */
const FREE_TEXT = new Set(['message', 'event.original', 'error.message']);

/** Fields whose names have no dot and that can only be meant as such. */
const TOP_LEVEL = new Set(['message', 'tags', '@timestamp', 'labels']);

/** What a query's field name stands for. */
export function resolveField(name: string): readonly string[] {
  return Object.hasOwn(ALIASES, name) ? ALIASES[name]! : [name];
}

/** True where a name before a colon can only be meant as a field; `sha256:4711` may as well be a piece of text. */
export function isSurelyField(name: string): boolean {
  return name.includes('.') || TOP_LEVEL.has(name) || Object.hasOwn(ALIASES, name);
}

export function isFreeText(field: string): boolean {
  return FREE_TEXT.has(field);
}

type Visit = (value: unknown) => boolean;

/** Calls `visit` with each value of a field until it says true. A member's name may hold dots; a list stands for its items. */
export function someValueAt(record: unknown, field: string, visit: Visit): boolean {
  if (Array.isArray(record)) return record.some((item) => someValueAt(item, field, visit));
  if (typeof record !== 'object' || record === null) return false;
  const members = record as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, field) && someItem(members[field], visit)) return true;
  for (let dot = field.indexOf('.'); dot > 0; dot = field.indexOf('.', dot + 1)) {
    const name = field.slice(0, dot);
    if (Object.hasOwn(members, name) && someValueAt(members[name], field.slice(dot + 1), visit)) return true;
  }
  return false;
}

function someItem(value: unknown, visit: Visit): boolean {
  if (Array.isArray(value)) return value.some((item) => someItem(item, visit));
  return value !== undefined && value !== null && visit(value);
}

/**
 * Calls `visit` with each text, number and truth value of a record, until it says true. What would be hit by chance is left out: the
 * record's id and its times.
 */
export function someLeaf(record: ParsedRecord, visit: Visit): boolean {
  // No recursion: a record may be nested deeper than the stack is.
  const waiting: unknown[] = [];
  for (const name in record) {
    if (name === '@timestamp') continue;
    const value = record[name];
    if (name === 'event' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const inner in value) if (inner !== 'id' && inner !== 'created') waiting.push(Reflect.get(value, inner));
    } else {
      waiting.push(value);
    }
  }
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (value === null || value === undefined) continue;
    if (typeof value !== 'object' || value instanceof NumberAsWritten) {
      if (visit(value)) return true;
    } else {
      for (const name in value) waiting.push(Reflect.get(value, name));
    }
  }
  return false;
}

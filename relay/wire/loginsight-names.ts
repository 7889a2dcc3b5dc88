/**
 * Names of fields in Log Insight: lower case `[a-z0-9_]`, no leading digit, none that the server keeps for itself, none twice in
 * one event. VMware's own client library and its fluentd plugin map names in the same way.
 */

/** Fields of Log Insight's own that stand for a field of ECS; all others are named by their path. */
const KNOWN_NAMES: Readonly<Record<string, string>> = {
  'host.name': 'hostname',
  'log.syslog.hostname': 'hostname',
  'log.syslog.appname': 'appname',
  'log.syslog.procid': 'procid',
  'log.syslog.msgid': 'msgid',
  'log.syslog.priority': 'priority',
  'log.syslog.facility.name': 'facility',
  'log.syslog.severity.name': 'severity',
  'log.syslog.structured_data': 'sd',
  'log.syslog': 'syslog',
  'log.file.path': 'filepath',
};

/** `timestamp`, `source` and `text` make the server refuse the event, `event_type` is its own; the rest are ours, see `loginsight.ts`. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'timestamp',
  'source',
  'text',
  'event_type',
  'part',
  'parts',
  'part_of',
]);

/** Paths that are remembered; past this all are forgotten, so that keys that never come back cannot fill the memory. */
const PATHS_MAX = 20_000;

/** A field's name, and what the record that is being written holds under it. */
export interface FieldName {
  readonly text: string;
  /** Which record used the name last: saves emptying a set for each record. */
  usedBy: number;
  content: string;
  /** How many other names had to be made for fields that would have been called the same. */
  doubles: number;
}

/** A place in the tree of a record's keys. */
export interface FieldPath {
  readonly path: string;
  readonly depth: number;
  /** What the names of the fields inside begin with. */
  readonly prefix: string;
  readonly name: FieldName;
  readonly children: Map<string, FieldPath>;
}

/** Remembers which name belongs to which path, since records look alike. */
export class FieldNames {
  readonly #charsMax: number;
  readonly #names = new Map<string, FieldName>();
  #root: FieldPath;
  #paths = 0;
  #record = 0;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
    this.#root = this.#place('', 0, '');
  }

  /** Begins a record, in which every name is free again. */
  begin(): FieldPath {
    if (this.#paths > PATHS_MAX) {
      this.#paths = 0;
      this.#names.clear();
      this.#root = this.#place('', 0, '');
    }
    this.#record++;
    return this.#root;
  }

  child(parent: FieldPath, key: string): FieldPath {
    const known = parent.children.get(key);
    if (known !== undefined) return known;
    const path = parent.depth === 0 ? key : `${parent.path}.${key}`;
    const prefix = Object.hasOwn(KNOWN_NAMES, path)
      ? KNOWN_NAMES[path]!
      : plainName(parent.depth === 0 ? key : `${parent.prefix}_${key}`, this.#charsMax);
    const child = this.#place(path, parent.depth + 1, prefix);
    parent.children.set(key, child);
    this.#paths++;
    return child;
  }

  /**
   * The name that a field of this record is to have; undefined where the record has the same content under this name already
   * (a host's name, say, that stands in two places of ECS).
   */
  claim(wanted: FieldName, content: string): FieldName | undefined {
    if (wanted.usedBy !== this.#record) return this.#take(wanted, content);
    if (wanted.content === content) return undefined;
    for (;;) {
      wanted.doubles++;
      const suffix = wanted.doubles <= 3 ? '_'.repeat(wanted.doubles) : `_${wanted.doubles}`;
      const other = this.named(wanted.text.slice(0, this.#charsMax - suffix.length) + suffix);
      if (other.usedBy !== this.#record) return this.#take(other, content);
    }
  }

  named(text: string): FieldName {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = { text, usedBy: 0, content: '', doubles: 0 };
      this.#names.set(text, name);
    }
    return name;
  }

  #place(path: string, depth: number, prefix: string): FieldPath {
    const name = this.named(unreservedName(prefix, this.#charsMax));
    return { path, depth, prefix, name, children: new Map() };
  }

  #take(name: FieldName, content: string): FieldName {
    name.usedBy = this.#record;
    name.content = content;
    name.doubles = 0;
    return name;
  }
}

/** Makes a name that Log Insight takes out of any text. */
export function fieldName(text: string, charsMax: number): string {
  return unreservedName(plainName(text, charsMax), charsMax);
}

function plainName(text: string, charsMax: number): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^(?=[0-9]|$)/, '_')
    .slice(0, charsMax);
}

function unreservedName(name: string, charsMax: number): string {
  return (RESERVED_NAMES.has(name) ? `log_${name}` : name).slice(0, charsMax);
}

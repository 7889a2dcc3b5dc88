import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** One thing that differs between two configs. */
export interface ConfigChange {
  readonly part: 'input' | 'endpoint' | 'setting';
  /** The operator's name of the input or endpoint; of a setting its path, such as `journal.max_bytes`. */
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of an input or endpoint that changed: which of its options did. */
  readonly options: readonly string[];
  /**
   * `live`: a running relay can take it over. For an input that means its connections are closed and it starts anew; for an
   * endpoint, that its cursor stays where it is. `restart`: it counts from the next start.
   */
  readonly takesEffect: 'live' | 'restart';
}

/** Settings that a running relay can take over, beside all of `retention`. All others are used once, when it starts. */
const liveSettings: ReadonlySet<string> = new Set([
  'journal.max_bytes',
  'journal.min_free_bytes',
  'journal.when_full',
  'log.level',
  'redact',
  'store',
]);

/** What changes when `after` takes the place of `before`. Empty where nothing does. */
export function configDifference(before: Config, after: Config): ConfigChange[] {
  return [
    ...settingChanges(before, after),
    ...componentChanges('input', flatten(before.inputs), flatten(after.inputs)),
    ...componentChanges('endpoint', flatten(before.endpoints), flatten(after.endpoints)),
  ];
}

function settingChanges(before: Config, after: Config): ConfigChange[] {
  const was = settingsOf(before);
  const is = settingsOf(after);
  return [...is.keys()]
    .filter((name) => !isDeepStrictEqual(was.get(name), is.get(name)))
    .map((name) => ({
      part: 'setting',
      name,
      change: 'changed',
      options: [],
      takesEffect: liveSettings.has(name) || /^(alerts|retention)\./.test(name) ? 'live' : 'restart',
    }));
}

function settingsOf(config: Config): Map<string, unknown> {
  const { name, data_dir, store, redact, journal, runs, retention, admin, alerts, log } = config;
  const settings = new Map<string, unknown>(Object.entries({ name, data_dir, store, redact: redact.options }));
  for (const [section, values] of Object.entries({ journal, runs, retention, admin, alerts, log }))
    for (const [key, value] of Object.entries(values)) settings.set(`${section}.${key}`, value);
  return settings;
}

type Options = Readonly<Record<string, unknown>>;

function componentChanges(
  part: 'input' | 'endpoint',
  before: ReadonlyMap<string, Options>,
  after: ReadonlyMap<string, Options>,
): ConfigChange[] {
  const changes: ConfigChange[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name);
    const is = after.get(name);
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    const options = was === undefined || is === undefined ? [] : changedKeys(was, is);
    if (change === 'changed' && options.length === 0) continue;
    changes.push({ part, name, change, options, takesEffect: 'live' });
  }
  return changes;
}

function changedKeys(was: Options, is: Options): string[] {
  const keys = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...keys].filter((key) => !isDeepStrictEqual(was[key], is[key]));
}

/** Components as one set of options each, `type` among them, as the operator wrote them. */
function flatten(
  components: readonly {
    readonly name: string;
    readonly definition: { readonly type: string };
    readonly options: Options;
    readonly delivery?: Options;
  }[],
): Map<string, Options> {
  return new Map(
    components.map(({ name, definition, options, delivery }) => [
      name,
      { type: definition.type, ...options, ...delivery },
    ]),
  );
}

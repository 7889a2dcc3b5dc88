import { valueAt } from '../record/field.ts';
import { globTest } from '../record/glob.ts';
import { hasDataset } from '../record/lines.ts';
import { PAGE_DATASET, WORKER_DATASET } from '../record/runner-file.ts';

/**
 * Which records an endpoint wants: `match: {event.dataset: [harbor.audit, "github.*"], not: {log.level: debug}}`. All conditions must
 * hold; a list holds where one of its patterns does; `*` stands for any run of characters.
 */
export interface MatchOptions {
  readonly [field: string]: string | readonly string[] | MatchOptions | undefined;
}

export type BatchVerdict = 'all' | 'none' | 'some';

export interface Matcher {
  /** What can be said from the batch's datasets alone. */
  batch(datasets: Readonly<Record<string, number>>): BatchVerdict;
  /** Whether one record, a line of JSON, is wanted. */
  line(json: string): boolean;
}

interface Condition {
  readonly path: readonly string[];
  readonly dataset: boolean;
  readonly wanted: boolean;
  readonly texts: readonly string[];
  readonly patterns: readonly ((text: string) => boolean)[];
}

/** Datasets that the relay keeps to itself: what it makes of them goes out instead. */
const INTERNAL_DATASETS: readonly string[] = [PAGE_DATASET, WORKER_DATASET];

/** Internal datasets are wanted only by their very names: `"*"` does not take them. */
export function compileMatch(
  options: MatchOptions | undefined,
  internal: readonly string[] = INTERNAL_DATASETS,
): Matcher {
  const conditions = [...conditionsOf(options ?? {}, true)];
  const onDataset = conditions.filter((condition) => condition.dataset);
  const named = new Set(onDataset.flatMap(({ wanted, texts }) => (wanted ? texts : [])));
  const hidden = internal.filter((name) => !named.has(name));
  const onlyDataset = onDataset.length === conditions.length;
  return {
    batch(datasets) {
      const names = Object.keys(datasets);
      if (names.length === 0) return 'some';
      const wanted = names.filter(
        (name) => !hidden.includes(name) && onDataset.every((condition) => holds(condition, name)),
      );
      if (wanted.length === 0) return 'none';
      return onlyDataset && wanted.length === names.length ? 'all' : 'some';
    },
    line(json) {
      if (hidden.some((name) => hasDataset(json, name))) return false;
      if (conditions.length === 0) return true;
      const record = parsed(json);
      // What cannot be looked into is not held back: its endpoint says what it thinks of it.
      if (record === undefined) return true;
      return conditions.every((condition) => holds(condition, valueAt(record, condition.path)));
    },
  };
}

/** True where none of the internal datasets is for an endpoint with such a `match`. */
export function isInternalFor(options: MatchOptions | undefined, forwardWorkerLog: boolean): boolean {
  const matcher = compileMatch(options, internalDatasets(forwardWorkerLog));
  return INTERNAL_DATASETS.every((name) => matcher.batch({ [name]: 1 }) === 'none');
}

/** The datasets that an endpoint must name to get them. */
export function internalDatasets(forwardWorkerLog: boolean): readonly string[] {
  return forwardWorkerLog ? [PAGE_DATASET] : INTERNAL_DATASETS;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function* conditionsOf(options: MatchOptions, wanted: boolean): Generator<Condition> {
  for (const [field, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (field === 'not' && typeof value === 'object' && !Array.isArray(value)) {
      yield* conditionsOf(value as MatchOptions, !wanted);
      continue;
    }
    const patterns = (Array.isArray(value) ? value : [value]) as readonly string[];
    yield {
      path: field.split('.'),
      dataset: field === 'event.dataset',
      wanted,
      texts: patterns,
      patterns: patterns.map(globTest),
    };
  }
}

function holds(condition: Condition, value: unknown): boolean {
  const values = Array.isArray(value) ? value : [value];
  const found = values.some((item) => {
    const text =
      typeof item === 'string'
        ? item
        : typeof item === 'number' || typeof item === 'boolean'
          ? String(item)
          : undefined;
    return text !== undefined && condition.patterns.some((pattern) => pattern(text));
  });
  return found === condition.wanted;
}

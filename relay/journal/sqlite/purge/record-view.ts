import { valueAt } from '../../../record/field.ts';
import { createdOf } from '../../../record/lines.ts';
import { globTest } from '../../../record/glob.ts';
import type { RecordMatch } from '../../retention-store.ts';

/** What a rule may ask of a record, and the fields that answer, the first that is there. */
const FIELDS = {
  dataset: [['event', 'dataset']],
  operation: [
    ['harbor', 'operation'],
    ['event', 'action'],
  ],
  repository: [
    ['github', 'repository'],
    ['harbor', 'repository'],
  ],
  source: [
    ['source', 'ip'],
    ['source', 'address'],
    ['host', 'name'],
  ],
  project: [['harbor', 'project']],
  run: [['github', 'run', 'id']],
} as const satisfies Readonly<Record<string, readonly (readonly string[])[]>>;

export type ViewedField = keyof typeof FIELDS;

/** Fields of which any may match; of the others the first that is there counts. */
const ANY_OF: ReadonlySet<ViewedField> = new Set(['source', 'repository']);

/** One stored line, read as far as somebody asks. */
export class RecordView {
  readonly #lines: Buffer;
  readonly #start: number;
  readonly #end: number;
  #record: unknown;
  #parsed = false;

  constructor(lines: Buffer, start: number, end: number) {
    this.#lines = lines;
    this.#start = start;
    this.#end = end;
  }

  /** The values of a field, as text. Empty where the record has none, or is no JSON. */
  values(field: ViewedField): readonly string[] {
    const found: string[] = [];
    for (const path of FIELDS[field]) {
      found.push(...textsOf(valueAt(this.#value(), path)));
      if (found.length > 0 && !ANY_OF.has(field)) break;
    }
    return found;
  }

  /** When the relay received it; undefined where the line does not say. */
  get receivedMs(): number | undefined {
    const ms = Date.parse(createdOf(this.#lines, this.#start));
    return Number.isNaN(ms) ? undefined : ms;
  }

  /** The time that it says it is from. */
  get eventMs(): number | undefined {
    const [text] = textsOf(valueAt(this.#value(), ['@timestamp']));
    const ms = text === undefined ? NaN : Date.parse(text);
    return Number.isNaN(ms) ? undefined : ms;
  }

  #value(): unknown {
    if (!this.#parsed) {
      this.#parsed = true;
      try {
        this.#record = JSON.parse(this.#lines.toString('utf8', this.#start, this.#end));
      } catch {
        this.#record = undefined;
      }
    }
    return this.#record;
  }
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item: unknown) =>
    typeof item === 'string' ? [item] : typeof item === 'number' || typeof item === 'boolean' ? [String(item)] : [],
  );
}

export interface CompiledMatch {
  /** Whether records of a dataset can match at all. */
  readonly dataset: (name: string) => boolean;
  /** True where the dataset alone decides. */
  readonly datasetOnly: boolean;
  readonly record: (view: RecordView) => boolean;
}

/** Datasets of the relay's own: its audit, gaps, anchors. */
const OWN = 'spillway.';

export function compileRecordMatch(match: RecordMatch): CompiledMatch {
  const datasets = match.dataset?.map(globTest);
  const own = match.dataset?.filter((pattern) => pattern.startsWith(OWN)).map(globTest);
  const conditions = (['operation', 'repository', 'source', 'project'] as const).flatMap((field) => {
    const tests = match[field]?.map(globTest);
    return tests === undefined ? [] : [{ field, tests }];
  });
  return {
    // What the relay says of itself goes only where a rule names it.
    dataset: (name) =>
      name.startsWith(OWN)
        ? own !== undefined && own.some((test) => test(name))
        : datasets === undefined || datasets.some((test) => test(name)),
    datasetOnly: conditions.length === 0,
    record: (view) =>
      conditions.every(({ field, tests }) => view.values(field).some((value) => tests.some((test) => test(value)))),
  };
}

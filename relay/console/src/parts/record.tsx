import { useSignal } from '@preact/signals';
import { time } from '../format.ts';
import { Text } from './basics.tsx';
import { linkTo } from '../router.ts';

/** A record as the journal holds it: ECS. */
export interface LogRecord {
  readonly '@timestamp'?: string;
  readonly message?: string;
  readonly event?: { readonly dataset?: string; readonly created?: string };
  readonly host?: { readonly name?: string };
  readonly log?: { readonly level?: string };
  readonly user?: { readonly name?: string };
  readonly github?: {
    readonly repository?: string;
    readonly run?: { readonly id?: string };
    readonly job?: { readonly id?: string; readonly name?: string; readonly timeline?: string };
    readonly step?: { readonly number?: number };
  };
  readonly [field: string]: unknown;
}

export interface Found {
  readonly seq: number;
  readonly record?: LogRecord;
  /** In the live tail, of a record that is too large to be shown. */
  readonly bytes?: number;
}

/** One record: a line, and all of it when it is opened. */
export function RecordRow({
  found: { seq, record, bytes },
  columns,
}: {
  found: Found;
  columns?: (record: LogRecord) => preact.ComponentChildren;
}) {
  const open = useSignal(false);
  if (record === undefined)
    return (
      <li class="record">
        <span class="dim">
          record {seq} has {bytes} bytes; look for it by search
        </span>
      </li>
    );
  const job = record.github?.job;
  const step = String(record.github?.step?.number ?? 0);
  return (
    <li class="record">
      <button
        type="button"
        class={columns === undefined ? 'row-button' : 'row-button audit'}
        aria-expanded={open.value}
        onClick={() => (open.value = !open.value)}
      >
        <time dateTime={record['@timestamp']}>{time(record['@timestamp'] ?? record.event?.created ?? '')}</time>
        {columns === undefined ? (
          <>
            <span class="tag">
              <Text>{record.event?.dataset ?? ''}</Text>
            </span>
            <span class="who">
              <Text>{record.github?.repository ?? record.host?.name ?? ''}</Text>
            </span>
            <span class="text">
              <Text>{firstLine(record.message)}</Text>
            </span>
          </>
        ) : (
          columns(record)
        )}
      </button>
      {open.value && (
        <div class="whole">
          {job?.timeline !== undefined && job.id !== undefined && (
            <p>
              <a href={linkTo(['runs', 'job', job.timeline, job.id], { step, seq: String(seq) })}>See it in its job</a>
            </p>
          )}
          <dl>
            {flatten(record).map(([name, value]) => (
              <div key={name}>
                <dt>
                  <Text>{name}</Text>
                </dt>
                <dd>
                  <Text>{value}</Text>
                </dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </li>
  );
}

function firstLine(text: string | undefined): string {
  const line = (text ?? '').split('\n', 1)[0] ?? '';
  return line.length > 400 ? `${line.slice(0, 400)}…` : line;
}

/** `{a: {b: 1}}` → `[['a.b', '1']]`: as people write fields in a search. */
function flatten(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, string][] => {
    const path = `${prefix}${name}`;
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) return flatten(inner, `${path}.`);
    return [[path, typeof inner === 'string' ? inner : JSON.stringify(inner)]];
  });
}

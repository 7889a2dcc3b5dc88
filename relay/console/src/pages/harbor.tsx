import { Asked } from '../parts/asked.tsx';
import { Panel, Badge, Text } from '../parts/basics.tsx';
import { FoundList } from '../parts/found-list.tsx';
import { QueryBar, sinceOf } from '../parts/query-bar.tsx';
import type { LogRecord } from '../parts/record.tsx';
import { linkTo, place } from '../router.ts';

const FALLBACK_SINCE = '7d';
const OPERATIONS = ['', 'create', 'pull', 'delete', 'update', 'login', 'logout'] as const;

interface HarborRecord extends LogRecord {
  readonly harbor?: {
    readonly operation?: string;
    readonly resource?: string;
    readonly resource_type?: string;
    readonly description?: string;
    readonly operator?: string;
  };
  readonly spillway?: { readonly flags?: readonly string[] };
}

/** Harbor's audit log as a table. */
export function Harbor() {
  const { query } = place.value;
  const action = query.get('action') ?? '';
  const q = query.get('q') ?? '';
  const since = sinceOf(query, FALLBACK_SINCE);
  const words = [`dataset:harbor.audit`, action === '' ? '' : `event.action:${action}*`, q === '' ? '' : `(${q})`];
  return (
    <>
      <h1>Harbor’s audit log</h1>
      <QueryBar
        path={['harbor']}
        query={query}
        label="Which audit records"
        placeholder="user:jane* harbor.project:team-a, or words"
        fallbackSince={FALLBACK_SINCE}
      />
      <div class="choice" role="group" aria-label="What was done">
        {OPERATIONS.map((name) => (
          <a
            key={name}
            class="button"
            href={linkTo(['harbor'], { ...Object.fromEntries(query), action: name })}
            aria-current={name === action ? 'true' : undefined}
          >
            {name === '' ? 'everything' : name}
          </a>
        ))}
      </div>
      <Asked scope={{ q, since, until: undefined }}>
        <Panel>
          <FoundList
            parameters={{
              q: words.filter((word) => word !== '').join(' '),
              since,
              order: 'newest',
            }}
            columns={columns}
            head={
              <div class="record-head" aria-hidden="true">
                <span>when</span>
                <span>who</span>
                <span>did</span>
                <span>to</span>
              </div>
            }
            none="Harbor sent no such record in this time. docs/harbor.md tells how to point it here."
          />
        </Panel>
      </Asked>
    </>
  );
}

function columns(record: LogRecord) {
  const { harbor, user, spillway } = record as HarborRecord;
  const odd = (spillway?.flags ?? []).filter((flag) => /ambiguous|forged|joined|unparsed/.test(flag));
  return (
    <>
      <span class="who">
        <Text>{user?.name ?? harbor?.operator ?? ''}</Text>
      </span>
      <span class="tag">
        <Text>{harbor?.operation ?? ''}</Text>
      </span>
      <span class="text">
        <Text>{harbor?.resource ?? record.message ?? ''}</Text>{' '}
        {odd.length > 0 && <Badge tone="warn">{odd.join(', ')}</Badge>}
      </span>
    </>
  );
}

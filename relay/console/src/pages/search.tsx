import { ask } from '../api.ts';
import { count, duration, time } from '../format.ts';
import { Asked } from '../parts/asked.tsx';
import { Failure, Panel, Text } from '../parts/basics.tsx';
import { FoundList } from '../parts/found-list.tsx';
import { QueryBar, sinceOf } from '../parts/query-bar.tsx';
import { usePoll } from '../poll.ts';
import { go, linkTo, place } from '../router.ts';
import { searchParameters } from '../search-stream.ts';

interface Histogram {
  readonly first: string;
  readonly bucket_ms: number;
  readonly counts: readonly number[];
  readonly total: number;
  readonly facets: Readonly<Record<string, readonly { value: string; count: number }[]>>;
  readonly ending: string;
}

const FACETS = ['event.dataset', 'host.name', 'github.repository', 'log.level'];
const FALLBACK_SINCE = '24h';
/** The counts are a picture that is made once for a query; nobody asks for it again. */
const NEVER_MS = 3_600_000;

export function Search() {
  const { query } = place.value;
  const q = query.get('q') ?? '';
  const since = sinceOf(query, FALLBACK_SINCE);
  const until = query.get('until') ?? undefined;
  const order = query.get('order') ?? 'newest';
  const scope = { q, since, until };
  const files = (format: string): string => `/api/v1/search/export?${searchParameters({ ...scope, order, format })}`;
  return (
    <>
      <h1>Search</h1>
      <QueryBar
        path={['search']}
        query={query}
        label="What to look for"
        placeholder={'words, "phrases", field:value, -not, time:>2h'}
        fallbackSince={FALLBACK_SINCE}
      />
      <Asked scope={scope}>
        <Counts scope={scope} />
        <Panel
          title="Records"
          actions={
            <>
              <a
                class="button"
                href={linkTo(['search'], {
                  ...Object.fromEntries(query),
                  order: order === 'newest' ? 'oldest' : 'newest',
                })}
              >
                {order === 'newest' ? 'Oldest first' : 'Newest first'}
              </a>
              <a class="button" href={files('ndjson')} download>
                NDJSON
              </a>
              <a class="button" href={files('csv')} download>
                CSV
              </a>
            </>
          }
        >
          <FoundList parameters={{ ...scope, order }} none="Nothing was found. Try another time, or fewer words." />
        </Panel>
      </Asked>
      <details class="panel help">
        <summary>How to ask</summary>
        <dl class="facts">
          <Help term="connection refused">both words, anywhere, in any case</Help>
          <Help term={'"no such file"'}>exactly this text</Help>
          <Help term="dataset:harbor.audit user:jane*">fields; * stands for anything</Help>
          <Help term="-action:pull">not this</Help>
          <Help term="a (b OR c)">either of two</Help>
          <Help term="http.status:>=500">by number</Help>
        </dl>
      </details>
    </>
  );
}

function Help({ term, children }: { term: string; children: string }) {
  return (
    <div>
      <dt>
        <code>{term}</code>
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

function Counts({ scope }: { scope: Readonly<Record<string, string | undefined>> }) {
  const key = searchParameters({ ...scope, buckets: '72', facets: FACETS.join(',') });
  const counts = usePoll((abort) => ask<Histogram>(`search/histogram?${key}`, { signal: abort }), NEVER_MS, key);
  const data = counts.value.value;
  if (data === undefined)
    return counts.failure.value === undefined ? (
      <Panel title="Counting…">{null}</Panel>
    ) : (
      <Failure error={counts.failure.value} />
    );
  const most = Math.max(1, ...data.counts);
  const firstMs = Date.parse(data.first);
  const narrow = (at: number): void => {
    const from = firstMs + at * data.bucket_ms;
    const range = { since: new Date(from).toISOString(), until: new Date(from + data.bucket_ms).toISOString() };
    go(linkTo(['search'], { ...Object.fromEntries(place.value.query), ...range }));
  };
  return (
    <Panel title={`${count(data.total)} records${data.ending === 'complete' ? '' : ' at least'}`}>
      {data.counts.length > 0 && (
        <div
          class="histogram"
          role="group"
          aria-label={`Records over time, ${duration(data.bucket_ms)} a column, ${count(most)} at most`}
        >
          {data.counts.map((value, at) => (
            <button
              type="button"
              key={at}
              tabIndex={-1}
              title={`${time(firstMs + at * data.bucket_ms)}: ${count(value)}`}
              onClick={() => narrow(at)}
            >
              <span style={{ height: `${(value / most) * 100}%` }} />
            </button>
          ))}
        </div>
      )}
      {data.counts.length > 0 && (
        <p class="span">
          <time>{time(firstMs)}</time>
          <time>{time(firstMs + data.counts.length * data.bucket_ms)}</time>
        </p>
      )}
      <div class="facets">
        {Object.entries(data.facets)
          .filter(([, values]) => values.length > 0)
          .map(([field, values]) => (
            <div key={field}>
              <h3>{field}</h3>
              <ul>
                {values.slice(0, 6).map(({ value, count: times }) => (
                  <li key={value}>
                    <a
                      href={linkTo(['search'], {
                        ...Object.fromEntries(place.value.query),
                        q: narrowed(scope['q'] ?? '', field, value),
                      })}
                    >
                      <Text>{value}</Text>
                    </a>{' '}
                    <small>{count(times)}</small>
                  </li>
                ))}
              </ul>
            </div>
          ))}
      </div>
    </Panel>
  );
}

function narrowed(query: string, field: string, value: string): string {
  const term = `${field}:"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return query === '' ? term : `(${query}) ${term}`;
}

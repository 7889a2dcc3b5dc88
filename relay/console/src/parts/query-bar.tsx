import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { linkTo, go } from '../router.ts';

export const SPANS: readonly (readonly [string, string])[] = [
  ['15m', 'last 15 minutes'],
  ['1h', 'last hour'],
  ['24h', 'last day'],
  ['7d', 'last week'],
  ['30d', 'last 30 days'],
  ['', 'all times'],
];

interface Props {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly label: string;
  readonly placeholder: string;
  readonly fallbackSince: string;
}

/** The field for a query and the span of time: what is asked stands in the address, so that it can be sent to somebody. */
export function QueryBar({ path, query, label, placeholder, fallbackSince }: Props) {
  const typed = useSignal(query.get('q') ?? '');
  const asked = query.get('q') ?? '';
  useEffect(() => {
    typed.value = asked;
  }, [asked]);
  const since = query.get('since') ?? fallbackSince;
  const ask = (q: string, from: string): void => {
    const { until, ...rest } = Object.fromEntries(query);
    // Another span ends now again.
    const end = from === since ? { until } : {};
    go(linkTo(path, { ...rest, ...end, q, since: from === '' ? 'all' : from }));
  };
  return (
    <form
      class="query"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        ask(typed.value, since === 'all' ? '' : since);
      }}
    >
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        spellcheck={false}
        autocomplete="off"
      />
      <select
        aria-label="Time"
        value={since === 'all' ? '' : since}
        onChange={(event) => ask(typed.value, event.currentTarget.value)}
      >
        {since !== 'all' && !SPANS.some(([value]) => value === since) && <option value={since}>a chosen time</option>}
        {SPANS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit" class="primary">
        Search
      </button>
    </form>
  );
}

/** `since` as the API takes it: absent for all times. */
export function sinceOf(query: URLSearchParams, fallback: string): string | undefined {
  const since = query.get('since') ?? fallback;
  return since === 'all' ? undefined : since;
}

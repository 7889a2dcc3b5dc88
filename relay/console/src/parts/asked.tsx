import type { ComponentChildren } from 'preact';
import { ApiError, ask } from '../api.ts';
import { usePoll } from '../poll.ts';
import { searchParameters } from '../search-stream.ts';
import { Failure } from './basics.tsx';
import { Read } from './listed.tsx';

/** What stands in an address is checked once. */
const NEVER_MS = 3_600_000;

interface Answer {
  readonly problem: { readonly message: string } | null;
}

/** What a query asks for, once the relay says that the query can be understood; else what is wrong with it. */
export function Asked({
  scope,
  children,
}: {
  scope: Readonly<Record<'q' | 'since' | 'until', string | undefined>>;
  children: ComponentChildren;
}) {
  const { q, since, until } = scope;
  const key = searchParameters({ q, since, until });
  const check = usePoll((abort) => ask<Answer>(`search/check?${key}`, { signal: abort }), NEVER_MS, key);
  return (
    <Read of={check}>
      {({ problem }) => (problem === null ? children : <Failure error={new ApiError(0, '', problem.message)} />)}
    </Read>
  );
}

/**
 * How an endpoint is doing:
 *
 *     up ──failure──▶ degraded ──failing for long, or again and again──▶ down ──success──▶ recovering ──caught up──▶ up
 *      ▲                 │                                                ▲                    │
 *      └────success──────┘                                                └──────failure───────┘
 *
 * `degraded` is a hiccup that retries may cure; `down` is what a person is told of; `recovering` is taking records again and
 * working off what gathered.
 */
export type EndpointStateName = 'up' | 'degraded' | 'down' | 'recovering';

export interface EndpointState {
  readonly name: EndpointStateName;
  /** When this state began, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** When the first failure of the present trouble happened. */
  readonly failingSinceMs: number | undefined;
  readonly failures: number;
}

export type EndpointSignal = { readonly kind: 'success'; readonly caughtUp: boolean } | { readonly kind: 'failure' };

export interface DownPolicy {
  /** Failing for so long makes it down. */
  readonly downAfterMs: number;
  /** So many failures in a row make it down. */
  readonly downAfterFailures: number;
}

export function initialState(nowMs: number): EndpointState {
  return { name: 'up', sinceMs: nowMs, failingSinceMs: undefined, failures: 0 };
}

/** The state after a signal. Pure: the same object comes back where nothing changed. */
export function nextState(
  state: EndpointState,
  signal: EndpointSignal,
  nowMs: number,
  policy: DownPolicy,
): EndpointState {
  return signal.kind === 'success' ? afterSuccess(state, signal.caughtUp, nowMs) : afterFailure(state, nowMs, policy);
}

function afterSuccess(state: EndpointState, caughtUp: boolean, nowMs: number): EndpointState {
  const healthy = { failingSinceMs: undefined, failures: 0 };
  switch (state.name) {
    case 'up':
      return state;
    case 'degraded':
      return { name: 'up', sinceMs: nowMs, ...healthy };
    case 'down':
      return { name: caughtUp ? 'up' : 'recovering', sinceMs: nowMs, ...healthy };
    case 'recovering':
      if (caughtUp) return { name: 'up', sinceMs: nowMs, ...healthy };
      return state.failures === 0 ? state : { ...state, ...healthy };
  }
}

function afterFailure(state: EndpointState, nowMs: number, policy: DownPolicy): EndpointState {
  const failingSinceMs = state.failingSinceMs ?? nowMs;
  const failures = state.failures + 1;
  if (state.name === 'down') return { ...state, failures };
  const down = failures >= policy.downAfterFailures || nowMs - failingSinceMs >= policy.downAfterMs;
  if (down) return { name: 'down', sinceMs: nowMs, failingSinceMs, failures };
  if (state.name === 'up') return { name: 'degraded', sinceMs: nowMs, failingSinceMs, failures };
  return { ...state, failingSinceMs, failures };
}

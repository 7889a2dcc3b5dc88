import { expect, test } from 'vitest';
import {
  initialState,
  nextState,
  type EndpointSignal,
  type EndpointState,
} from '../../relay/delivery/endpoint-state.ts';
import { nextDelayMs } from '../../relay/delivery/backoff.ts';

const policy = { downAfterMs: 10_000, downAfterFailures: 5 };
const fails: EndpointSignal = { kind: 'failure' };
const works: EndpointSignal = { kind: 'success', caughtUp: false };
const caughtUp: EndpointSignal = { kind: 'success', caughtUp: true };

function after(signals: readonly (readonly [atMs: number, signal: EndpointSignal])[]): EndpointState {
  return signals.reduce((state, [atMs, signal]) => nextState(state, signal, atMs, policy), initialState(0));
}

test.each([
  { name: 'nothing', signals: [], is: 'up', sinceMs: 0 },
  { name: 'a success', signals: [[1, works]], is: 'up', sinceMs: 0 },
  { name: 'a failure', signals: [[1, fails]], is: 'degraded', sinceMs: 1 },
  {
    name: 'four failures in no time',
    signals: [
      [1, fails],
      [2, fails],
      [3, fails],
      [4, fails],
    ],
    is: 'degraded',
    sinceMs: 1,
  },
  {
    name: 'five failures',
    signals: [
      [1, fails],
      [2, fails],
      [3, fails],
      [4, fails],
      [5, fails],
    ],
    is: 'down',
    sinceMs: 5,
  },
  {
    name: 'ten seconds of failing',
    signals: [
      [1, fails],
      [10_001, fails],
    ],
    is: 'down',
    sinceMs: 10_001,
  },
  {
    name: 'a little less',
    signals: [
      [1, fails],
      [10_000, fails],
    ],
    is: 'degraded',
    sinceMs: 1,
  },
  {
    name: 'a hiccup',
    signals: [
      [1, fails],
      [2, works],
    ],
    is: 'up',
    sinceMs: 2,
  },
  {
    name: 'hiccups far apart',
    signals: [
      [1, fails],
      [2, works],
      [20_000, fails],
    ],
    is: 'degraded',
    sinceMs: 20_000,
  },
  {
    name: 'an outage with a backlog',
    signals: [
      [1, fails],
      [10_001, fails],
      [10_002, works],
    ],
    is: 'recovering',
    sinceMs: 10_002,
  },
  {
    name: 'an outage without one',
    signals: [
      [1, fails],
      [10_001, fails],
      [10_002, caughtUp],
    ],
    is: 'up',
    sinceMs: 10_002,
  },
  {
    name: 'a recovery that ends',
    signals: [
      [1, fails],
      [10_001, fails],
      [10_002, works],
      [10_003, caughtUp],
    ],
    is: 'up',
    sinceMs: 10_003,
  },
  {
    name: 'a hiccup in a recovery',
    signals: [
      [1, fails],
      [10_001, fails],
      [10_002, works],
      [10_003, fails],
    ],
    is: 'recovering',
    sinceMs: 10_002,
  },
  {
    name: 'a relapse',
    signals: [
      [1, fails],
      [10_001, fails],
      [10_002, works],
      [10_003, fails],
      [20_003, fails],
    ],
    is: 'down',
    sinceMs: 20_003,
  },
] as const)('after $name the endpoint is $is', ({ signals, is, sinceMs }) => {
  expect(after(signals)).toMatchObject({ name: is, sinceMs });
});

test('a state that stays is the same object, so that a change can be told by it', () => {
  const up = initialState(0);
  expect(nextState(up, works, 5, policy)).toBe(up);
  const down = after([
    [1, fails],
    [10_001, fails],
  ]);
  expect(nextState(down, fails, 20_000, policy)).toMatchObject({ name: 'down', sinceMs: 10_001, failures: 3 });
});

test.each([
  { failures: 1, chance: 1, delayMs: 250 },
  { failures: 1, chance: 0, delayMs: 125 },
  { failures: 2, chance: 1, delayMs: 500 },
  { failures: 7, chance: 1, delayMs: 16_000 },
  { failures: 8, chance: 1, delayMs: 30_000 },
  { failures: 1_000_000, chance: 0, delayMs: 15_000 },
])('the wait after $failures failures is $delayMs ms at chance $chance', ({ failures, chance, delayMs }) => {
  expect(nextDelayMs(failures, { minMs: 250, maxMs: 30_000 }, chance, undefined)).toBe(delayMs);
});

test.each([
  { retryAfterMs: 100, delayMs: 250 },
  { retryAfterMs: 60_000, delayMs: 60_000 },
  { retryAfterMs: 86_400_000, delayMs: 300_000 },
])('an endpoint that asks for $retryAfterMs ms gets $delayMs ms', ({ retryAfterMs, delayMs }) => {
  expect(nextDelayMs(1, { minMs: 250, maxMs: 30_000 }, 1, retryAfterMs)).toBe(delayMs);
});

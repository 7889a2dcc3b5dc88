import type { RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import { initialState, nextState, type DownPolicy, type EndpointSignal, type EndpointState } from './endpoint-state.ts';
import type { DeliveryEvents, StateDetail } from './events.ts';

export interface HealthOptions {
  readonly endpoint: string;
  readonly clock: Clock;
  readonly events: DeliveryEvents;
  readonly policy: DownPolicy;
  /** What there is to say about the backlog at this moment. */
  readonly backlog: () => Omit<StateDetail, 'failure'>;
}

/** An endpoint's state over time: takes each success and failure, tells of each change once. */
export class Health {
  readonly #options: HealthOptions;
  #state: EndpointState;
  #lastFailure: RelayError | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#state = initialState(options.clock.nowMs());
  }

  get state(): EndpointState {
    return this.#state;
  }

  get lastFailure(): RelayError | undefined {
    return this.#lastFailure;
  }

  succeeded(caughtUp: boolean): void {
    this.#signal({ kind: 'success', caughtUp });
  }

  failed(failure: RelayError): void {
    this.#lastFailure = failure;
    this.#signal({ kind: 'failure' });
  }

  /** Says again that it is down, if it is. */
  remind(): void {
    const { events, endpoint } = this.#options;
    if (this.#state.name === 'down') events.reminder(endpoint, this.#state, this.#detail());
  }

  #signal(signal: EndpointSignal): void {
    const { clock, events, endpoint, policy } = this.#options;
    const before = this.#state;
    this.#state = nextState(before, signal, clock.nowMs(), policy);
    if (this.#state.name !== before.name) events.stateChanged(endpoint, before, this.#state, this.#detail());
  }

  #detail(): StateDetail {
    return { ...this.#options.backlog(), failure: this.#lastFailure };
  }
}

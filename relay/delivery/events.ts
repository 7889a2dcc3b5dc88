import type { RelayError } from '../errors.ts';
import type { EndpointState } from './endpoint-state.ts';

/** What delivery tells. Whoever builds it decides what to log and to count. */
export interface DeliveryEvents {
  delivered(endpoint: string, piece: { records: number; bytes: number; ageMs: number }): void;
  filtered(endpoint: string, records: number): void;
  /** An attempt failed and will be made again. */
  retrying(endpoint: string, failure: RelayError, delayMs: number): void;
  refused(endpoint: string, refused: { seq: number; code: string; reason: string }): void;
  stateChanged(endpoint: string, from: EndpointState, to: EndpointState, detail: StateDetail): void;
  /** It is still down. */
  reminder(endpoint: string, state: EndpointState, detail: StateDetail): void;
  /** It has as many dead letters as it may have; delivery waits until some are dealt with. */
  deadLettersFull(endpoint: string, deadLetters: number): void;
  /** The journal could not be read; it is tried again. */
  readFailed(endpoint: string, error: unknown): void;
  failedOver(endpoint: string, address: string): void;
  /** Sent without acknowledgement over a connection that broke: these are sent again. */
  sentAgain(endpoint: string, records: number): void;
}

export interface StateDetail {
  readonly backlogRecords: number;
  readonly oldestReceivedMs: number | undefined;
  readonly failure: RelayError | undefined;
}

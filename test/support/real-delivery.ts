import type { DeliveryEvents } from '../../relay/delivery/events.ts';

/** For tests of an output with the relay's real journal and delivery before it: what they do not look at. */
export const noEvents: DeliveryEvents = {
  delivered: () => {},
  filtered: () => {},
  retrying: () => {},
  refused: () => {},
  stateChanged: () => {},
  reminder: () => {},
  deadLettersFull: () => {},
  readFailed: () => {},
  failedOver: () => {},
  sentAgain: () => {},
};

/** An endpoint that tries again at once, and is not called down. */
export const endpointOptions = {
  name: 'siem',
  match: undefined,
  paused: false,
  startAt: 'first' as const,
  untilSeq: undefined,
  backoffMinMs: 5,
  backoffMaxMs: 50,
  downAfterMs: 60_000,
  reminderIntervalMs: 60_000,
  drain: 'interleave' as const,
  drainRecordsPerSecondMax: 0,
  resendRecords: 10_000,
  deadLettersMax: 1_000,
};

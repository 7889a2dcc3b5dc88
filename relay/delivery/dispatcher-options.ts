import type { Output } from '../component/output.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Journal } from '../journal/journal.ts';
import type { DeliveryEvents } from './events.ts';
import type { Matcher } from './match.ts';
import type { RateLimit } from './rate-limit.ts';

export interface DispatcherOptions {
  readonly endpoint: string;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: DeliveryEvents;
  /** The output to use now: with several addresses this changes from attempt to attempt. */
  readonly output: () => Output;
  /** Told after a failed attempt; may choose another address. True where the next attempt goes elsewhere, so need not wait. */
  readonly onFailure: () => boolean;
  readonly matcher: Matcher;
  readonly acknowledged: boolean;
  readonly resendRecords: number;
  readonly resendHoldMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly downAfterMs: number;
  readonly reminderIntervalMs: number;
  /** How a long backlog is worked off: before anything new, or beside it. */
  readonly drain: 'in_order' | 'interleave';
  readonly rateLimit: RateLimit;
  readonly cursorSeq: number;
  /** Dead letters that the endpoint has already, and how many it may have before delivery waits for an operator. */
  readonly deadLetters: number;
  readonly deadLettersMax: number;
  /** Takes nothing from this place on: for an endpoint that is being retired. */
  readonly untilSeq: number | undefined;
}

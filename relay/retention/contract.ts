import type { Clock } from '../io/clock.ts';
import type { PurgeableJournal } from '../journal/journal.ts';
import type { PurgeRun } from '../journal/retention-store.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Confirmation } from './confirmation.ts';
import type { MakeSchedule } from './cron.ts';
import type { RuleOptions } from './options.ts';

/** Writes a record of the relay's own into the stream. Resolves with its place, once it is durable. */
export type Tell = (dataset: string, message: string, fields: Readonly<Record<string, unknown>>) => Promise<number>;

/** What retention needs of the journal. */
export type RetainedJournal = Pick<PurgeableJournal, 'retention' | 'identity' | 'nextSeq'>;

export interface RetentionWorld {
  readonly journal: RetainedJournal;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: Tell;
  readonly makeSchedule?: MakeSchedule;
}

export interface PurgeRequest {
  /** What set it off: `manual`, `schedule`, `api`. */
  readonly cause: string;
  readonly who: string;
  readonly dryRun?: boolean;
  /** Only this rule of the config. */
  readonly rule?: string | undefined;
  /** These rules instead of the config's; those that it keeps for ever still come first. */
  readonly rules?: readonly RuleOptions[] | undefined;
  /** The word of the dry run that counted what it would take; see `RetentionService.startConfirmed`. */
  readonly confirm?: string | undefined;
  /** Works also while no window is open. */
  readonly ignoreWindows?: boolean;
  /** Kept with the run as it is, for whoever shows it. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A purge with how far it has come. */
export interface PurgeStatus extends PurgeRun {
  /** From 0 to 1. */
  readonly progress: number;
  /** Of a dry run that came to its end not long ago. */
  readonly confirmation: Confirmation | undefined;
}

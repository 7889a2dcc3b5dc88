import { createHash } from 'node:crypto';
import { RelayError } from '../errors.ts';
import type { PlannedRule, PurgeRun, RetentionStore } from '../journal/retention-store.ts';
import { number, time } from './words.ts';

/** For how long a dry run says what a purge by hand would take. */
export const CONFIRM_WITHIN_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;
/** Of more runs than these a dry run that still counts is not older. */
const RUNS_LOOKED_AT = 1_000;

/** What whoever begins a purge by hand has to send, as a sign that he has seen what it would take; and until when it counts. */
export interface Confirmation {
  readonly word: string;
  readonly untilMs: number;
}

/** The word of a dry run that came to its end not long ago. It is no secret: it cannot be known without having asked for the result. */
export function confirmationOf(run: PurgeRun, nowMs: number): Confirmation | undefined {
  const { id, dryRun, state, startedMs, endedMs, plan, tally } = run;
  if (!dryRun || state !== 'done' || endedMs === undefined) return undefined;
  const untilMs = endedMs + CONFIRM_WITHIN_MS;
  if (nowMs >= untilMs) return undefined;
  const result = createHash('sha256').update(JSON.stringify([id, startedMs, endedMs, plan, tally]));
  return { word: `${id}-${result.digest('hex').slice(0, 16)}`, untilMs };
}

/** A purge that somebody asks for. */
export interface Unconfirmed {
  readonly word: string | undefined;
  readonly rule: string | undefined;
  /** What it would go by. */
  readonly rules: readonly PlannedRule[];
}

/** The dry run that a word is of. Throws `PURGE_UNCONFIRMED` unless that is a fresh one by the same rules, and nothing was purged since. */
export async function countedBy(
  store: RetentionStore,
  { word, rule, rules }: Unconfirmed,
  nowMs: number,
): Promise<PurgeRun> {
  if (word === undefined)
    throw unconfirmed('a purge by hand begins with the "confirm" of a dry run that counted what it would take');
  const id = Number(/^(\d{1,15})-[0-9a-f]{16}$/.exec(word)?.[1] ?? 0);
  const counted = await store.run(id);
  if (counted === undefined || !counted.dryRun) throw unconfirmed('this "confirm" is not one of a dry run');
  const known = confirmationOf(counted, nowMs);
  if (known === undefined) throw unconfirmed(`dry run ${id} is not done, or too long ago`);
  if (known.word !== word) throw unconfirmed(`this is not the "confirm" of dry run ${id}`);
  if (counted.parameters['rule'] !== rule) throw unconfirmed(`dry run ${id} was not by the same rules`);
  const later = (await store.runs(RUNS_LOOKED_AT)).find((run) => !run.dryRun && run.id > id);
  if (later !== undefined) throw unconfirmed(`purge ${later.id} began after dry run ${id}`);
  if (outline(rules, nowMs) !== outline(counted.plan.rules, counted.startedMs))
    throw unconfirmed(`the rules are not those of dry run ${id} any more`);
  return counted;
}

function unconfirmed(why: string): RelayError {
  return new RelayError(
    'PURGE_UNCONFIRMED',
    `${why}; what a purge takes cannot be recovered: do a dry run, look at what it counted, and send its "confirm" within ` +
      `${CONFIRM_WITHIN_MS / 60_000} minutes`,
  );
}

/** Rules without the moment that their times count from. */
function outline(rules: readonly PlannedRule[], startedMs: number): string {
  return JSON.stringify(
    rules.map(({ beforeMs, ...rule }) => ({
      ...rule,
      hours: beforeMs === undefined ? null : Math.round((startedMs - beforeMs) / HOUR_MS),
    })),
  );
}

/** What stands in the log of a purge that was confirmed. */
export function confirmedInWords({ id, endedMs = 0, tally }: PurgeRun): string {
  return `confirmed after dry run ${id}, which found ${number(tally.records)} records at ${time(endedMs)}`;
}

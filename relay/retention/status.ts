import type { PurgeRun } from '../journal/retention-store.ts';
import { confirmationOf } from './confirmation.ts';
import type { PurgeStatus } from './contract.ts';

/** A purge as it is shown to people and programs. */
export function statusOf(run: PurgeRun, nowMs: number): PurgeStatus {
  return { ...run, progress: progressOf(run), confirmation: confirmationOf(run, nowMs) };
}

/** From 0 to 1. */
function progressOf({ position, plan, endedMs, tally, state }: PurgeRun): number {
  if (endedMs !== undefined && state === 'done') return 1;
  const left = plan.untilSeq - position;
  const done = tally.looked;
  return done + left === 0 ? 1 : Math.min(1, done / (done + left));
}

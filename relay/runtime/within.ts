import { describeError } from '../errors.ts';
import { sleep, type Clock } from '../io/clock.ts';
import type { Log } from '../telemetry/logger.ts';

/** Waits for a part of the end that must not hold up the rest. Never rejects; `what` names it in the log. */
export async function within(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  deadlineMs: number,
  work: Promise<unknown>,
  what: string,
): Promise<void> {
  const enough = new AbortController();
  const outcome = await Promise.race([
    work.then(
      () => 'done',
      (error: unknown) => describeError(error),
    ),
    sleep(clock, deadlineMs, enough.signal).then(() => 'it took too long'),
  ]);
  enough.abort();
  if (outcome !== 'done') log.warn('a part of the relay did not end in order', { what, reason: outcome });
}

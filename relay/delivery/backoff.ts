export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before attempt `failures + 1`: doubling from `minMs` up to `maxMs`, of which a random half is taken off, so that many
 * relays do not all come back in the same moment. What the endpoint asked for is the least, within reason.
 */
export function nextDelayMs(
  failures: number,
  { minMs, maxMs }: BackoffOptions,
  chance: number,
  retryAfterMs: number | undefined,
): number {
  const doubled = minMs * 2 ** Math.min(failures - 1, 30);
  const capped = Math.min(doubled, maxMs);
  const jittered = capped * (0.5 + chance * 0.5);
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
}

/** An endpoint that asks for a longer rest than this is asked again anyway. */
const RETRY_AFTER_MAX_MS = 300_000;

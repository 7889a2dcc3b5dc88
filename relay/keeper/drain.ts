import { type Clock, sleep } from '../io/clock.ts';
import { askFluentBit, type FluentBitFigures } from './fluent-bit.ts';
import type { Left } from './status.ts';

export interface DrainOptions {
  readonly clock: Clock;
  /** How long to wait at most, in milliseconds. */
  readonly timeoutMs: number;
  /** Fluent Bit's own HTTP server. */
  readonly fluentBit: URL;
  /** Nothing may have come for so long, in milliseconds: for where the runner may still be at work. */
  readonly quietMs: number;
  /** Looks at what Fluent Bit has not read. */
  readonly look: () => Promise<Look>;
}

export interface Look {
  readonly left: Left;
  /** Of all that is kept, read or not: when it grows, something has come. */
  readonly keptBytes: number;
}

export interface Drained {
  readonly delivered: boolean;
  readonly waitedMs: number;
  /** Not read by Fluent Bit. */
  readonly left: Left;
  /** Read by Fluent Bit and not sent; undefined where it does not say. */
  readonly undelivered: number | undefined;
  /** Why Fluent Bit does not say. */
  readonly problem: string | undefined;
}

const LOOK_MS = 250;
/** Fluent Bit renews its counters each second, and its chunks every 5 s: what it says is of the time before when it is younger. */
const COUNTERS_MS = 1_500;
const CHUNKS_MS = 6_000;

/**
 * Waits until Fluent Bit has read and sent everything, or the time is up. Sent is when it counts as many records out as in; or, where
 * its outputs do not all get everything and the counters can never agree, when no chunk is left.
 */
export async function drain({ clock, timeoutMs, fluentBit, quietMs, look }: DrainOptions): Promise<Drained> {
  const startedMs = clock.monotonicMs();
  let readMs: number | undefined;
  let before = 0;
  for (;;) {
    const { left, keptBytes } = await look();
    if (left.bytes > 0 || keptBytes > before) readMs = undefined;
    if (left.bytes === 0) readMs ??= clock.monotonicMs();
    before = keptBytes;
    const asked = await askFluentBit(fluentBit, clock);
    const nowMs = clock.monotonicMs();
    const waitedMs = nowMs - startedMs;
    const sinceReadMs = readMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - readMs;
    const delivered = sinceReadMs >= quietMs && typeof asked !== 'string' && isSent(asked, sinceReadMs);
    if (delivered || waitedMs >= timeoutMs) {
      return {
        delivered,
        waitedMs,
        left,
        undelivered: typeof asked === 'string' ? undefined : asked.undelivered,
        problem: typeof asked === 'string' ? asked : undefined,
      };
    }
    await sleep(clock, Math.min(LOOK_MS, timeoutMs - waitedMs));
  }
}

/** `sinceReadMs`: how long ago the last file was read to its end. */
function isSent({ undelivered, chunks }: FluentBitFigures, sinceReadMs: number): boolean {
  // Without a word on its chunks it has just begun, and may not have counted what it found on the disk.
  if (chunks === undefined) return false;
  return (undelivered === 0 && sinceReadMs >= COUNTERS_MS) || (chunks === 0 && sinceReadMs >= CHUNKS_MS);
}

/** What came of it, in words. */
export function describeDrain({ delivered, waitedMs, left, undelivered, problem }: Drained): string {
  const seconds = (waitedMs / 1_000).toFixed(1);
  if (delivered) return `everything that was kept is delivered, after ${seconds} s`;
  const parts = [
    ...(left.bytes > 0
      ? [`${left.bytes} bytes in ${left.files} file${left.files === 1 ? '' : 's'} were not read by Fluent Bit`]
      : []),
    ...(undelivered === undefined
      ? [`whether Fluent Bit has sent what it read is not known${problem === undefined ? '' : `: ${problem}`}`]
      : undelivered > 0
        ? [`${undelivered} records were read and not sent`]
        : []),
  ];
  return `NOT DELIVERED after ${seconds} s: ${parts.join('; ')}`;
}

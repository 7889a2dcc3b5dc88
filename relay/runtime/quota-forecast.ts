import type { Clock } from '../io/clock.ts';
import type { JournalLimits, JournalRoom } from '../journal/journal.ts';

export interface QuotaForecastOptions {
  readonly clock: Clock;
  readonly room: () => Promise<JournalRoom>;
  readonly limits: () => JournalLimits;
}

/** How long the journal can go on growing as it did since it was last asked. */
export class QuotaForecast {
  readonly #options: QuotaForecastOptions;
  #before: { readonly bytes: number; readonly ms: number } | undefined;

  constructor(options: QuotaForecastOptions) {
    this.#options = options;
  }

  /**
   * Seconds until the journal is at its limit or the disk at its guard. Undefined where it does not grow, where it is asked for the first
   * time, and where the journal cannot be asked.
   */
  async secondsLeft(): Promise<number | undefined> {
    const { clock, room, limits } = this.#options;
    const found = await room().catch(() => undefined);
    if (found === undefined) return undefined;
    const nowMs = clock.monotonicMs();
    const before = this.#before;
    this.#before = { bytes: found.fileBytes, ms: nowMs };
    if (before === undefined || nowMs <= before.ms || found.fileBytes <= before.bytes) return undefined;
    const { bytesMax, freeBytesMin } = limits();
    const left = Math.min(
      bytesMax > 0 ? bytesMax - found.fileBytes : Number.POSITIVE_INFINITY,
      found.freeBytes - freeBytesMin,
    );
    const bytesPerMs = (found.fileBytes - before.bytes) / (nowMs - before.ms);
    return Math.max(0, Math.round(left / bytesPerMs / 1_000));
  }
}

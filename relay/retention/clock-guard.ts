import type { Clock } from '../io/clock.ts';
import type { RetentionStore } from '../journal/retention-store.ts';

const SETTING = 'clock_seen_ms';
const HOUR_MS = 3_600_000;

/**
 * Remembers where the clock was, so that one that jumped ahead is noticed: by a wrong NTP server, by hand, or by somebody who wants
 * everything to look old. While it runs, it is held against the clock that only counts; over a restart, against what was written down.
 */
export class ClockGuard {
  readonly #store: RetentionStore;
  readonly #clock: Clock;
  #seen: { readonly wallMs: number; readonly monotonicMs: number } | undefined;

  constructor(store: RetentionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** By how much the clock is ahead of where it should be, in milliseconds. Where that is within the limit, it is the new mark. */
  async check(jumpHoursMax: number): Promise<number> {
    const wallMs = this.#clock.nowMs();
    const aheadMs = wallMs - (await this.#expectedMs(wallMs));
    if (aheadMs <= jumpHoursMax * HOUR_MS) await this.accept();
    return aheadMs;
  }

  /** A person says that the clock is right. */
  async accept(): Promise<void> {
    this.#seen = { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
    await this.#store.putSetting(SETTING, String(this.#seen.wallMs));
  }

  async #expectedMs(wallMs: number): Promise<number> {
    if (this.#seen !== undefined) return this.#seen.wallMs + this.#clock.monotonicMs() - this.#seen.monotonicMs;
    const kept = Number(await this.#store.setting(SETTING));
    return Number.isFinite(kept) && kept > 0 ? kept : wallMs;
  }
}

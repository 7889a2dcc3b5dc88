import type { InputContext } from '../../component/input.ts';
import type { Timer } from '../../io/clock.ts';

/** It is looked for silence this many times in the time after which one is warned of. */
const LOOKS = 20;
const LOOK_INTERVAL_MS_MIN = 100;
const LOOK_INTERVAL_MS_MAX = 60_000;

/**
 * Warns once when a Harbor that used to speak falls silent, and once when it speaks again. It has no heartbeat, and when it cannot reach
 * its syslog endpoint it says so only in its own log (`src/pkg/audit/forward.go`): nobody else would notice.
 */
export class HarborSilence {
  readonly #context: InputContext;
  readonly #silenceMs: number;
  #heardMs: number;
  #timer: Timer | undefined;

  constructor(context: InputContext, silenceMs: number) {
    this.#context = context;
    this.#silenceMs = silenceMs;
    this.#heardMs = context.clock.monotonicMs();
  }

  start(): void {
    const { clock } = this.#context;
    this.#heardMs = clock.monotonicMs();
    const intervalMs = Math.min(LOOK_INTERVAL_MS_MAX, Math.max(LOOK_INTERVAL_MS_MIN, this.#silenceMs / LOOKS));
    if (this.#silenceMs > 0) this.#timer = clock.every(intervalMs, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A record of Harbor’s has come. */
  heard(): void {
    const { counters, recorder, clock, log } = this.#context;
    const { harbor } = counters;
    harbor.records++;
    harbor.lastMs = recorder.nowMs;
    const nowMs = clock.monotonicMs();
    if (harbor.silent) {
      harbor.silent = false;
      log.warn('Harbor speaks again', { silent_for_s: Math.round((nowMs - this.#heardMs) / 1_000) });
    }
    this.#heardMs = nowMs;
  }

  #look(): void {
    const { counters, clock, log } = this.#context;
    const { harbor } = counters;
    const silentForMs = clock.monotonicMs() - this.#heardMs;
    if (harbor.silent || harbor.records === 0 || silentForMs < this.#silenceMs) return;
    harbor.silent = true;
    log.warn('Harbor has fallen silent; its audit lines may be getting lost', {
      silent_for_s: Math.round(silentForMs / 1_000),
      last_record: new Date(harbor.lastMs).toISOString(),
      remedy: 'look at audit_log_forward_endpoint in Harbor, and for "failed to create audit log" in its core.log',
    });
  }
}

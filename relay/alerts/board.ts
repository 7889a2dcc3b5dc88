import type { Clock, Timer } from '../io/clock.ts';
import type { AlertKind } from './options.ts';

export type AlertSeverity = 'warning' | 'critical';

/** Something that is not as it should be at present. */
export interface Condition {
  /** What it is about: the name of an endpoint, an input, a file. Empty where there is only one. */
  readonly subject: string;
  readonly severity: AlertSeverity;
  /** One sentence for a person: what is wrong, and what to do where that is known. */
  readonly message: string;
}

export interface Alert extends Condition {
  /** Stays the same while the alert goes on: `kind/subject`. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly sinceMs: number;
  /** False for what happened once, and is shown until somebody has seen it. */
  readonly endsByItself: boolean;
}

export type AlertPhase = 'began' | 'goes_on' | 'ended';

export interface BoardOptions {
  readonly clock: Clock;
  readonly reminderIntervalMs: number;
  readonly off: readonly AlertKind[];
  /** Called once for each change, and for each reminder. */
  readonly tell: (alert: Alert, phase: AlertPhase) => void;
}

/** Alerts at once; beyond, new ones are told and not kept. */
const ALERTS_MAX = 1_000;
/** What happened once is forgotten after this long, seen or not. */
const SEEN_AFTER_MS = 86_400_000;

interface Kept {
  alert: Alert;
  toldMs: number;
}

/** All alerts of the relay: tells each once when it begins, again after a while, and when it has ended. */
export class AlertBoard {
  #options: BoardOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #timer: Timer;

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#timer = options.clock.every(Math.min(60_000, options.reminderIntervalMs), () => this.#remind());
  }

  /** The oldest first. */
  get active(): readonly Alert[] {
    return [...this.#kept.values()].map(({ alert }) => alert);
  }

  /** Says what of a kind holds now. What held before and is not named has ended. */
  hold(kind: AlertKind, conditions: readonly Condition[]): void {
    const named = new Set(conditions.map(({ subject }) => idOf(kind, subject)));
    for (const [id, { alert }] of this.#kept)
      if (alert.kind === kind && alert.endsByItself && !named.has(id)) this.#end(id);
    for (const condition of conditions) this.#begin(kind, condition, true);
  }

  /** Something that happened, and is over. A repeat of what is still shown is not told again before its reminder. */
  happened(kind: AlertKind, condition: Condition): void {
    this.#begin(kind, condition, false);
  }

  /** Puts away what happened once. False where there is no such alert, or it goes on. */
  acknowledge(id: string): boolean {
    if (this.#kept.get(id)?.alert.endsByItself !== false) return false;
    return this.#kept.delete(id);
  }

  /** Takes over new settings. Alerts of kinds that nobody wants any more are forgotten. */
  configure(options: Pick<BoardOptions, 'off' | 'reminderIntervalMs'>): void {
    this.#options = { ...this.#options, ...options };
    for (const [id, { alert }] of this.#kept) if (options.off.includes(alert.kind)) this.#kept.delete(id);
  }

  stop(): void {
    this.#timer.cancel();
  }

  #begin(kind: AlertKind, condition: Condition, endsByItself: boolean): void {
    const { clock, off, tell } = this.#options;
    if (off.includes(kind)) return;
    const id = idOf(kind, condition.subject);
    const nowMs = clock.nowMs();
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      kept.alert = { ...kept.alert, ...condition };
      return;
    }
    const alert = { ...condition, id, kind, sinceMs: nowMs, endsByItself };
    if (this.#kept.size < ALERTS_MAX) this.#kept.set(id, { alert, toldMs: clock.monotonicMs() });
    tell(alert, 'began');
  }

  #end(id: string): void {
    const { alert } = this.#kept.get(id)!;
    this.#kept.delete(id);
    this.#options.tell(alert, 'ended');
  }

  #remind(): void {
    const { clock, reminderIntervalMs, tell } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [id, kept] of this.#kept) {
      if (!kept.alert.endsByItself) {
        if (clock.nowMs() - kept.alert.sinceMs > SEEN_AFTER_MS) this.#kept.delete(id);
      } else if (nowMs - kept.toldMs >= reminderIntervalMs) {
        kept.toldMs = nowMs;
        tell(kept.alert, 'goes_on');
      }
    }
  }
}

function idOf(kind: AlertKind, subject: string): string {
  return `${kind}/${subject}`;
}

import { describeError } from '../errors.ts';
import { sleep, type Clock } from '../io/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Alert, AlertPhase } from './board.ts';

/** Alerts that wait to be sent; beyond, the oldest is given up. */
const WAITING_MAX = 100;
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000];

export interface AlertMessage {
  readonly alert: Alert;
  readonly phase: AlertPhase;
  readonly atMs: number;
}

export interface ChannelOptions {
  /** For the log: `webhook` or `syslog`. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Sends one; rejects where that failed. */
  readonly send: (message: AlertMessage, signal: AbortSignal) => Promise<void>;
}

/** Sends alerts one after the other to where people look, and tries again for a while: never in anybody's way, bounded. */
export class AlertChannel {
  readonly #options: ChannelOptions;
  readonly #waiting: AlertMessage[] = [];
  readonly #ended = new AbortController();
  #busy = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  push(message: AlertMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting.shift();
      this.#options.log.warn('an alert could not be sent in time and was given up', { channel: this.#options.name });
    }
    if (!this.#busy) void this.#work();
  }

  stop(): void {
    this.#ended.abort();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) await this.#send(next);
    this.#busy = false;
  }

  /** Never rejects. */
  async #send(message: AlertMessage): Promise<void> {
    const { name, clock, log, send } = this.#options;
    const { signal } = this.#ended;
    for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
      if (signal.aborted) return;
      try {
        return await send(message, signal);
      } catch (error) {
        const fields = { channel: name, alert: message.alert.kind, reason: describeError(error) };
        if (delayMs === undefined) return log.error('an alert could not be sent', fields);
        log.warn('an alert could not be sent; it is tried again', fields);
        await sleep(clock, delayMs, signal);
      }
    }
  }
}

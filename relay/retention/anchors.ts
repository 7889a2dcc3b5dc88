import { describeError } from '../errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { RetainedJournal, Tell } from './contract.ts';

export interface AnchorWorld {
  readonly journal: RetainedJournal;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: Tell;
}

/** Tells the endpoints the value of the hash chain from time to time: what is out of the house cannot be rewritten with the journal. */
export class Anchors {
  readonly #world: AnchorWorld;
  #timer: Timer | undefined;
  #intervalMs = 0;
  #lastSeq = 0;
  #telling: Promise<void> = Promise.resolve();

  constructor(world: AnchorWorld) {
    this.#world = world;
  }

  /** 0 ends it. */
  start(intervalMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#intervalMs = intervalMs;
    if (intervalMs > 0) this.#timer = this.#world.clock.every(intervalMs, () => void this.tell());
  }

  /** Tells a last one, unless nothing came since the one before. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    if (this.#intervalMs > 0 && this.#world.journal.nextSeq > this.#lastSeq + 1) await this.tell();
  }

  /** One after the other. Never rejects. */
  tell(): Promise<void> {
    this.#telling = this.#telling.then(() => this.#tell());
    return this.#telling;
  }

  async #tell(): Promise<void> {
    const { journal, log, tell } = this.#world;
    try {
      const { seq, head, certificate } = await journal.retention.anchor();
      if (seq <= 1 || head === '') return;
      const { node, relayId } = journal.identity;
      const message = `the chain before record ${seq} is ${head}`;
      const anchor = { seq, head, certificate, node, relay_id: relayId };
      this.#lastSeq = await tell('spillway.anchor', message, { anchor });
    } catch (error) {
      log.warn('the value of the chain could not be told', { reason: describeError(error) });
    }
  }
}

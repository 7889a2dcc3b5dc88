import { type Clock, sleep } from '../../io/clock.ts';

export interface IntakeOptions {
  readonly clock: Clock;
  /** Every so many-th delivery is refused; 0 refuses none. */
  readonly failEvery: number;
  /** How long to wait before each delivery is answered. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  readonly onRecord: (record: CaughtRecord) => void;
  /** Resolves when what was printed has been taken. */
  readonly drained: () => Promise<void>;
}

export interface CaughtRecord {
  /** The protocol it came by. */
  readonly via: string;
  readonly from: string;
  readonly text: string;
}

/** What all receivers of one `catch` share: they ask it what to do with each delivery, and hand it the records. */
export class Intake {
  readonly #options: IntakeOptions;
  deliveries = 0;
  refused = 0;
  records = 0;
  bytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Waits as long as it was told to, then says whether a delivery is taken or turned away. */
  async decide(): Promise<'take' | 'refuse'> {
    const { clock, failEvery, pauseMs, signal } = this.#options;
    this.deliveries++;
    const refuses = failEvery > 0 && this.deliveries % failEvery === 0;
    if (pauseMs > 0) await sleep(clock, pauseMs, signal);
    if (!refuses) return 'take';
    this.refused++;
    return 'refuse';
  }

  /** Takes the records of one delivery. Resolves when there is room for more. */
  async take(records: readonly CaughtRecord[]): Promise<void> {
    for (const record of records) {
      this.records++;
      this.bytes += Buffer.byteLength(record.text);
      this.#options.onRecord(record);
    }
    await this.#options.drained();
  }
}

/** Something that receives until it is closed. */
export interface Receiver {
  /** `host:port`, with the port that was bound. */
  readonly address: string;
  close(): Promise<void>;
}

import type { z } from 'zod';
import type { Delivery, Output, OutputContext, OutputDefinition } from '../../relay/component/output.ts';
import { systemClock, type Clock, type Timer } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import type { Log } from '../../relay/telemetry/logger.ts';

export const RELAY_ID = '4b1ff7a2-5a9e-4d0f-9f1e-0c8d7a6b5e4f';

/** The system's clock, which a test can put forward. Timers run as usual. */
export class ShiftedClock implements Clock {
  shiftMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.shiftMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return systemClock.after(delayMs, callback);
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }

  every(intervalMs: number, callback: () => void): Timer {
    return systemClock.every(intervalMs, callback);
  }
}

/** What an output gets from the relay, with all it says kept for a look. */
export class OutputFixture implements AsyncDisposable {
  readonly clock = new ShiftedClock();
  /** `level message` of each line of the relay's log. */
  readonly logged: string[] = [];
  connectionsLost = 0;
  readonly output: Output;

  private constructor(create: (context: OutputContext) => Output) {
    const write = (level: string) => (message: string) => void this.logged.push(`${level} ${message}`);
    const log: Log = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => log,
    };
    this.output = create({
      name: 'test',
      clock: this.clock,
      random: systemRandom,
      log,
      relayId: RELAY_ID,
      connectionLost: () => this.connectionsLost++,
    });
  }

  /** Makes an output of options as an operator would write them, for its first address. */
  static create<Options extends z.ZodObject>(
    definition: OutputDefinition<Options>,
    options: Record<string, unknown>,
  ): OutputFixture {
    const parsed = definition.options.parse(options);
    return new OutputFixture((context) => definition.create(parsed, context, definition.addresses(parsed)[0]));
  }

  deliver(delivery: Delivery, signal: AbortSignal = new AbortController().signal): Promise<void> {
    return this.output.deliver(delivery, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.output.close();
  }
}

let ids = 0;

/** A line as an input stores it, LF included. `rest` are the members after `event`; `event` there adds to it. */
export function line(rest: Record<string, unknown> = {}): string {
  const { event, ...others } = rest;
  const head = {
    id: `k3f9x2-7gq2m1z-${String(ids++).padStart(9, '0')}`,
    created: '2026-11-22T05:20:10.123Z',
    dataset: 'syslog',
  };
  const members = { '@timestamp': '2026-11-22T05:20:10.120Z', message: 'hello', ...others };
  return `${JSON.stringify({ event: { ...head, ...(typeof event === 'object' ? event : {}) }, ...members })}\n`;
}

export function delivery(...lines: readonly string[]): Delivery {
  return { firstSeq: 1, records: lines.length, lines: Buffer.from(lines.join('')) };
}

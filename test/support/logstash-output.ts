import { logstash } from '../../relay/outputs/logstash/index.ts';
import type { Delivery, Output } from '../../relay/component/output.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';

/** The logstash output with options as an operator would write them, and nothing behind it. */
export class LogstashOutputHarness implements AsyncDisposable {
  readonly output: Output;
  connectionsLost = 0;
  readonly #gone = new AbortController();

  constructor(options: Record<string, unknown>) {
    const context = {
      name: 'siem',
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      relayId: '7c9f0d5e-0000-4000-8000-000000000000',
      connectionLost: () => void this.connectionsLost++,
    };
    const parsed = logstash.options.parse(options);
    this.output = logstash.create(parsed, context, logstash.addresses(parsed)[0]);
  }

  deliver(delivery: Delivery, signal: AbortSignal = this.#gone.signal): Promise<void> {
    return this.output.deliver(delivery, signal);
  }

  probe(): Promise<void> {
    return this.output.probe(this.#gone.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.output.close();
  }
}

/** Records numbered from `firstSeq`: `{"n":7}`. */
export function recordsFrom(firstSeq: number, records: number): Delivery {
  const lines = Array.from({ length: records }, (_, i) => `${recordAt(firstSeq + i)}\n`);
  return { firstSeq, records, lines: Buffer.from(lines.join('')) };
}

export function recordAt(seq: number): string {
  return `{"n":${seq}}`;
}

/** `recordAt` of each place from one up to and including another. */
export function recordsOf(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => recordAt(from + i));
}

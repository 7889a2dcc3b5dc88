import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The relay's metrics. Parts keep plain numbers and are asked for them when somebody scrapes; so counting on the hot path is an
 * addition. Names are `spillway_<noun>_<unit>[_total]`; labels come from the configuration and from closed sets only.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #documented: MetricDocument[] = [];

  /** Adds those of the process and the event loop. */
  withProcess(): this {
    collectDefaultMetrics({ register: this.#registry });
    return this;
  }

  /** A number that only grows, read from wherever it is kept. */
  counter(name: string, help: string, labels: readonly string[], read: () => Iterable<Sample>): void {
    this.#documented.push({ name, help, labels, kind: 'counter' });
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const sample of read()) counter.inc({ ...sample.labels }, sample.value);
      },
    });
  }

  /** A number that goes up and down. */
  gauge(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    this.#documented.push({ name, help, labels, kind: 'gauge' });
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: async () => {
        const samples = await read();
        gauge.reset();
        for (const sample of samples) gauge.set({ ...sample.labels }, sample.value);
      },
    });
  }

  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Observe {
    this.#documented.push({ name, help, labels, kind: 'histogram' });
    const histogram = new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return (labelValues, value) => histogram.observe({ ...labelValues }, value);
  }

  /** What Prometheus scrapes. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  /** Every metric of ours, for the documentation. */
  get documented(): readonly MetricDocument[] {
    return this.#documented;
  }
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricDocument {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly kind: 'counter' | 'gauge' | 'histogram';
}

export type Observe = (labels: Readonly<Record<string, string>>, value: number) => void;

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from './logger.ts';

/** How fine, and for how long. */
const SPANS = [
  { name: 'hour', stepMs: 10_000, points: 360 },
  { name: 'day', stepMs: 300_000, points: 288 },
] as const;
/** Series beyond this are not kept: a config has tens. */
const SERIES_MAX = 300;
const SAVE_INTERVAL_MS = 300_000;

export type SpanName = (typeof SPANS)[number]['name'];

/** A number at this moment, and whether it only grows: then what is kept is its growth a second. */
export interface Reading {
  readonly name: string;
  readonly value: number;
  readonly grows: boolean;
}

/** What a chart needs: points in order, `stepMs` apart; null where nobody looked. */
export interface Chart {
  readonly stepMs: number;
  readonly startMs: number;
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

const savedSchema = z.object({
  version: z.literal(1),
  spans: z.array(
    z.object({
      lastStep: z.int(),
      series: z.record(z.string(), z.array(z.number().nullable())),
    }),
  ),
});

interface Span {
  /** The step, counted from 1970, whose point was written last. */
  lastStep: number;
  readonly series: Map<string, (number | null)[]>;
}

/**
 * The last hour and the last day of a few numbers, for the console's charts. Kept in a small file, so that a restart does not empty the
 * charts; a crash loses five minutes of them.
 */
export class History {
  readonly #read: () => Promise<readonly Reading[]>;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #log: Log;
  readonly #spans: Span[] = SPANS.map(() => ({ lastStep: -1, series: new Map() }));
  readonly #last = SPANS.map(() => new Map<string, { value: number; atMs: number }>());
  readonly #timers: Timer[];

  constructor(options: { read: () => Promise<readonly Reading[]>; clock: Clock; path: string; log: Log }) {
    this.#read = options.read;
    this.#clock = options.clock;
    this.#path = options.path;
    this.#log = options.log;
    this.#load();
    this.#timers = [
      options.clock.every(SPANS[0].stepMs, () => void this.sample()),
      options.clock.every(SAVE_INTERVAL_MS, () => this.save()),
    ];
  }

  /** Takes one reading of everything. Never rejects. */
  async sample(): Promise<void> {
    try {
      const readings = await this.#read();
      const nowMs = this.#clock.nowMs();
      for (const [at, span] of this.#spans.entries()) {
        const step = Math.floor(nowMs / SPANS[at]!.stepMs);
        if (step !== span.lastStep) this.#point(at, step, nowMs, readings);
      }
    } catch {
      // The journal may be closing; a chart with a hole is what there is then.
    }
  }

  chart(name: SpanName): Chart {
    const at = SPANS.findIndex((span) => span.name === name);
    const { stepMs, points } = SPANS[at]!;
    const { lastStep, series } = this.#spans[at]!;
    const now = Math.floor(this.#clock.nowMs() / stepMs);
    const behind = Math.min(points, Math.max(0, now - lastStep));
    const late = Array.from({ length: behind }, () => null);
    const shifted = [...series].map(([key, values]) => [key, [...values.slice(behind), ...late]] as const);
    return { stepMs, startMs: (Math.max(now, lastStep) - points + 1) * stepMs, series: Object.fromEntries(shifted) };
  }

  save(): void {
    const spans = this.#spans.map(({ lastStep, series }) => ({ lastStep, series: Object.fromEntries(series) }));
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify({ version: 1, spans }), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      this.#log.debug('the history for the charts could not be saved');
    }
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.save();
  }

  #point(at: number, step: number, nowMs: number, readings: readonly Reading[]): void {
    const span = this.#spans[at]!;
    const { points } = SPANS[at]!;
    // A clock that went back, or a long stop: the hole is shown as one.
    const missed = span.lastStep < 0 ? points : Math.min(points, Math.abs(step - span.lastStep));
    span.lastStep = step;
    for (const values of span.series.values()) {
      for (let i = 0; i < missed; i++) values.push(null);
      values.splice(0, values.length - points);
    }
    for (const { name, value, grows } of readings) {
      const values = this.#valuesOf(span, name, points);
      if (values === undefined) continue;
      const before = this.#last[at]!.get(name);
      this.#last[at]!.set(name, { value, atMs: nowMs });
      if (!grows) values[points - 1] = value;
      else if (before !== undefined && nowMs > before.atMs)
        values[points - 1] = Math.max(0, ((value - before.value) * 1_000) / (nowMs - before.atMs));
    }
    for (const [name, values] of span.series) if (values.every((value) => value === null)) span.series.delete(name);
  }

  #valuesOf(span: Span, name: string, points: number): (number | null)[] | undefined {
    let values = span.series.get(name);
    if (values !== undefined) return values;
    if (span.series.size >= SERIES_MAX) return undefined;
    values = Array.from({ length: points }, () => null);
    span.series.set(name, values);
    return values;
  }

  #load(): void {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return;
    }
    try {
      const { spans } = savedSchema.parse(JSON.parse(text));
      for (const [at, { lastStep, series }] of spans.slice(0, SPANS.length).entries()) {
        const span = this.#spans[at]!;
        span.lastStep = lastStep;
        for (const [name, values] of Object.entries(series))
          if (values.length === SPANS[at]!.points) span.series.set(name, values);
      }
    } catch {
      this.#log.warn('the history for the charts was not readable; it begins anew', { path: this.#path });
    }
  }
}

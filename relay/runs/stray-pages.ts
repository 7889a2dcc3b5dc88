import type { Job } from './job.ts';
import type { RunnerInfo } from './job-types.ts';
import type { ArrivedLine, OrderedLine, OrderPolicy } from './page-order.ts';
import { RecordPages } from './record-pages.ts';
import { beginsWith, newStream, pumpStream, type StepStream } from './step-pages.ts';

/** A job's line and its copy are written one after the other: this much lies between them at most, in ticks, for a page to be claimed. */
const CLAIM_TICKS_MAX = 50 * 10_000;

/** A page whose job is not known. */
export interface Stray {
  readonly timeline: string;
  readonly runner: RunnerInfo;
  readonly stream: StepStream;
  readonly path: string;
  lastMs: number;
}

/** Where a page stands. */
export interface StrayName {
  readonly timeline: string;
  readonly record: string;
  readonly number: number;
  readonly path: string;
}

/**
 * Pages of steps that no job lists, where several jobs of one run are at work in one place. Whose they are shows when a job page has the
 * same line at the same time.
 */
export class StrayPages {
  readonly #strays = new Map<string, Stray>();
  readonly #pageBytes: number;

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  has(timeline: string, record: string): boolean {
    return this.#strays.has(`${timeline}/${record}`);
  }

  add({ timeline, record, number, path }: StrayName, runner: RunnerInfo, line: ArrivedLine): boolean {
    const key = `${timeline}/${record}`;
    let stray = this.#strays.get(key);
    if (stray === undefined) {
      const stream = newStream(new RecordPages(record, this.#pageBytes));
      stray = { timeline, runner, stream, path, lastMs: line.sinceMs };
      this.#strays.set(key, stray);
    }
    stray.lastMs = Math.max(stray.lastMs, line.sinceMs);
    return stray.stream.pages.page(number, path).add(line);
  }

  /** Takes in pages that were thought to be another job's. */
  put({ timeline, runner, lastActiveMs: lastMs }: Job, stream: StepStream): void {
    const [first] = stream.pages.pages;
    const stray = { timeline, runner, stream, path: first?.path ?? '', lastMs };
    this.#strays.set(`${timeline}/${stream.pages.record}`, stray);
  }

  pump(policy: OrderPolicy): void {
    for (const { stream } of this.#strays.values()) pumpStream(stream, policy);
  }

  /** Gives out the page that begins with the next lines of a job. */
  claim({ timeline, runner, lastTicks: afterTicks }: Job, lines: readonly OrderedLine[]): StepStream | undefined {
    for (const [key, stray] of this.#strays) {
      if (stray.timeline !== timeline || stray.runner.source !== runner.source) continue;
      if (!beginsWith(stray.stream, lines, { afterTicks, ticksMax: CLAIM_TICKS_MAX })) continue;
      this.#strays.delete(key);
      return stray.stream;
    }
    return undefined;
  }

  /** Gives out a page that a job message names. */
  take(timeline: string, record: string): StepStream | undefined {
    const key = `${timeline}/${record}`;
    const stream = this.#strays.get(key)?.stream;
    this.#strays.delete(key);
    return stream;
  }

  /** Gives out the pages that nobody has claimed: those that nothing came for since one time, and those that began before another. */
  unclaimed(beforeMs: number, begunBeforeMs: number): Stray[] {
    const old = [...this.#strays].filter(
      ([, { lastMs, stream }]) => lastMs < beforeMs || (stream.sinceMs ?? lastMs) < begunBeforeMs,
    );
    for (const [key] of old) this.#strays.delete(key);
    return old.map(([, stray]) => stray);
  }

  get heldBytes(): number {
    let sum = 0;
    for (const { stream } of this.#strays.values()) {
      for (const { line } of stream.lines) sum += line.bytes.length;
      for (const page of stream.pages.pages) for (const { bytes } of page.heldLines) sum += bytes.length;
    }
    return sum;
  }
}

import type { OrderedLine, OrderPolicy } from './page-order.ts';
import { RecordPages } from './record-pages.ts';
import type { Step } from './steps.ts';

/** A line of a step page that no line of the job page was found for yet, with the time that counts for it. */
export interface StepLine {
  readonly line: OrderedLine;
  /** Of a continuation: that of the line it goes on from. */
  readonly ticks: number;
}

/** The pages of one step. */
export interface StepStream {
  readonly pages: RecordPages;
  step: Step | undefined;
  /** In order. */
  readonly lines: StepLine[];
  firstTicks: number | undefined;
  firstText: Buffer | undefined;
  /** True once the job page had one of its lines. */
  matched: boolean;
  newestTicks: number;
  /** Lines that were done with, of a page that may turn out to be another job's own; undefined once that cannot be any more. */
  retained: StepLine[] | undefined;
  /** When its first line came. */
  sinceMs: number | undefined;
}

/**
 * Each line of a step is written to its own page and then to the job page, each copy with its own stamp (`ExecutionContext.cs`). So a line
 * of the job page is a step's where that step's next line has the same text and a stamp that is not later. This much later the job page's
 * copy may be, in ticks: a thread can be held up between the two.
 */
const COPY_TICKS_MAX = 5 * 10_000_000;
/** Two threads of a step may write their copies in another order: so many lines ahead are looked at. */
const AHEAD_MAX = 64;

/** The step pages of one job. Says which step a line of the job page is of, and what is left over. */
export class StepPages {
  readonly #streams = new Map<string, StepStream>();
  /** Lines that should have been in the job page and were not, where it has holes that they may fill. */
  orphans: { readonly stream: StepStream; readonly line: StepLine }[] = [];
  #lastMatched: StepStream | undefined;

  get streams(): IterableIterator<StepStream> {
    return this.#streams.values();
  }

  get(record: string): StepStream | undefined {
    return this.#streams.get(record);
  }

  add(stream: StepStream): void {
    this.#streams.set(stream.pages.record, stream);
  }

  remove(record: string): StepStream | undefined {
    const stream = this.#streams.get(record);
    this.#streams.delete(record);
    return stream;
  }

  /** Takes over lines whose turn it is. */
  pump(policy: OrderPolicy): void {
    for (const stream of this.#streams.values()) pumpStream(stream, policy);
  }

  /**
   * The stream that has the copy of a line of the job page. Takes nothing. A step that was not the last line's writes no copy before that
   * line was in the job page, whose stamp is `lastTicks`: one that is older is of a line that went without it.
   */
  find(line: OrderedLine, lastTicks: number | undefined): StepStream | undefined {
    const { ticks } = line.parts;
    if (ticks === undefined) return undefined;
    let found: StepStream | undefined;
    let foundTicks = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams.values()) {
      const at = indexOfCopy(stream, line, stream === this.#lastMatched ? undefined : lastTicks);
      if (at < 0 || stream.lines[at]!.ticks >= foundTicks) continue;
      found = stream;
      foundTicks = stream.lines[at]!.ticks;
    }
    return found;
  }

  /** Takes the copy of a line that `find` found. */
  take(stream: StepStream, line: OrderedLine, foundAfter: number | undefined): void {
    const lastTicks = stream === this.#lastMatched ? undefined : foundAfter;
    done(stream, stream.lines.splice(indexOfCopy(stream, line, lastTicks), 1)[0]!);
    this.#lastMatched = stream;
    stream.matched = true;
  }

  /** Takes the copy of a message's next line, where the line before it had its copy. */
  takeContinuation(line: OrderedLine): void {
    const head = this.#lastMatched?.lines[0];
    if (head === undefined || head.line.parts.stamp !== undefined || !head.line.parts.text.equals(line.parts.text))
      return;
    this.#lastMatched!.lines.shift();
    done(this.#lastMatched!, head);
  }

  /**
   * Gives up on lines whose copy the job page must have had before a line of this time. Those that may fill a hole of it are kept. Returns
   * how many were let go.
   */
  expire(ticks: number, mayFill: boolean): number {
    let gone = 0;
    for (const stream of this.#streams.values()) {
      let count = 0;
      while (count < stream.lines.length && stream.lines[count]!.ticks < ticks - COPY_TICKS_MAX) count++;
      for (const line of stream.lines.splice(0, count)) {
        if (mayFill) this.orphans.push({ stream, line });
        else done(stream, line);
      }
      gone += count;
    }
    return mayFill ? 0 : gone;
  }

  /** Takes out all lines that are left, in the order in which they were written. */
  takeRest(): { readonly stream: StepStream; readonly line: StepLine }[] {
    const rest = this.orphans;
    this.orphans = [];
    for (const stream of this.#streams.values()) for (const line of stream.lines.splice(0)) rest.push({ stream, line });
    return rest.sort((a, b) => a.line.ticks - b.line.ticks);
  }
}

export function newStream(pages: RecordPages): StepStream {
  const unknown = { step: undefined, firstTicks: undefined, firstText: undefined, sinceMs: undefined };
  return { ...unknown, matched: false, pages, lines: [], newestTicks: Number.NEGATIVE_INFINITY, retained: [] };
}

/** Takes over a page's lines whose turn it is. */
export function pumpStream(stream: StepStream, policy: OrderPolicy): void {
  for (const line of stream.pages.take(policy)) {
    const ticks = line.parts.ticks ?? stream.lines.at(-1)?.ticks ?? stream.newestTicks;
    stream.lines.push({ line, ticks });
    if (stream.firstTicks === undefined) [stream.firstTicks, stream.firstText] = [line.parts.ticks, line.parts.text];
    stream.sinceMs ??= line.sinceMs;
    stream.newestTicks = Math.max(stream.newestTicks, ticks);
  }
}

/** True where a page has the copy of a line, at most so many ticks before it. */
export function copyWithin(stream: StepStream, line: OrderedLine, ticksMax: number): boolean {
  const { ticks } = line.parts;
  return ticks !== undefined && indexOfCopy(stream, line, ticks - ticksMax) >= 0;
}

function done(stream: StepStream, line: StepLine): void {
  if (stream.retained === undefined) settle(line);
  else stream.retained.push(line);
}

/** Says that a page is the step's it was taken for: what was done with is so for good. */
export function confirm(stream: StepStream): void {
  for (const line of stream.retained ?? []) settle(line);
  stream.retained = undefined;
}

/** All lines of a page as if none of them had had its turn. */
export function anew({ pages, lines, retained = [] }: StepStream, pageBytes: number): RecordPages {
  const fresh = new RecordPages(pages.record, pageBytes);
  const force = { nowMs: 0, tailWaitMs: 0, orderWaitMs: 0, force: true };
  const rest = pages.take(force).map((line) => ({ line }));
  for (const one of [...retained, ...lines, ...rest]) {
    const { line } = one;
    fresh.page(line.number, pages.page(line.number, '').path).add(line);
    settle(one);
  }
  return fresh;
}

/** Says that a line is done with. */
export function settle({ line }: { readonly line: OrderedLine }): void {
  if (line.pin !== undefined) line.pin.held--;
}

function indexOfCopy({ lines }: StepStream, line: OrderedLine, afterTicks = Number.NEGATIVE_INFINITY): number {
  const { text, ticks = 0 } = line.parts;
  const fromTicks = Math.max(afterTicks, ticks - COPY_TICKS_MAX);
  let first = 0;
  while (first < lines.length && lines[first]!.ticks < fromTicks) first++;
  for (let i = first; i < lines.length && i < first + AHEAD_MAX; i++) {
    const copy = lines[i]!;
    if (copy.ticks > ticks) return -1;
    if (copy.line.parts.stamp !== undefined && copy.line.parts.text.equals(text)) return i;
  }
  return -1;
}

import type { OrderedLine, OrderPolicy } from './page-order.ts';
import type { RecordPages } from './record-pages.ts';
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
  newestTicks: number;
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

  add(pages: RecordPages): void {
    const stream = { pages, step: undefined, lines: [], firstTicks: undefined, newestTicks: Number.NEGATIVE_INFINITY };
    this.#streams.set(pages.record, stream);
  }

  /** Takes over lines whose turn it is. */
  pump(policy: OrderPolicy): void {
    for (const stream of this.#streams.values()) {
      for (const line of stream.pages.take(policy)) {
        const ticks = line.parts.ticks ?? stream.lines.at(-1)?.ticks ?? stream.newestTicks;
        stream.lines.push({ line, ticks });
        stream.firstTicks ??= line.parts.ticks;
        stream.newestTicks = Math.max(stream.newestTicks, ticks);
      }
    }
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
    settle(stream.lines.splice(indexOfCopy(stream, line, lastTicks), 1)[0]!);
    this.#lastMatched = stream;
  }

  /** Takes the copy of a message's next line, where the line before it had its copy. */
  takeContinuation(line: OrderedLine): void {
    const head = this.#lastMatched?.lines[0];
    if (head === undefined || head.line.parts.stamp !== undefined || !head.line.parts.text.equals(line.parts.text))
      return;
    this.#lastMatched?.lines.shift();
    settle(head);
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
        else settle(line);
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

import type { OrderedLine, OrderPolicy } from './page-order.ts';
import { RecordPages } from './record-pages.ts';
import type { Step } from './steps.ts';

/** A line of a step page that no line of the job page was found for yet, with the time that counts for it. */
export interface StepLine {
  readonly line: OrderedLine;
  /** Of a continuation: that of the line it goes on from. */
  readonly ticks: number;
  /** True where a later line of its page was in the job page before it. */
  overtaken: boolean;
}

/** Where the copy of a line of the job page was found. */
export interface FoundCopy {
  readonly stream: StepStream;
  readonly at: number;
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
 * Each line of a step is written to its own page and then to the job page, each copy with its own stamp (`ExecutionContext.cs`), before the
 * next line is. So stamps alternate: the copy of a line of the job page has the same text, and a stamp between that of the job page's
 * line before and the line's own. Only two threads of one step may overtake each other between the two pages, by so many ticks.
 */
const OVERTAKEN_TICKS_MAX = 5 * 10_000_000;

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

  /** The copy of a line of the job page that comes after one with the stamp `afterTicks`. Takes nothing. */
  find(line: OrderedLine, afterTicks = Number.NEGATIVE_INFINITY): FoundCopy | undefined {
    const { ticks, text } = line.parts;
    if (ticks === undefined) return undefined;
    let found: FoundCopy | undefined;
    for (const stream of this.#streams.values()) {
      const at = indexOfCopy(stream, line, afterTicks);
      if (at >= 0 && (found === undefined || copyOf(found).ticks < stream.lines[at]!.ticks)) found = { stream, at };
    }
    if (found !== undefined || ticks >= afterTicks) return found;
    // The runner's clock was set back: of the step's next line the text must do.
    const stream = this.#lastMatched;
    const next = stream?.lines[0]?.line.parts;
    return stream !== undefined && next?.stamp !== undefined && next.text.equals(text) ? { stream, at: 0 } : undefined;
  }

  /** Takes the copy of a line that `find` found. */
  take({ stream, at }: FoundCopy, afterTicks = Number.NEGATIVE_INFINITY): void {
    for (const line of stream.lines.slice(0, at)) if (line.ticks >= afterTicks) line.overtaken = true;
    done(stream, stream.lines.splice(at, 1)[0]!);
    this.#lastMatched = stream;
    stream.matched = true;
  }

  /** Goes on after a restart from where the page of that record had the copy of the last line. */
  resume(record: string): void {
    this.#lastMatched = this.#streams.get(record);
  }

  /** Takes the copy of a message's next line, where the line before it had its copy. */
  takeContinuation(line: OrderedLine): void {
    const stream = this.#lastMatched;
    const at = stream?.lines.findIndex(({ overtaken }) => !overtaken) ?? -1;
    const next = stream?.lines[at];
    if (stream === undefined || next === undefined || next.line.parts.stamp !== undefined) return;
    if (!next.line.parts.text.equals(line.parts.text)) return;
    stream.lines.splice(at, 1);
    done(stream, next);
  }

  /**
   * Gives up on lines whose copy the job page must have had before a line of this time. Those that belong into a hole of it are kept.
   * Returns how many with a stamp not before `fromTicks` were let go.
   */
  expire(
    ticks: number,
    { fromTicks, fillsHole }: { readonly fromTicks: number; readonly fillsHole: (ticks: number) => boolean },
  ): number {
    let gone = 0;
    for (const stream of this.#streams.values()) {
      const isLast = stream === this.#lastMatched;
      const kept: StepLine[] = [];
      let count = 0;
      for (; count < stream.lines.length && stream.lines[count]!.ticks < ticks; count++) {
        const line = stream.lines[count]!;
        if (isLast && line.overtaken && line.ticks >= ticks - OVERTAKEN_TICKS_MAX) kept.push(line);
        else if (fillsHole(line.ticks)) this.orphans.push({ stream, line });
        else {
          done(stream, line);
          if (line.line.parts.stamp !== undefined && line.ticks >= fromTicks) gone++;
        }
      }
      if (count > 0) stream.lines.splice(0, count, ...kept);
    }
    return gone;
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
    stream.lines.push({ line, ticks, overtaken: false });
    if (line.number === 1 && line.offset === 0) {
      stream.firstTicks = line.parts.ticks;
      stream.firstText = line.parts.text;
    }
    stream.sinceMs ??= line.sinceMs;
    stream.newestTicks = Math.max(stream.newestTicks, ticks);
  }
}

/**
 * True where a page begins with a line of a job, written after `afterTicks` and at most so many ticks before that line, and goes on with the
 * lines after it, as far as both are known: no other job writes the same at the same time.
 */
export function beginsWith(
  { lines, firstTicks }: StepStream,
  [first, ...more]: readonly OrderedLine[],
  { afterTicks = Number.NEGATIVE_INFINITY, ticksMax }: { afterTicks: number | undefined; ticksMax: number },
): boolean {
  const [head, ...rest] = lines.filter(({ line }) => line.parts.stamp !== undefined);
  const at = first?.parts.ticks;
  if (head === undefined || first === undefined || at === undefined || head.ticks !== firstTicks) return false;
  if (head.ticks < Math.max(afterTicks, at - ticksMax) || head.ticks > at) return false;
  if (!head.line.parts.text.equals(first.parts.text)) return false;
  let before = at;
  const stamped = more.filter(({ parts }) => parts.ticks !== undefined);
  for (const [i, { ticks, line }] of rest.entries()) {
    const next = stamped[i];
    if (next === undefined) return true;
    if (ticks < before || ticks > next.parts.ticks! || !line.parts.text.equals(next.parts.text)) return false;
    before = next.parts.ticks!;
  }
  return true;
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

function copyOf({ stream, at }: FoundCopy): StepLine {
  return stream.lines[at]!;
}

/** The last one that fits: where the job page has a hole, those before it are in there. */
function indexOfCopy({ lines }: StepStream, line: OrderedLine, afterTicks: number): number {
  const { text, ticks = 0 } = line.parts;
  let found = -1;
  for (let i = 0; i < lines.length && lines[i]!.ticks <= ticks; i++) {
    const copy = lines[i]!;
    const isInTime = copy.ticks >= afterTicks || copy.overtaken;
    if (isInTime && copy.line.parts.stamp !== undefined && copy.line.parts.text.equals(text)) found = i;
  }
  return found;
}

import type { StepRow } from '../journal/runs.ts';
import type { ListedStep } from './job-message.ts';
import type { KnownPage, UnlistedPage } from './job-types.ts';
import { secondOf } from './page-line.ts';
import type { WorkerEvent } from './worker-log.ts';

/** One step of a job, as far as it is known. Seconds are since 1970, by the runner's clock. */
export interface Step {
  readonly number: number;
  record: string | undefined;
  name: string;
  startedSecond: number | undefined;
  finishedSecond: number | undefined;
  conclusion: string | undefined;
  skipped: boolean;
  /** True where it is known not to be skipped. */
  runs: boolean;
  lines: number;
  /** True where its row is to be written. */
  changed: boolean;
}

const SET_UP_NAME = 'Set up job';
const COMPLETE_NAME = 'Complete job';
const STEPS_MAX = 2_000;

/**
 * The steps of one job in the order in which they run: "Set up job", those before the workflow's (hooks, containers, `pre`), the workflow's
 * own, whose records are in the job message, those after (`post`), "Complete job". The Worker log says when each begins.
 */
export class StepTimeline {
  #listed: readonly ListedStep[] = [];
  /** Steps before the workflow's; undefined while nobody said. */
  #before: number | undefined;
  #processed = 0;
  /** The number of "Complete job", once it began. */
  #complete: number | undefined;
  /** What was traced before this second is known. */
  #toldSecond = 0;
  /** True where a part of the Worker log never came. */
  #lost = false;
  readonly #steps: Step[] = [];

  restore(rows: readonly StepRow[], state: StepTimelineState): void {
    this.#listed = state.listed;
    this.#before = state.before;
    this.#processed = state.processed;
    this.#complete = state.complete;
    this.#toldSecond = state.toldSecond;
    this.#lost = state.lost;
    const running = new Set(state.running);
    for (const row of rows) {
      const [startedSecond, finishedSecond] = [secondOfMs(row.startedMs), secondOfMs(row.finishedMs)];
      const { number, record, name, conclusion, lines } = row;
      const skipped = conclusion === 'skipped';
      this.#steps.push({
        number,
        record,
        name,
        startedSecond,
        finishedSecond,
        conclusion,
        skipped,
        runs: running.has(number),
        lines,
        changed: false,
      });
    }
  }

  state(): StepTimelineState {
    return {
      listed: this.#listed,
      before: this.#before,
      processed: this.#processed,
      complete: this.#complete,
      toldSecond: this.#toldSecond,
      lost: this.#lost,
      running: this.#steps.filter(({ runs }) => runs).map(({ number }) => number),
    };
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Begins with what the job message lists. */
  list(listed: readonly ListedStep[], startedSecond: number): void {
    this.#listed = listed;
    this.#begin(this.#step(1), SET_UP_NAME, startedSecond);
  }

  lists(record: string): boolean {
    return this.#listed.some((step) => step.record === record);
  }

  apply(event: WorkerEvent): void {
    // From here on nobody could say which step is meant.
    if (this.#lost && event.kind !== 'steps_total') return;
    switch (event.kind) {
      case 'steps_total':
        this.#plan(Math.max(0, event.count - this.#listed.length));
        return;
      case 'step':
        if (this.#processed >= STEPS_MAX) return;
        this.#endOpen(event.second);
        this.#processed++;
        this.#begin(this.#step(this.#processed + 1), event.name, event.second);
        return;
      case 'step_skipped':
        this.#last().skipped = true;
        return;
      case 'step_runs':
        this.#last().runs = true;
        return;
      case 'step_result':
        this.#end(this.#last(), event.second, event.conclusion);
        return;
      case 'finalize':
        this.#endOpen(event.second);
        this.#complete = this.#processed + 2;
        this.#begin(this.#step(this.#complete), COMPLETE_NAME, event.second);
        this.#step(this.#complete).runs = true;
        return;
      case 'completed':
        this.#endOpen(event.second);
        this.#toldSecond = Number.MAX_SAFE_INTEGER;
        return;
      case 'lost':
        this.#lost = true;
        return;
      case 'told':
        this.#toldSecond = Math.max(this.#toldSecond, event.second);
        return;
      case 'job':
      case 'job_result':
        return;
    }
  }

  /** The step whose pages have this record, where that is known or listed. */
  ofRecord(record: string): Step | undefined {
    const known = this.#steps.find((step) => step.record === record);
    if (known !== undefined) return known;
    const index = this.#listed.findIndex((step) => step.record === record);
    if (index < 0 || this.#before === undefined) return undefined;
    return bound(this.#step(this.#before + index + 2), record);
  }

  /**
   * The step of a page that is in no list, so of one that the runner added; undefined while it cannot be said for sure. `others` are pages
   * whose steps are known: steps run one after the other.
   */
  place(page: UnlistedPage, others: readonly KnownPage[]): Step | undefined {
    const { record, firstTicks, from, isNext } = page;
    const second = secondOf(firstTicks);
    const ran = this.#ran();
    const fitting = ran.filter((step, i) => {
      if (this.#isListed(step) || step.record !== undefined || step.number < from) return false;
      if (step.startedSecond! > second || second > endOf(step, ran[i + 1])) return false;
      return others.every((other) =>
        other.number < step.number ? other.firstTicks < firstTicks : other.firstTicks > firstTicks,
      );
    });
    const [first, ...more] = fitting;
    if (first === undefined) return undefined;
    const isSureToRun = first.runs || ran.at(-1)!.number > first.number;
    const next = ran.find(({ number }) => number >= from);
    if (isNext && first === next && isSureToRun) return bound(first, record);
    return more.length === 0 && isSureToRun && this.isTold(second) ? bound(first, record) : undefined;
  }

  /** True where all steps are known that had begun by the end of a second; `isOver` says that nothing more will come. */
  isTold(second: number, isOver = false): boolean {
    return second < this.#toldSecond || (!this.#lost && (isOver || this.#complete !== undefined));
  }

  /**
   * The steps that ran during a second, by the Worker log: several where one ended and the next began in it. Where debug messages are
   * wanted, those that were skipped write some too (`StepsRunner.cs`).
   */
  during(second: number, withSkipped: boolean): Step[] {
    const ran = withSkipped ? this.#steps.filter(({ startedSecond }) => startedSecond !== undefined) : this.#ran();
    return ran.filter((step, i) => step.startedSecond! <= second && second <= endOf(step, ran[i + 1]));
  }

  rows(changedOnly: boolean): StepRow[] {
    const wanted = this.#steps.filter((step) => step.changed || !changedOnly);
    return wanted.map(({ number, record, name, startedSecond, finishedSecond, conclusion, lines }) => ({
      number,
      record,
      name,
      startedMs: startedSecond === undefined ? undefined : startedSecond * 1_000,
      finishedMs: finishedSecond === undefined ? undefined : finishedSecond * 1_000,
      conclusion,
      lines,
    }));
  }

  #ran(): Step[] {
    return this.#steps.filter(({ startedSecond, skipped }) => startedSecond !== undefined && !skipped);
  }

  #isListed({ number }: Step): boolean {
    const index = number - 2 - (this.#before ?? 0);
    return index >= 0 && index < this.#listed.length;
  }

  #plan(before: number): void {
    if (this.#before !== undefined) return;
    this.#before = before;
    for (const [i, { record, name }] of this.#listed.entries()) {
      const step = this.#step(before + i + 2);
      step.record = record;
      if (step.name === '') step.name = name ?? '';
    }
  }

  /** The step of that number, made where it is missing, in order. */
  #step(number: number): Step {
    let at = this.#steps.length;
    while (at > 0 && this.#steps[at - 1]!.number > number) at--;
    const before = this.#steps[at - 1];
    if (before?.number === number) return before;
    const step: Step = {
      number,
      record: undefined,
      name: '',
      startedSecond: undefined,
      finishedSecond: undefined,
      conclusion: undefined,
      skipped: false,
      runs: number === 1,
      lines: 0,
      changed: true,
    };
    this.#steps.splice(at, 0, step);
    return step;
  }

  #last(): Step {
    return this.#step(this.#processed + 1);
  }

  #begin(step: Step, name: string, second: number): void {
    step.name = name;
    step.startedSecond = second;
    step.changed = true;
  }

  #end(step: Step, second: number, conclusion: string | undefined): void {
    step.finishedSecond = second;
    step.conclusion = conclusion ?? step.conclusion;
    step.skipped ||= conclusion === 'skipped';
    step.changed = true;
  }

  /** Ends the steps that began and of which nobody said that they ended. */
  #endOpen(second: number): void {
    for (const step of this.#steps)
      if (step.startedSecond !== undefined && step.finishedSecond === undefined) this.#end(step, second, undefined);
  }
}

export interface StepTimelineState {
  readonly listed: readonly ListedStep[];
  readonly before: number | undefined;
  readonly processed: number;
  readonly complete: number | undefined;
  readonly toldSecond: number;
  readonly lost: boolean;
  readonly running: readonly number[];
}

function bound(step: Step, record: string): Step {
  step.record = record;
  step.changed = true;
  return step;
}

/** The last second in which a step may have written. */
function endOf({ finishedSecond }: Step, next: Step | undefined): number {
  const never = Number.POSITIVE_INFINITY;
  return Math.min(finishedSecond ?? never, next?.startedSecond ?? never);
}

function secondOfMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1_000);
}

import type { StepRow } from '../journal/runs.ts';
import type { ListedStep } from './job-message.ts';
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
  readonly #steps: Step[] = [];

  restore(rows: readonly StepRow[], state: StepTimelineState): void {
    this.#listed = state.listed;
    this.#before = state.before;
    this.#processed = state.processed;
    this.#complete = state.complete;
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
        lines,
        changed: false,
      });
    }
  }

  state(): StepTimelineState {
    return { listed: this.#listed, before: this.#before, processed: this.#processed, complete: this.#complete };
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
      case 'step_result':
        this.#end(this.#last(), event.second, event.conclusion);
        return;
      case 'finalize':
        this.#endOpen(event.second);
        this.#complete = this.#processed + 2;
        this.#begin(this.#step(this.#complete), COMPLETE_NAME, event.second);
        return;
      case 'completed':
        this.#endOpen(event.second);
        return;
      case 'job':
      case 'job_result':
        return;
    }
  }

  /**
   * The step that a page belongs to whose first line has this second and comes after lines of the step `after`; undefined while that
   * cannot be said. With `sure` not for the last step that is known to have begun, since the next may have begun by then.
   */
  ofRecord(record: string, second: number, after: number, sure = false): Step | undefined {
    const known = this.#steps.find((step) => step.record === record);
    if (known !== undefined) return known;
    const listed = this.#listed.findIndex((step) => step.record === record);
    if (listed >= 0 && this.#before === undefined) return undefined;
    const step = listed >= 0 ? this.#step(this.#before! + listed + 2) : this.#unlisted(second, after, sure);
    if (step === undefined) return undefined;
    step.record = record;
    step.changed = true;
    return step;
  }

  /** The steps that ran during a second, by the Worker log: several where one ended and the next began in it. */
  during(second: number): Step[] {
    const started = this.#steps.filter((step) => step.startedSecond !== undefined && !step.skipped);
    return started.filter((step, i) => {
      const never = Number.POSITIVE_INFINITY;
      const endsAt = Math.min(step.finishedSecond ?? never, started[i + 1]?.startedSecond ?? never);
      return step.startedSecond! <= second && second <= endsAt;
    });
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

  /** A page that is in no list belongs to a step that the runner added: the first that fits and has no page yet. */
  #unlisted(second: number, after: number, sure: boolean): Step | undefined {
    return this.#steps.find((step, i) => {
      if (step.number < after || step.record !== undefined || step.startedSecond === undefined || step.skipped)
        return false;
      if (this.#isListed(step) || (step.finishedSecond ?? second) < second) return false;
      const next = this.#steps.slice(i + 1).find(({ startedSecond }) => startedSecond !== undefined);
      if (sure && next === undefined && step.number !== this.#complete) return false;
      return step.startedSecond <= second && second <= (next?.startedSecond ?? Number.POSITIVE_INFINITY);
    });
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
}

function secondOfMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.floor(ms / 1_000);
}

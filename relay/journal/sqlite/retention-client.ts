import { Thread, type Calls } from '../../io/thread.ts';
import type {
  Certificate,
  ChainAnchor,
  Hold,
  HoldScope,
  KeepPolicy,
  PurgeRun,
  PurgeStart,
  RetentionStore,
  StepBudget,
  StepOutcome,
} from '../retention-store.ts';
import type { PurgeDeskCalls } from './purge/purge-desk.ts';
import type { PurgerCalls, PurgerOptions } from './purge/purger.ts';
import { startWorker } from './start-worker.ts';

const PAGE_BYTES = 8_192;
/**
 * Less by far than what has the writer fold the log in by itself, while others wait; and so little at once that a commit which the disk
 * serves behind it does not wait for long.
 */
const FOLD_BYTES = 2 * 1_048_576;

/** Has the journal's writer do one of retention's calls. */
export type AskWriter = <Name extends keyof PurgeDeskCalls>(
  method: Name,
  ...args: Parameters<PurgeDeskCalls[Name]>
) => Promise<{ readonly value: ReturnType<PurgeDeskCalls[Name]>; readonly heldMs: number }>;

/** Whoever looks for what a purge takes. */
export interface PurgeSearch extends Calls<PurgerCalls> {
  /** It cannot be asked any more. */
  readonly ended: boolean;
}

/** Retention as the main thread sees it. What a purge takes is looked for in a thread that is there only while one is under way. */
export class SqliteRetention implements RetentionStore {
  readonly #ask: AskWriter;
  readonly #startSearch: () => PurgeSearch;
  readonly #onTaken: (seqs: readonly number[], untilSeq: number) => void;
  #search: PurgeSearch | undefined;
  #unfoldedBytes = 0;

  /** `onTaken` is told of records that went before every endpoint had them, all of them before `untilSeq`. */
  constructor(
    ask: AskWriter,
    startSearch: () => PurgeSearch,
    onTaken: (seqs: readonly number[], untilSeq: number) => void = () => {},
  ) {
    this.#ask = ask;
    this.#startSearch = startSearch;
    this.#onTaken = onTaken;
  }

  begin(start: PurgeStart): Promise<PurgeRun> {
    return this.#value('begin', start);
  }

  async step(run: PurgeRun, budget: StepBudget): Promise<StepOutcome> {
    const search = this.#searching();
    const { tookMs, ...step } = await search.scan(run.plan, run.position, budget);
    const { value, heldMs } = await this.#ask('apply', run.id, step);
    const owed = run.dryRun || value.outcome === 'stale' ? [] : step.changes.flatMap(({ owedSeqs }) => owedSeqs);
    if (owed.length > 0) this.#onTaken(owed, step.nextSeq);
    if (!run.dryRun)
      await this.#fold(
        step.changes.reduce((sum, { rewritten }) => sum + (rewritten?.payload.length ?? 0) + PAGE_BYTES, 0),
      );
    const applied = value.outcome === 'applied';
    return {
      run: value.run,
      done: applied && step.done,
      heldMs,
      tookMs: tookMs + heldMs,
      changed: applied ? step.changes.length : 0,
    };
  }

  async giveBack(pagesMax: number): Promise<{ readonly pagesLeft: number; readonly heldMs: number }> {
    const { value, heldMs } = await this.#ask('giveBack', pagesMax);
    await this.#fold(pagesMax * PAGE_BYTES);
    return { pagesLeft: value, heldMs };
  }

  setWaiting(id: number, waiting: boolean): Promise<PurgeRun> {
    return this.#value('setWaiting', id, waiting);
  }

  end(id: number, state: 'done' | 'stopped' | 'failed', error?: string): Promise<PurgeRun> {
    return this.#value('end', id, state, error);
  }

  async rest(): Promise<void> {
    const search = this.#search;
    this.#search = undefined;
    await search?.close().catch(() => undefined);
  }

  runs(limit: number, beforeId = Number.MAX_SAFE_INTEGER): Promise<PurgeRun[]> {
    return this.#value('runs', limit, beforeId);
  }

  run(id: number): Promise<PurgeRun | undefined> {
    return this.#value('run', id);
  }

  note(id: number, lines: readonly string[]): Promise<void> {
    return this.#value('note', id, lines);
  }

  log(id: number): Promise<{ readonly atMs: number; readonly text: string }[]> {
    return this.#value('log', id);
  }

  forget(endedBeforeMs: number, runsMax: number): Promise<number> {
    return this.#value('forget', endedBeforeMs, runsMax);
  }

  untold(): Promise<Certificate[]> {
    return this.#value('untold');
  }

  told(runId: number, seq: number): Promise<void> {
    return this.#value('told', runId, seq);
  }

  anchor(): Promise<ChainAnchor> {
    return this.#value('anchor');
  }

  holds(lifted = false): Promise<Hold[]> {
    return this.#value('holds', lifted);
  }

  addHold(hold: { readonly scope: HoldScope; readonly who: string; readonly why: string }): Promise<Hold> {
    return this.#value('addHold', hold);
  }

  liftHold(id: number, lift: { readonly who: string; readonly why: string }): Promise<Hold> {
    return this.#value('liftHold', id, lift);
  }

  protect(policy: KeepPolicy): Promise<void> {
    return this.#value('protect', policy);
  }

  setting(name: string): Promise<string | undefined> {
    return this.#value('setting', name);
  }

  putSetting(name: string, value: string | undefined): Promise<void> {
    return this.#value('putSetting', name, value);
  }

  /** Has the write-ahead log folded in once enough was written: each time costs the disk two syncs that others wait behind. */
  async #fold(writtenBytes: number): Promise<void> {
    this.#unfoldedBytes += writtenBytes;
    if (this.#unfoldedBytes < FOLD_BYTES) return;
    this.#unfoldedBytes = 0;
    await this.#searching().foldLog();
  }

  async #value<Name extends keyof PurgeDeskCalls>(
    method: Name,
    ...args: Parameters<PurgeDeskCalls[Name]>
  ): Promise<ReturnType<PurgeDeskCalls[Name]>> {
    return (await this.#ask(method, ...args)).value;
  }

  #searching(): PurgeSearch {
    if (this.#search?.ended === true) this.#search = undefined;
    this.#search ??= this.#startSearch();
    return this.#search;
  }
}

/** Has a thread of its own look. */
export function startPurger(options: PurgerOptions): PurgeSearch {
  const thread = new Thread<PurgerCalls>(startWorker('purger', options));
  return {
    get ended() {
      return thread.ended;
    },
    scan: (plan, fromSeq, budget) => thread.call('scan', plan, fromSeq, budget),
    foldLog: () => thread.call('foldLog'),
    async close() {
      await thread.call('close').catch(() => undefined);
      await thread.worker.terminate();
    },
  };
}

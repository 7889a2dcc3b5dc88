import type { Clock } from '../../../io/clock.ts';
import type { PurgePlan, StepBudget } from '../../retention-store.ts';
import { openBeside, type Sqlite } from '../database.ts';
import { Scanner, type ScanStep } from './scanner.ts';

export interface PurgerOptions {
  readonly directory: string;
  readonly compressionLevel: number;
}

export interface PurgerCalls {
  scan(plan: PurgePlan, fromSeq: number, budget: StepBudget): ScanStep & { readonly tookMs: number };
  /** Folds the write-ahead log into the file as far as that holds nobody up. */
  foldLog(): void;
  close(): void;
}

/** What the purging thread does, without the thread. */
export class Purger implements PurgerCalls {
  readonly #database: Sqlite;
  readonly #scanner: Scanner;
  readonly #clock: Clock;

  constructor({ directory, compressionLevel }: PurgerOptions, clock: Clock) {
    this.#clock = clock;
    this.#database = openBeside(directory);
    this.#scanner = new Scanner(this.#database, clock, compressionLevel);
  }

  scan(plan: PurgePlan, fromSeq: number, budget: StepBudget): ScanStep & { readonly tookMs: number } {
    const startMs = this.#clock.monotonicMs();
    const step = this.#scanner.scan(plan, fromSeq, budget);
    return { ...step, tookMs: this.#clock.monotonicMs() - startMs };
  }

  foldLog(): void {
    this.#database.pragma('wal_checkpoint(PASSIVE)');
  }

  close(): void {
    this.#database.close();
  }
}

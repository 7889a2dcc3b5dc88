import type { TailStep } from './tail-messages.ts';
import type { CountRequest, CountStep, SearchRequest, SearchStep } from './request.ts';

/** What passes between the main thread and the one that searches. */

export interface QueryThreadOptions {
  readonly directory: string;
  /** Free space on the disk that the journal needs for itself: the index of searches leaves it alone. */
  readonly freeBytesMin: number;
  /** What the index may take of it. */
  readonly indexBytesMax: number;
}

export interface QueryThreadCalls {
  openSearch(id: number, request: SearchRequest): void;
  openCount(id: number, request: CountRequest): void;
  /** Goes on with a search for a short time. */
  stepSearch(id: number): SearchStep;
  stepCount(id: number): CountStep;
  /** Ends a search, wherever it is. */
  end(id: number): void;
  /** Follows the journal's end for a query, until it is closed. */
  openTail(key: number, query: string): void;
  closeTail(key: number): void;
  /** What was committed since the last step, for all tails. */
  stepTails(): TailStep;
  /** Keeps the index of searches for a short time. True where there is more to do. */
  index(): boolean;
}

export type ToQueryThread = {
  readonly kind: 'call';
  readonly id: number;
  readonly method: keyof QueryThreadCalls;
  readonly args: readonly unknown[];
};

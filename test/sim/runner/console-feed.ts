import type { RunnerClock } from './runner-clock.ts';
import type { TraceLog } from './trace-log.ts';

const INTERVAL_MS = 250;
const LINES_PER_BATCH = 100;
const LINES_MAX = 1_024;

/** The live console's lines are sent four times a second; the Worker log tells so, with the record of each step. (JobServerQueue.cs) */
export class ConsoleFeed {
  readonly #clock: RunnerClock;
  readonly #trace: TraceLog;
  readonly #waiting = new Map<string, number>();
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(clock: RunnerClock, trace: TraceLog) {
    this.#clock = clock;
    this.#trace = trace;
  }

  start(): void {
    this.#trace.info('JobServerQueue', 'Start process web console line queue.');
    this.#done = this.#run();
  }

  line(record: string): void {
    this.#waiting.set(record, Math.min(LINES_MAX, (this.#waiting.get(record) ?? 0) + 1));
  }

  /** Also for a process that is killed: what waits is not told of. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(INTERVAL_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      for (const [record, lines] of this.#waiting) {
        const batches = Math.ceil(lines / LINES_PER_BATCH);
        this.#trace.info(
          'JobServerQueue',
          `Try to append ${batches} batches web console lines for record '${record}', success rate: ${batches}/${batches}.`,
        );
      }
      this.#waiting.clear();
    }
  }
}

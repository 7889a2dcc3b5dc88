import { rmSync } from 'node:fs';
import type { Chance } from './chance.ts';
import type { RunnerClock } from './runner-clock.ts';
import type { TraceLog } from './trace-log.ts';

const INTERVAL_MS = 1_000;
/** A round takes one more than the source's comment says. */
const FILES_PER_ROUND = 11;

/**
 * What becomes of a page when it is closed. `unsent`: the run service has the log already, the page is deleted by the next round, 0 to 1 s
 * later. `uploaded`: deleted when its upload has succeeded; one in ten fails, and its page stays. `at_once`: deleted when it is closed,
 * which no runner does. `never`: kept.
 */
export type Deletion = 'unsent' | 'uploaded' | 'at_once' | 'never';

export const deletions: readonly Deletion[] = ['unsent', 'uploaded', 'at_once', 'never'];

/** The runner's queue of files to upload, as far as others see it: when pages go. (JobServerQueue.cs) */
export class UploadQueue {
  readonly #deletion: Deletion;
  readonly #clock: RunnerClock;
  readonly #chance: Chance;
  readonly #trace: TraceLog;
  readonly #waiting: string[] = [];
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;
  #stopping = false;

  constructor(deletion: Deletion, clock: RunnerClock, chance: Chance, trace: TraceLog) {
    this.#deletion = deletion;
    this.#clock = clock;
    this.#chance = chance;
    this.#trace = trace;
  }

  start(): void {
    this.#trace.info('JobServerQueue', 'Start process file upload queue.');
    this.#done = this.#run();
  }

  queuePage(path: string): void {
    if (this.#deletion === 'at_once') rmSync(path, { force: true });
    else this.#waiting.push(path);
  }

  /** Waits until the round under way has slept, then works off everything at once. */
  async shutdown(): Promise<void> {
    this.#trace.info('JobServerQueue', 'Fire signal to shutdown all queues.');
    this.#stopping = true;
    await this.#done;
    this.#trace.info('JobServerQueue', 'All queue process task stopped.');
    if (this.#waiting.length > 0)
      this.#trace.info('JobServerQueue', `Uploading ${this.#waiting.length} files in one shot.`);
    await this.#upload(this.#waiting.splice(0));
    this.#trace.info('JobServerQueue', 'File upload queue drained.');
    this.#trace.info('JobServerQueue', 'All queue process tasks have been stopped, and all queues are drained.');
  }

  /** The process is killed. */
  kill(): void {
    this.#stopping = true;
    this.#waiting.length = 0;
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#upload(this.#waiting.splice(0, FILES_PER_ROUND));
      await this.#clock.sleep(INTERVAL_MS, this.#stopped.signal);
    }
  }

  async #upload(paths: readonly string[]): Promise<void> {
    let failed = 0;
    for (const path of paths) {
      if (this.#deletion === 'uploaded') await this.#clock.sleep(this.#chance.between(20, 120), this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      if (this.#deletion === 'uploaded' && this.#chance.oneIn(10)) failed++;
      else if (this.#deletion !== 'never') rmSync(path, { force: true });
    }
    const { length } = paths;
    if (length > 0)
      this.#trace.info(
        'JobServerQueue',
        `Try to upload ${length} log files or attachments, success rate: ${length - failed}/${length}.`,
      );
  }
}

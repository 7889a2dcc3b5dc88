import type { Log } from '../telemetry/logger.ts';
import type { Figures } from './status.ts';
import type { WatchedFolder } from './watched-folder.ts';

/** What is written to the log at most so often, in milliseconds, and only where it changed. */
const REPORT_MS = 60_000;

const noWatch =
  'no inotify watch is left: raise fs.inotify.max_user_watches and max_user_instances; until then the folder is scanned 50 times a second';

/** What to do about a `WatchedFolder.problem`. */
const folderProblems: Readonly<Record<string, string>> = {
  ENOSPC: noWatch,
  EMFILE: noWatch,
  TOO_MANY_ENTRIES: 'there are so many files in the runner’s folder that a scan does not see them all; inotify does',
};

/** The keeper's log: a problem is told when it begins and when it changes, not each second. */
export class Telling {
  readonly #log: Log;
  readonly #told = new Map<string, string>();
  #reported: string | undefined;
  #reportedMs = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  failed(what: string, reason: string): void {
    this.#change(what, reason, () => this.#log.error(what, { reason }));
  }

  folder({ path, problem }: WatchedFolder): void {
    this.#change(path, problem, (code) => {
      if (code === undefined) return this.#log.info('the folder can be watched again', { folder: path });
      this.#log.error(folderProblems[code] ?? 'LOGS MAY BE LOST: the runner’s folder cannot be opened or watched', {
        folder: path,
        code,
      });
    });
  }

  positions(problem: string | undefined): void {
    this.#change('positions', problem, (reason) => {
      if (reason !== undefined) this.#log.warn('Fluent Bit’s positions cannot be read; nothing is removed', { reason });
      else this.#log.info('Fluent Bit’s positions can be read');
    });
  }

  figures(figures: Figures, nowMs: number): void {
    const text = JSON.stringify(figures);
    if (this.#reported === undefined) {
      this.#reported = text;
      this.#reportedMs = nowMs;
    }
    if (text === this.#reported || nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reported = text;
    this.#reportedMs = nowMs;
    this.#report('keeper status', figures);
  }

  stopped(figures: Figures): void {
    this.#report('keeper stopped', figures);
  }

  #report(message: string, { kept, removed, handed_over, refused, vanished, left }: Figures): void {
    const fields = {
      kept,
      removed,
      handed_over,
      refused: Object.values(refused).reduce((sum, count) => sum + count, 0),
      vanished,
      left_files: left.files,
      left_bytes: left.bytes,
    };
    if (fields.refused + vanished > 0) this.#log.warn(message, fields);
    else this.#log.info(message, fields);
  }

  /** Calls `tell` when `state` is not as it was; undefined: all is well. */
  #change(topic: string, state: string | undefined, tell: (state: string | undefined) => void): void {
    if (this.#told.get(topic) === state) return;
    if (state === undefined) this.#told.delete(topic);
    else this.#told.set(topic, state);
    tell(state);
  }
}

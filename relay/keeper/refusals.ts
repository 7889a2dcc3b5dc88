import type { Clock } from '../io/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Refusal } from './link.ts';

/** What somebody should do about it. Nothing of a file's name or content is told: a job may have chosen it. */
const advice: Readonly<Record<Refusal, string>> = {
  not_a_file: 'something in the runner’s folder has the name of a page but is no plain file; it is not kept',
  wrong_owner: 'a page belongs to another user; it is not kept. Say --owner where that is right',
  too_large: 'a page is larger than --file-bytes-max; it is not kept any longer',
  no_permission:
    'LOGS MAY BE LOST: the kernel allows no hard links to files of others (fs.protected_hardlinks=1). Run the keeper as the user that the runner runs as (runAsUser, User=)',
  limit:
    'LOGS MAY BE LOST: the kept folder has reached --files-max or --bytes-max. Does Fluent Bit run, and can it send?',
  failed: 'LOGS MAY BE LOST: a page could not be kept',
};

/** How many names are remembered; more are counted when they come, and not looked at again. */
const NAMES_MAX = 10_000;
/** When a refused name is looked at again, in milliseconds; what may pass by itself, at each scan. */
const RETRY_MS = 60_000;
const passing: readonly Refusal[] = ['limit', 'failed', 'no_permission'];
/** Each reason is told of so often at most. */
const TELL_MS = 60_000;

/** What was not kept: counted once, told of, and not looked at again each second. */
export class Refusals {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #names = new Map<string, { readonly reason: Refusal; readonly atMs: number }>();
  readonly #counts: Partial<Record<Refusal, number>> = {};
  readonly #toldMs = new Map<Refusal, number>();

  constructor(options: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get counts(): Readonly<Partial<Record<Refusal, number>>> {
    return { ...this.#counts };
  }

  /** What a scan finds need not be tried: it is too soon, or there are so many that trying them each time would be all that is done. */
  holds(name: string, isFull: boolean): boolean {
    const known = this.#names.get(name);
    if (known === undefined) return this.#names.size >= NAMES_MAX;
    if (known.reason === 'limit') return isFull;
    return !passing.includes(known.reason) && this.#clock.monotonicMs() - known.atMs < RETRY_MS;
  }

  add(name: string, reason: Refusal, code?: string): void {
    const before = this.#names.get(name)?.reason;
    if (before !== undefined || this.#names.size < NAMES_MAX)
      this.#names.set(name, { reason, atMs: this.#clock.monotonicMs() });
    if (before === reason) return;
    if (before !== undefined) this.#less(before);
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
    this.#tell(reason, code);
  }

  /** It was kept after all. */
  taken(name: string): void {
    const reason = this.#names.get(name)?.reason;
    this.#names.delete(name);
    if (reason !== undefined) this.#less(reason);
  }

  #less(reason: Refusal): void {
    const count = (this.#counts[reason] ?? 1) - 1;
    if (count > 0) this.#counts[reason] = count;
    else delete this.#counts[reason];
  }

  #tell(reason: Refusal, code: string | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    const toldMs = this.#toldMs.get(reason);
    if (toldMs !== undefined && nowMs - toldMs < TELL_MS) return;
    this.#toldMs.set(reason, nowMs);
    const fields = { reason, ...(code === undefined ? {} : { code }), files: this.#counts[reason] };
    if (passing.includes(reason)) this.#log.error(advice[reason], fields);
    else this.#log.warn(advice[reason], fields);
  }
}

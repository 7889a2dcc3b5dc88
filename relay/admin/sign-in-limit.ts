import type { Clock } from '../io/clock.ts';

/** So many wrong tries in a row cost nothing; */
const FREE_TRIES = 10;
/** each further one makes the address wait, twice as long each time, */
const FIRST_WAIT_MS = 5_000;
/** up to this. */
const WAIT_MS_MAX = 15 * 60_000;
/** Addresses remembered; beyond, the one that tried longest ago is forgotten. */
const ADDRESSES_MAX = 10_000;

interface Tries {
  wrong: number;
  waitUntilMs: number;
}

/** Slows down who guesses passwords, by address, so that nobody is locked out by somebody elsewhere. */
export class SignInLimit {
  readonly #clock: Clock;
  readonly #tries = new Map<string, Tries>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the address must wait before it may try again, in milliseconds; 0 where it may now. */
  waitMs(address: string): number {
    return Math.max(0, (this.#tries.get(address)?.waitUntilMs ?? 0) - this.#clock.monotonicMs());
  }

  wrong(address: string): void {
    const tries = this.#tries.get(address) ?? { wrong: 0, waitUntilMs: 0 };
    this.#tries.delete(address);
    this.#tries.set(address, tries);
    if (this.#tries.size > ADDRESSES_MAX) this.#tries.delete(this.#tries.keys().next().value!);
    tries.wrong++;
    const beyond = tries.wrong - FREE_TRIES;
    if (beyond >= 0) tries.waitUntilMs = this.#clock.monotonicMs() + Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** beyond);
  }

  right(address: string): void {
    this.#tries.delete(address);
  }
}

/** The keys of requests that were accepted, for as long as a sender may repeat one. */
export class Receipts {
  readonly #keysMax: number;
  #current = new Set<string>();
  #previous = new Set<string>();

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  add(key: string): void {
    // Two generations instead of a time for each key: at the limit the older half is forgotten at once.
    if (this.#current.size >= this.#keysMax / 2) this.rotate();
    this.#current.add(key);
  }

  has(key: string): boolean {
    return this.#current.has(key) || this.#previous.has(key);
  }

  /** Forgets what was there before the last call. Called once each window, so that a key is kept for one window at least. */
  rotate(): void {
    this.#previous = this.#current;
    this.#current = new Set();
  }
}

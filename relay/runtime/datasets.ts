import { isStored } from '../config/config.ts';
import type { StoreOption } from '../config/schema.ts';
import type { Dataset } from '../record/recorder.ts';

/** Datasets that a change of `store` reaches; senders may name many more. */
const WATCHED_MAX = 10_000;

/** Makes the datasets that inputs write with, and tells all of them when `store` changes. */
export class Datasets {
  readonly #nameOf: (dataset: string) => string;
  readonly #made = new Map<string, { readonly name: string; stored: boolean }>();
  #store: StoreOption;

  constructor(store: StoreOption, nameOf: (dataset: string) => string) {
    this.#store = store;
    this.#nameOf = nameOf;
  }

  of(dataset: string): Dataset {
    const known = this.#made.get(dataset);
    const name = this.#nameOf(dataset);
    if (known?.name === name) return known;
    const made = { name, stored: isStored(this.#store, dataset) };
    if (this.#made.size < WATCHED_MAX) this.#made.set(dataset, made);
    return made;
  }

  configure(store: StoreOption): void {
    this.#store = store;
    for (const [dataset, made] of this.#made) made.stored = isStored(store, dataset);
  }
}

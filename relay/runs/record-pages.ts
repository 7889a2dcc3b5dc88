import type { PageGap } from '../journal/runs.ts';
import { PageOrder, type OrderedLine, type OrderPolicy } from './page-order.ts';

/** All pages of one record, one after the other: the runner begins a new one when one is full. */
export class RecordPages {
  readonly record: string;
  readonly #pageBytes: number;
  readonly #pages = new Map<number, PageOrder>();
  /** The page whose turn it is. */
  #current = 1;

  constructor(record: string, pageBytes: number) {
    this.record = record;
    this.#pageBytes = pageBytes;
  }

  get pages(): IterableIterator<PageOrder> {
    return this.#pages.values();
  }

  /** Pages of which nothing has been seen for sure. */
  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** The page of that number, made where it is missing. */
  page(number: number, path: string): PageOrder {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new PageOrder({ path, record: this.record, number });
      this.#pages.set(number, page);
    }
    return page;
  }

  restore(page: PageOrder): void {
    this.#pages.set(page.number, page);
    if (page.lines > 0) this.#current = Math.max(this.#current, page.number);
  }

  /** The lines whose turn it is. */
  take(policy: OrderPolicy): OrderedLine[] {
    const taken: OrderedLine[] = [];
    for (const page of this.#pages.values())
      // What comes for a page that was given up goes at once.
      if (page.number < this.#current) taken.push(...page.take(policy).map((line) => ({ ...line, late: true })));
    for (;;) {
      const page = this.#pages.get(this.#current);
      if (page !== undefined) taken.push(...page.take(policy));
      const next = this.#next();
      if (next === undefined) return taken;
      const isOver = page !== undefined && page.isFull(this.#pageBytes) && page.heldLines.length === 0;
      const waitedMs = policy.nowMs - (next.waitingSinceMs ?? policy.nowMs);
      const follows = isOver && next.number === this.#current + 1;
      if (!follows && !policy.force && waitedMs < policy.orderWaitMs) return taken;
      if (page !== undefined) taken.push(...page.take({ ...policy, force: true }));
      if (page !== undefined) next.follow(page);
      this.#current = next.number;
    }
  }

  /** Stretches that were passed over. */
  gaps(): PageGap[] {
    const gaps: PageGap[] = [];
    for (let number = 1; number <= this.#current; number++) {
      const page = this.#pages.get(number);
      for (const [from, to] of page?.holes ?? []) gaps.push({ record: this.record, number, from, to });
      const isCut = number < this.#current && page?.isFull(this.#pageBytes) !== true;
      if (isCut) gaps.push({ record: this.record, number, from: page?.end ?? 0, to: null });
    }
    return gaps;
  }

  get repeats(): number {
    return this.#sum((page) => page.repeats);
  }

  get conflicts(): number {
    return this.#sum((page) => page.conflicts);
  }

  #sum(read: (page: PageOrder) => number): number {
    let sum = 0;
    for (const page of this.#pages.values()) sum += read(page);
    return sum;
  }

  /** The next page after the current one that has lines waiting. */
  #next(): PageOrder | undefined {
    let next: PageOrder | undefined;
    for (const page of this.#pages.values())
      if (page.number > this.#current && page.heldLines.length > 0 && (next === undefined || page.number < next.number))
        next = page;
    return next;
  }
}

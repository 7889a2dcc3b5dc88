import type { Progress } from '../journal/journal.ts';

interface Sent {
  readonly progress: Progress;
  readonly sentMs: number;
}

/**
 * What was sent over a protocol that has no acknowledgement. The last of it may still be in a buffer that nobody will read, so the
 * cursor stays behind it: until that many more records were sent, or the connection held for that long.
 */
export class Unconfirmed {
  readonly #recordsMax: number;
  readonly #holdMs: number;
  #sent: Sent[] = [];
  #records = 0;

  constructor({ recordsMax, holdMs }: { recordsMax: number; holdMs: number }) {
    this.#recordsMax = recordsMax;
    this.#holdMs = holdMs;
  }

  get records(): number {
    return this.#records;
  }

  get firstSeq(): number | undefined {
    return this.#sent[0]?.progress.fromSeq;
  }

  add(progress: Progress, nowMs: number): void {
    this.#sent.push({ progress, sentMs: nowMs });
    this.#records += progress.delivered;
  }

  /** What may be taken as arrived. */
  confirm(nowMs: number): Progress[] {
    const confirmed: Progress[] = [];
    for (;;) {
      const first = this.#sent[0];
      if (first === undefined) break;
      const overtaken = this.#records - first.progress.delivered >= this.#recordsMax;
      if (!overtaken && nowMs - first.sentMs < this.#holdMs) break;
      this.#sent.shift();
      this.#records -= first.progress.delivered;
      confirmed.push(first.progress);
    }
    return confirmed;
  }

  /** Forgets it all: it will be sent again. Returns how many records that are. */
  clear(): number {
    const records = this.#records;
    this.#sent = [];
    this.#records = 0;
    return records;
  }
}

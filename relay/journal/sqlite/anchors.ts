/** What an endpoint was once told of the journal's chain: its value before the place `seq`. */
export interface Anchor {
  readonly seq: number;
  /** In hexadecimal digits, as is `certificate`. */
  readonly head: string;
  /** The hash of the last certificate at that time; empty where there was none. */
  readonly certificate: string;
  /** Where it was found, for the report. */
  readonly where: string;
}

export interface AnchorsChecked {
  readonly fitting: number;
  /** About places that no batch ends at any more, since what stood there was purged or reclaimed. */
  readonly unknown: number;
}

/** Holds a chain against anchors while it is walked. */
export class AnchorCheck {
  readonly #bySeq = new Map<number, Anchor[]>();
  readonly #anchors: readonly Anchor[];
  readonly #report: (seq: number, problem: string) => void;
  readonly #met = new Set<Anchor>();
  #fitting = 0;

  constructor(anchors: readonly Anchor[], report: (seq: number, problem: string) => void) {
    this.#anchors = anchors;
    this.#report = report;
    for (const anchor of anchors) this.#bySeq.set(anchor.seq, [...(this.#bySeq.get(anchor.seq) ?? []), anchor]);
  }

  /** The chain has this value before the place. */
  at(seq: number, link: Uint8Array): void {
    for (const anchor of this.#bySeq.get(seq) ?? []) {
      if (this.#met.has(anchor) || link.length === 0) continue;
      this.#met.add(anchor);
      if (Buffer.from(link).toString('hex') === anchor.head) this.#fitting++;
      else
        this.#report(
          seq,
          `the chain is another one than the anchor in ${anchor.where} says: what stands before it was rewritten, or this is another copy`,
        );
    }
  }

  end(nextSeq: number, certificates: ReadonlySet<string>): AnchorsChecked {
    for (const anchor of this.#anchors) {
      if (anchor.seq > nextSeq)
        this.#report(
          nextSeq,
          `the journal ends here, and the anchor in ${anchor.where} knows of ${anchor.seq - nextSeq} records more: its end was cut, or this is an older copy`,
        );
      else if (anchor.certificate !== '' && !certificates.has(anchor.certificate))
        this.#report(anchor.seq, `the certificate that the anchor in ${anchor.where} names is not there`);
    }
    const known = this.#anchors.filter((anchor) => this.#met.has(anchor) || anchor.seq > nextSeq).length;
    return { fitting: this.#fitting, unknown: this.#anchors.length - known };
  }
}

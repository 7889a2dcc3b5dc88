import type { PageRow } from '../journal/runs.ts';
import { BOM_LENGTH, readPageLine, type LineParts } from './page-line.ts';

/** A stretch of the journal that cannot be left behind while lines out of it are held, unless it was held for too long. */
export interface Pin {
  held: number;
  /** True once it was left behind though lines out of it are held: a restart does not bring those back. */
  left?: boolean;
}

export type Ending = 'lf' | 'crlf' | 'none';

/** A line as it came, in no particular order. */
export interface ArrivedLine {
  readonly seq: number;
  /** Where the line begins in its page; undefined where the sender does not say. */
  readonly offset: number | undefined;
  /** Without the ending, with the byte order mark. */
  readonly bytes: Buffer;
  /** How many bytes it has in its page: `bytes` may have others, where secrets were masked. */
  readonly length: number;
  /** True where the sender says that nothing ended the line. */
  readonly unended: boolean;
  /** When it was received: by the wall clock, and by a clock that only grows. */
  readonly receivedMs: number;
  readonly sinceMs: number;
  readonly pin: Pin | undefined;
}

/** A line whose turn it is. */
export interface OrderedLine extends ArrivedLine {
  readonly offset: number;
  readonly number: number;
  readonly ending: Ending;
  /** True where the ending was not seen but supposed. */
  readonly supposed: boolean;
  /** What it adds to the bytes of its page, as the runner counts them. */
  readonly content: number;
  /** True where lines after it have gone before it: it was given up for missing. */
  readonly late: boolean;
  readonly parts: LineParts;
}

export interface OrderPolicy {
  readonly nowMs: number;
  /** How long the last line of a page waits for the next, which tells how it ended. */
  readonly tailWaitMs: number;
  /** How long lines wait for others that belong before them. */
  readonly orderWaitMs: number;
  /** True where nothing more will come. */
  readonly force: boolean;
}

type Held = ArrivedLine & { readonly offset: number };
export type Hole = readonly [from: number, to: number];

const CR = 0x0d;
const ENDING_LENGTH: Readonly<Record<Ending, number>> = { lf: 1, crlf: 2, none: 0 };

/** One page: puts its lines in order by their offsets, drops repeats, and tells from the distance of two lines how the first ended. */
export class PageOrder {
  readonly path: string;
  readonly record: string;
  readonly number: number;
  readonly #held: Held[] = [];
  readonly #late: OrderedLine[] = [];
  #holes: Hole[] = [];
  /** Up to here everything has had its turn, but for the holes. */
  #end = 0;
  #ending: Ending = 'lf';
  /** True where the last ending was not seen but supposed. */
  #supposed = false;
  /** Bytes as the runner counts them. */
  #content = 0;
  /** Length of the ending of the last line, which counts if a continuation follows. */
  #lastEnding = 0;
  #rawSeq: number | undefined;
  lines = 0;
  repeats = 0;
  /** Lines that came twice with different content: two files under one name, or a sender that does not know its offsets. */
  conflicts = 0;

  constructor(name: { readonly path: string; readonly record: string; readonly number: number }) {
    this.path = name.path;
    this.record = name.record;
    this.number = name.number;
  }

  /** A page as it was; `supposed` tells whether the ending of its last line was. */
  static restored(row: PageRow, content: number, ending: Ending = 'lf', supposed = false): PageOrder {
    const page = new PageOrder(row);
    page.#end = row.bytes;
    page.#holes = [...row.gaps];
    page.#rawSeq = row.rawSeq;
    page.#content = content;
    page.#ending = ending;
    page.#supposed = supposed;
    page.lines = row.lines;
    return page;
  }

  get end(): number {
    return this.#end;
  }

  get holes(): readonly Hole[] {
    return this.#holes;
  }

  /** How the last line that said so ended; what is supposed of one that does not. */
  get ending(): Ending {
    return this.#ending;
  }

  /** True where the ending of its last line was not seen but supposed. */
  get supposed(): boolean {
    return this.#supposed;
  }

  /** Supposes of its lines what was seen in the page before. */
  follow(before: PageOrder): void {
    if (this.lines === 0) this.#ending = before.#ending;
  }

  get content(): number {
    return this.#content;
  }

  get rawSeq(): number | undefined {
    return this.#rawSeq;
  }

  /** True where the sender gave no offsets: what is missing then cannot be seen. */
  get unplaced(): boolean {
    return this.#rawSeq !== undefined;
  }

  get heldLines(): readonly Held[] {
    return this.#held;
  }

  /** True once the page has the size at which the runner begins the next one; line ends are not counted (`Logging.cs`). */
  isFull(pageBytes: number): boolean {
    return this.#content >= pageBytes;
  }

  /** When the line that has waited longest came; undefined where none waits. */
  get waitingSinceMs(): number | undefined {
    return this.#held[0]?.sinceMs;
  }

  /** Takes a line. False where it is a repeat. */
  add(line: ArrivedLine): boolean {
    if (line.offset === undefined) return this.#addUnplaced(line);
    const held: Held = { ...line, offset: line.offset };
    if (held.offset < this.#end && !this.#follows(held)) return this.#addLate(held);
    // Lines mostly come in order.
    let at = this.#held.length;
    while (at > 0 && this.#held[at - 1]!.offset > held.offset) at--;
    const before = this.#held[at - 1];
    if (before?.offset === held.offset) return this.#repeated(before.bytes.equals(held.bytes));
    this.#hold(held, at);
    return true;
  }

  /** The lines whose turn it is. */
  take(policy: OrderPolicy): OrderedLine[] {
    const taken = this.#late.splice(0);
    let count = 0;
    for (; count < this.#held.length; count++) {
      const line = this.#held[count]!;
      const waitedMs = policy.nowMs - line.sinceMs;
      if (line.offset < this.#end && !this.#follows(line)) {
        this.#repeated(false);
        if (line.pin !== undefined) line.pin.held--;
        continue;
      }
      if (!this.#follows(line) && !policy.force && waitedMs < policy.orderWaitMs) break;
      const ending = this.#endingOf(line, this.#held[count + 1]);
      // Two bytes between lines are CRLF, or a line end and an empty line that is still to come.
      const isSure = ending !== undefined && (ending !== 'crlf' || this.#ending === 'crlf');
      if (!isSure && !policy.force && waitedMs < policy.tailWaitMs) break;
      taken.push(this.#pass(line, ending));
    }
    this.#held.splice(0, count);
    return taken;
  }

  /** The row, where `unsettled` lines, the first of them at `from`, have had their turn and are not settled yet. */
  row(timeline: string, jobRecord: string, unsettled: { from: number; lines: number } | undefined): PageRow {
    const bytes = Math.min(this.#end, unsettled?.from ?? this.#end);
    return {
      timeline,
      jobRecord,
      record: this.record,
      number: this.number,
      path: this.path,
      bytes,
      lines: this.lines - (unsettled?.lines ?? 0),
      gaps: this.#holes.filter(([, to]) => to <= bytes),
      rawSeq: this.#rawSeq,
    };
  }

  /** Says that a hole is not one any more: its lines were had from elsewhere. */
  fill(hole: Hole): void {
    this.#holes = this.#holes.filter(([from]) => from !== hole[0]);
  }

  #addUnplaced(line: ArrivedLine): boolean {
    if (this.#rawSeq !== undefined && line.seq <= this.#rawSeq) return this.#repeated(true);
    this.#rawSeq = line.seq;
    const last = this.#held.at(-1);
    const offset = last === undefined ? this.#end : last.offset + last.length + 1;
    this.#hold({ ...line, offset }, this.#held.length);
    return true;
  }

  /** A line before the end: it belongs into a hole, or was here before. */
  #addLate(line: Held): boolean {
    // The line before the hole may have been taken to end by two bytes and had one: what reaches into the hole belongs to it all the same.
    const reaches = line.length > 0 ? 1 : 0;
    const hole = this.#holes.find(([from, to]) => line.offset >= from - reaches && line.offset < to);
    if (hole === undefined) return this.#repeated(true);
    const end = line.offset + line.length;
    const ending = line.unended ? 'none' : end + 2 === hole[1] ? 'crlf' : end + 1 === hole[1] ? 'lf' : this.#ending;
    const rest: Hole[] = [
      [hole[0], line.offset],
      [end + ENDING_LENGTH[ending], hole[1]],
    ];
    this.#holes = this.#holes.flatMap((other) => (other === hole ? rest.filter(([from, to]) => from < to) : [other]));
    if (line.pin !== undefined) line.pin.held++;
    this.lines++;
    const parts = readPageLine(line.bytes);
    this.#late.push({ ...line, number: this.number, ending, supposed: false, content: 0, late: true, parts });
    return true;
  }

  #repeated(same: boolean): false {
    if (same) this.repeats++;
    else this.conflicts++;
    return false;
  }

  #hold(line: Held, at: number): void {
    if (line.pin !== undefined) line.pin.held++;
    this.#held.splice(at, 0, line);
  }

  /** True for the line that comes next. Where the ending of the last one was supposed, it may have had a byte more or less. */
  #follows({ offset, length }: Held): boolean {
    if (offset === this.#end) return true;
    if (!this.#supposed) return false;
    return offset === this.#end + 1 || (this.#lastEnding === 2 && length > 0 && offset === this.#end - 1);
  }

  /** How a line ended; undefined where that is not known. */
  #endingOf(line: Held, next: Held | undefined): Ending | undefined {
    if (line.unended) return 'none';
    if (line.offset !== undefined && this.#rawSeq !== undefined) return 'lf';
    const distance = next === undefined ? 0 : next.offset - line.offset - line.length;
    return distance === 1 ? 'lf' : distance === 2 ? 'crlf' : undefined;
  }

  #pass(line: Held, ending: Ending | undefined): OrderedLine {
    if (line.offset > this.#end && !this.#follows(line)) this.#holes.push([this.#end, line.offset]);
    const parts = readPageLine(line.bytes);
    this.#supposed = ending === undefined;
    // Fluent Bit leaves the CR of an empty line with its text: such a line says nothing of how others end.
    const hasCr = line.bytes.at(-1) === CR;
    const known = ending ?? (hasCr ? 'lf' : this.#ending);
    if (known !== 'none' && !hasCr) this.#ending = known;
    const content = line.length - (parts.bom ? BOM_LENGTH : 0) + (parts.stamp === undefined ? this.#lastEnding : 0);
    this.#content += content;
    this.#lastEnding = ENDING_LENGTH[known];
    this.#end = line.offset + line.length + this.#lastEnding;
    this.lines++;
    return { ...line, number: this.number, ending: known, supposed: this.#supposed, content, late: false, parts };
  }
}

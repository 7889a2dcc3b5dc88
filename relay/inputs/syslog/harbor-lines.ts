import { sourceOf, type Source } from '../../record/line-writer.ts';
import { HARBOR_SEPARATOR } from '../../wire/harbor-audit.ts';
import type { SyslogFramer } from '../../wire/syslog-frame.ts';
import { FLAG_AMBIGUOUS, FLAG_INCOMPLETE, FLAG_JOINED } from './fragments.ts';
import type { FrameContext, SyslogRecords } from './record.ts';
import { WHOLE } from './write-marks.ts';

/** What is held of one connection is at most this. Where it would be more, lines are kept as they came. */
const BYTES_MAX = 64 * 1024;
const LINES_MAX = 64;

/** One line, with the delimiter that ended it. */
interface HeldLine {
  readonly bytes: Buffer;
  readonly delimiterBytes: number;
  readonly cut: boolean;
}

const OPENING: FrameContext = { hold: 'all', harborFlags: 0, otherFlags: 0 };
const LATER: FrameContext = { hold: 'partial', harborFlags: 0, otherFlags: 0 };
const UNSURE: FrameContext = { hold: 'none', harborFlags: FLAG_AMBIGUOUS, otherFlags: 0 };
const CERTAIN: FrameContext = { hold: 'none', harborFlags: 0, otherFlags: 0 };
const JOINED: FrameContext = { hold: 'partial', harborFlags: FLAG_JOINED, otherFlags: 0 };
const UNJOINED: FrameContext = { hold: 'none', harborFlags: FLAG_AMBIGUOUS, otherFlags: FLAG_INCOMPLETE };

/**
 * The lines of one connection on their way to becoming records. Harbor opens a connection for each record, writes it at once, and
 * escapes nothing in it: a line end in a name cuts the record in two, and what follows it may look like a record of its own. So from
 * Harbor’s first line on, all of the first that is sent is looked at together, and made one record where its lines do not stand for
 * themselves. Later a line that begins as Harbor’s and does not go on to its end waits for the lines behind it. All others pass through.
 */
export class HarborLines {
  readonly #records: SyslogRecords;
  readonly #address: string;
  readonly #framer: SyslogFramer;
  #opening: boolean;
  #held: HeldLine[] | undefined;
  #heldBytes = 0;

  constructor(records: SyslogRecords, address: string, framer: SyslogFramer) {
    this.#records = records;
    this.#address = address;
    this.#framer = framer;
    this.#opening = records.detectsHarbor;
  }

  get holding(): boolean {
    return this.#held !== undefined;
  }

  /** Takes the next message of the connection, as it stands in the framer’s memory. */
  frame(source: Source, start: number, end: number): void {
    const framer = this.#framer;
    if (this.#held !== undefined && framer.part > 0) this.giveUp();
    if (this.#held !== undefined) {
      this.#hold(source, start, end);
      if (!this.#opening) this.#join();
      return;
    }
    // The peer is looked up for each message, so that a connection that says nothing keeps nothing.
    const peer = this.#records.peer(this.#address);
    // A message that was counted is whole, whatever it holds.
    const context = framer.delimiterBytes === 0 ? CERTAIN : this.#opening ? OPENING : LATER;
    if (!this.#records.write(source, start, end, peer, framer, context)) this.#hold(source, start, end);
  }

  /** The first that was sent is here, all of it: records what is held, but for what is still without its end. */
  endOpening(): void {
    if (!this.#opening) return;
    this.#opening = false;
    const held = this.#held ?? [];
    const [first] = held;
    if (first === undefined) return;
    const lines = held.filter(({ bytes, delimiterBytes }) => bytes.length > delimiterBytes);
    if (lines.length > 1 && lines.every((line) => this.#standsAlone(line))) {
      this.#release();
      // Lines of others come by way of a syslog daemon, which leaves no line end in a name.
      const harborsAlone = lines.every((line) => this.#kindOf(line) === 'whole');
      for (const line of lines) this.#write(line, harborsAlone ? UNSURE : CERTAIN);
    } else if (lines.length > 1) {
      this.#join();
    } else if (this.#write(first, LATER)) {
      this.#release();
    }
  }

  /** Records the lines that are held as they came. */
  giveUp(): void {
    this.endOpening();
    const held = this.#held ?? [];
    this.#release();
    for (const line of held) if (line.bytes.length > line.delimiterBytes) this.#write(line, UNJOINED);
  }

  #hold(source: Source, start: number, end: number): void {
    const { delimiterBytes, cut } = this.#framer;
    const bytes = Buffer.from(source.bytes.subarray(start, end + delimiterBytes));
    this.#held ??= [];
    this.#held.push({ bytes, delimiterBytes, cut });
    this.#heldBytes += bytes.length;
    // A line end in a name may be followed by anything: another one, or what looks like an octet count.
    this.#framer.linesOnly = true;
    if (this.#heldBytes > BYTES_MAX || this.#held.length > LINES_MAX) this.giveUp();
  }

  /** Records what is held as one record, if it is one by now. */
  #join(): void {
    const last = this.#held?.at(-1);
    if (this.#held === undefined || last === undefined || last.bytes.length === last.delimiterBytes) return;
    const bytes = Buffer.concat(this.#held.map((line) => line.bytes));
    if (this.#write({ ...last, bytes }, JOINED)) this.#release();
  }

  #write({ bytes, delimiterBytes, cut }: HeldLine, context: FrameContext): boolean {
    const marks = cut ? { ...WHOLE, cut } : WHOLE;
    const end = bytes.length - delimiterBytes;
    return this.#records.write(sourceOf(bytes), 0, end, this.#records.peer(this.#address), marks, context);
  }

  /** Whether a line can be what it is without the lines around it. */
  #standsAlone(line: HeldLine): boolean {
    const kind = this.#kindOf(line);
    return kind === 'whole' || (kind === 'other' && line.bytes[0] === 0x3c && !line.bytes.includes(HARBOR_SEPARATOR));
  }

  #kindOf({ bytes, delimiterBytes }: HeldLine): ReturnType<SyslogRecords['kindOf']> {
    return this.#records.kindOf(sourceOf(bytes), 0, bytes.length - delimiterBytes);
  }

  #release(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#framer.linesOnly = false;
  }
}

import { fragment, type LineWriter, type Source } from './line-writer.ts';
import type { Flag } from './recorder.ts';

/** How a sender's record came: `spillway.format`. */
export type SenderFormat = 'json' | 'msgpack' | 'text';

/** What records that came together share. */
export interface SenderOrigin {
  readonly format: SenderFormat;
  /** The sender's own name for this flow: Fluent Bit's tag. Longer than `TAG_LENGTH_MAX` it is cut. */
  readonly tag: string | undefined;
  /** The sender's address. */
  readonly peer: string | undefined;
}

const TAG_LENGTH_MAX = 128;

const FLAGS = ['unparsed', 'invalid_utf8', 'time_invalid', 'time_missing', 'split', 'id_replaced'] as const;
export const UNPARSED = 1;
export const INVALID_UTF8 = 2;
export const TIME_INVALID = 4;
export const TIME_MISSING = 8;
export const SPLIT = 16;
export const ID_REPLACED = 32;

const PART = fragment(',"part":');
const PARTS = fragment(',"parts":');
const TEXT_BYTES = fragment(',"text_bytes":');
const FLAGS_START = fragment(',"flags":[');
const FLAG_NAMES = FLAGS.map((flag) => fragment(JSON.stringify(flag)));

/** What the relay itself says of a record, under `spillway`: where it came from and what is odd about it. */
export class SenderMarks {
  /** A sum of the constants above. */
  flags = 0;
  /** Of a record that is split: which piece this is, from 1, and how many there are. */
  part = 0;
  parts = 0;
  /** How many bytes the message came with, where somebody needs to know it after secrets in it were masked; -1 elsewhere. */
  textBytes = -1;
  /** True where the sender's record has a `source` of its own: then the address goes under `spillway`. */
  hasOwnSource = false;
  /** The address in the origin last written. */
  peer: Source | undefined;
  readonly #input: string;
  readonly #flagged: (flag: Flag) => void;
  #origin: SenderOrigin | undefined;
  #originText = fragment('');
  /** The same beside a sender's own `source`. */
  #besideSource = fragment('');

  constructor(input: string, flagged: (flag: Flag) => void) {
    this.#input = input;
    this.#flagged = flagged;
  }

  /** Writes `,"source":{"ip":…},"spillway":{…` without the last closing brace, and counts the flags. */
  write(writer: LineWriter, origin: SenderOrigin): void {
    if (origin !== this.#origin) this.#setOrigin(origin);
    writer.raw(this.hasOwnSource ? this.#besideSource : this.#originText);
    if ((this.flags & SPLIT) !== 0) {
      writer.raw(PART);
      writer.integer(this.part);
      writer.raw(PARTS);
      writer.integer(this.parts);
    }
    if (this.textBytes >= 0) {
      writer.raw(TEXT_BYTES);
      writer.integer(this.textBytes);
    }
    if (this.flags !== 0) this.#writeFlags(writer);
  }

  #writeFlags(writer: LineWriter): void {
    writer.raw(FLAGS_START);
    let first = true;
    for (let i = 0; i < FLAGS.length; i++) {
      if ((this.flags & (1 << i)) === 0) continue;
      if (!first) writer.byte(0x2c);
      first = false;
      writer.raw(FLAG_NAMES[i]!);
      this.#flagged(FLAGS[i]!);
    }
    writer.byte(0x5d);
  }

  /** Records that came together share their origin: its text is made once for all of them. */
  #setOrigin(origin: SenderOrigin): void {
    const { format, tag, peer } = origin;
    const members = { input: this.#input, format, tag: tag?.slice(0, TAG_LENGTH_MAX).toWellFormed() };
    const spillway = (all: object): string => `,"spillway":${escapeLineEnds(JSON.stringify(all).slice(0, -1))}`;
    const source = peer === undefined ? '' : `,"source":{"ip":${JSON.stringify(peer)}}`;
    this.#originText = fragment(`${source}${spillway(members)}`);
    this.#besideSource = fragment(spillway({ ...members, peer }));
    this.peer = peer === undefined ? undefined : fragment(peer);
    this.#origin = origin;
  }
}

/** JSON lets these stand as they are; some readers of lines take them for line ends. */
function escapeLineEnds(json: string): string {
  return json.replace(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

import { writeBase64 } from './base64.ts';
import { writeValue, type EcsNode } from './ecs-tree.ts';
import { JsonScanner } from './json-scan.ts';
import { LOSS_BYTES, LOSS_SURROGATE, findLosses, isUtf8Text, writeJsonString } from './json-text.ts';
import { fragment, type LineWriter, type Source } from './line-writer.ts';
import type { Dataset, Flag, Recorder } from './recorder.ts';
import type { SenderField, SenderRecord } from './sender-fields.ts';
import { hashedName } from './sender-keys.ts';
import { SenderPlacement } from './sender-placement.ts';
import { writeTime } from './sender-time.ts';

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

export interface SenderRecordOptions {
  readonly recorder: Recorder;
  /** The input's name: `spillway.input`. */
  readonly input: string;
  readonly dataset: Dataset;
  /** Makes the dataset of a name that a sender brought. */
  readonly datasetOf: (name: string) => Dataset;
  readonly flagged: (flag: Flag) => void;
  /** True keeps each record's source beside its fields. */
  readonly keepOriginal: boolean;
  /** A larger record is split: pieces of its message, each with all other fields, or of its source. */
  readonly recordBytesMax: number;
}

/** How deep a sender's objects may be: what is deeper is kept as text. Receivers refuse more than a few hundred. */
export const JSON_DEPTH_MAX = 100;
/** More datasets than this are not taken from senders. */
const DATASETS_MAX = 200;
/** What `datasetOption` lets an operator write. */
const DATASET_NAME = /^[a-z0-9_][a-z0-9_.-]{0,99}$/;
const TAG_LENGTH_MAX = 128;

const FLAGS = ['unparsed', 'invalid_utf8', 'time_invalid', 'time_missing', 'split', 'id_replaced'] as const;
const UNPARSED = 1;
const INVALID_UTF8 = 2;
const TIME_INVALID = 4;
const TIME_MISSING = 8;
const SPLIT = 16;
const ID_REPLACED = 32;

const EVENT = hashedName('event');
const HOST = hashedName('host');
const HOST_NAME = hashedName('name');
const DATASET = hashedName('dataset');
/** Members of `event` that are the relay's to write. */
const RESERVED_IN_EVENT = ['id', 'created', 'dataset', 'original'].map((text) => ({
  ...hashedName(text),
  label: fragment(`event_${text}`),
}));

const ORIGINAL = fragment(',"original":"');
const TIMESTAMP = fragment('},"@timestamp":"');
const MESSAGE = fragment(',"message":"');
const PART = fragment(',"part":');
const PARTS = fragment(',"parts":');
const FLAGS_START = fragment(',"flags":[');
const FLAG_NAMES = FLAGS.map((flag) => fragment(JSON.stringify(flag)));
const ORIGINAL_BASE64 = fragment(',"original_base64":"');
const SOURCE_BASE64 = fragment(',"source_base64":"');

/** Bytes of text, a whole message or a piece of one. */
interface Text {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes records that came as objects (JSON, msgpack) as lines of ECS: puts each member where ECS wants it, keeps what ECS has
 * no place for, and never lets a sender write what is the relay's to say (`event.id`, `event.created`, `spillway`).
 *
 * Where the fields do not give back what the sender meant, the source is kept: in `event.original`, or in base64 in
 * `spillway.source_base64` where it is no UTF-8. `spillway.original_base64` holds the bytes of a message that is no UTF-8.
 */
export class SenderRecordWriter {
  readonly #options: SenderRecordOptions;
  readonly #placement = new SenderPlacement(new JsonScanner(JSON_DEPTH_MAX));
  readonly #datasets = new Map<string, Dataset>();
  readonly #origin: OriginText;
  #flags = 0;
  #part = 0;
  #parts = 0;

  constructor(options: SenderRecordOptions) {
    this.#options = options;
    this.#origin = new OriginText(options.input);
  }

  /** Writes one record; a large one as several. Returns how many lines were written. */
  write(record: SenderRecord, origin: SenderOrigin): number {
    if (record.unwieldy) return this.writeText(record, origin, true);
    const placement = this.#placement;
    const { tree, time } = placement;
    placement.place(record);
    this.#part = 0;
    this.#flags = placement.hasTime ? 0 : placement.timeInvalid ? TIME_INVALID : TIME_MISSING;
    const event = placement.find(tree.root, EVENT);
    const dataset = event === undefined ? this.#options.dataset : this.#settleEvent(event, record);
    if (tree.overflow) return this.writeText(record, origin, true);
    const { message } = placement;
    let losses = message === undefined ? 0 : lossesOf(message, record);
    const othersLossy = placement.othersAreLossy(record);
    if (losses !== 0 || othersLossy) this.#flags |= INVALID_UTF8;
    const sourceNeeded = record.lossy || tree.lossy || othersLossy || (losses & LOSS_SURROGATE) !== 0 || time.cut;
    if (record.bytes > this.#options.recordBytesMax) {
      const besides = record.bytes - (message === undefined ? 0 : message.end - message.start);
      if (message === undefined || sourceNeeded || besides > this.#options.recordBytesMax)
        return this.writeText(record, origin, true);
      return this.#writeMessagePieces(record, message, dataset, origin, besides);
    }
    const original = sourceNeeded || this.#options.keepOriginal ? record : undefined;
    const writer = this.#options.recorder.open(dataset, record.bytes);
    this.#writeFields(writer, record, original);
    if (message !== undefined) {
      writer.lossy = false;
      writeMessage(writer, message, record);
      // Of plain bytes it is known only now, which saves looking at them twice.
      if (message.form === 'text' && writer.lossy) {
        losses |= LOSS_BYTES;
        this.#flags |= INVALID_UTF8;
      }
    }
    this.#writeSpillway(writer, origin, original);
    if (message !== undefined && (losses & LOSS_BYTES) !== 0)
      writeBase64Member(writer, ORIGINAL_BASE64, placement.rawText(message, record));
    this.#close(writer, record);
    return 1;
  }

  /**
   * Writes what is no object as the message of a record, long text as several. `unparsed` says that it should have been an object.
   * Returns how many lines were written.
   */
  writeText(text: Text, origin: SenderOrigin, unparsed: boolean): number {
    this.#placement.clear(undefined);
    this.#flags = unparsed ? UNPARSED : 0;
    const pieces = this.#startPieces(text);
    for (let at = text.start; this.#part <= pieces; this.#part++) {
      const piece = pieceOf(text, at, this.#options.recordBytesMax);
      this.#writePiece(piece, undefined, this.#options.dataset, origin, 0);
      at = piece.end;
    }
    return pieces;
  }

  #writeMessagePieces(
    record: SenderRecord,
    message: SenderField,
    dataset: Dataset,
    origin: SenderOrigin,
    besides: number,
  ): number {
    const text = { ...this.#placement.rawText(message, record) };
    const pieces = this.#startPieces(text);
    for (let at = text.start; this.#part <= pieces; this.#part++) {
      const piece = pieceOf(text, at, this.#options.recordBytesMax);
      this.#writePiece(piece, record, dataset, origin, besides);
      at = piece.end;
    }
    return pieces;
  }

  #startPieces(text: Text): number {
    let pieces = 1;
    for (let at = pieceOf(text, text.start, this.#options.recordBytesMax).end; at < text.end; pieces++)
      at = pieceOf(text, at, this.#options.recordBytesMax).end;
    this.#part = 1;
    this.#parts = pieces;
    if (pieces > 1) this.#flags |= SPLIT;
    return pieces;
  }

  #writePiece(
    piece: Text,
    record: SenderRecord | undefined,
    dataset: Dataset,
    origin: SenderOrigin,
    besides: number,
  ): void {
    const lossy = !isUtf8Text(piece.source, piece.start, piece.end);
    this.#flags = lossy ? this.#flags | INVALID_UTF8 : this.#flags & ~INVALID_UTF8;
    const writer = this.#options.recorder.open(dataset, piece.end - piece.start + besides);
    this.#writeFields(writer, record, undefined);
    writer.raw(MESSAGE);
    writer.text(piece.source, piece.start, piece.end);
    writer.byte(0x22);
    this.#writeSpillway(writer, origin, undefined);
    if (lossy) writeBase64Member(writer, ORIGINAL_BASE64, piece);
    this.#close(writer, record);
  }

  /** The rest of `event`, the time, and all fields but the message. */
  #writeFields(writer: LineWriter, record: SenderRecord | undefined, original: Text | undefined): void {
    const { tree, time, hasTime } = this.#placement;
    const event = this.#placement.find(tree.root, EVENT);
    for (let node = event?.first; node !== undefined; node = node.next) {
      writer.byte(0x2c);
      tree.writeMember(writer, node);
    }
    if (original !== undefined && isUtf8Text(original.source, original.start, original.end)) {
      writer.raw(ORIGINAL);
      writer.text(original.source, original.start, original.end);
      writer.byte(0x22);
    }
    writer.raw(TIMESTAMP);
    if (hasTime) writeTime(writer, time);
    else writer.raw(this.#options.recorder.nowText);
    writer.byte(0x22);
    for (let node = tree.root.first; node !== undefined; node = node.next) {
      if (node === event) continue;
      writer.byte(0x2c);
      tree.writeMember(writer, node);
    }
    if (record === undefined) return;
    for (let i = 0; i < record.count; i++) {
      const field = record.fields[i]!;
      if (field.placed) continue;
      writer.byte(0x2c);
      writer.byte(0x22);
      writer.text(field.key, field.keyStart, field.keyEnd);
      writer.byte(0x22);
      writer.byte(0x3a);
      writeValue(writer, field, record.dialect);
    }
  }

  /** The relay's own part, but for its closing brace. */
  #writeSpillway(writer: LineWriter, origin: SenderOrigin, original: Text | undefined): void {
    writer.raw(this.#origin.of(origin));
    if ((this.#flags & SPLIT) !== 0) {
      writer.raw(PART);
      writer.integer(this.#part);
      writer.raw(PARTS);
      writer.integer(this.#parts);
    }
    if (this.#flags !== 0) this.#writeFlags(writer);
    if (original !== undefined && !isUtf8Text(original.source, original.start, original.end))
      writeBase64Member(writer, SOURCE_BASE64, original);
  }

  #writeFlags(writer: LineWriter): void {
    writer.raw(FLAGS_START);
    let first = true;
    for (let i = 0; i < FLAGS.length; i++) {
      if ((this.#flags & (1 << i)) === 0) continue;
      if (!first) writer.byte(0x2c);
      first = false;
      writer.raw(FLAG_NAMES[i]!);
      this.#options.flagged(FLAGS[i]!);
    }
    writer.byte(0x5d);
  }

  #close(writer: LineWriter, record: SenderRecord | undefined): void {
    writer.byte(0x7d);
    const { recorder } = this.#options;
    const { tree, time, hasTime } = this.#placement;
    const host = this.#placement.find(tree.root, HOST);
    if (host !== undefined && record !== undefined) {
      this.#placement.tree.open(host);
      const name = this.#placement.find(host, HOST_NAME);
      if (name?.isString === true) {
        const { source, start, end } = this.#placement.rawText(name, record);
        recorder.stream('host', source, start, end);
      }
    }
    const { peer } = this.#origin;
    if (peer !== undefined) recorder.stream('source', peer, 0, peer.bytes.length);
    recorder.close(hasTime ? time.seconds * 1_000 + Math.floor(time.nanos / 1_000_000) : recorder.nowMs);
  }

  /** Takes out of `event` what is not the sender's to say, and finds the dataset that it asks for. */
  #settleEvent(event: EcsNode, record: SenderRecord): Dataset {
    const { tree } = this.#placement;
    tree.open(event);
    let dataset: Dataset | undefined;
    for (const reserved of RESERVED_IN_EVENT) {
      const node = this.#placement.find(event, reserved);
      if (node === undefined) continue;
      tree.remove(event, node);
      if (reserved.hash === DATASET.hash) dataset = this.#datasetIn(node, record);
      if (reserved.hash === DATASET.hash && dataset !== undefined) continue;
      if (reserved.hash === RESERVED_IN_EVENT[0]!.hash) this.#flags |= ID_REPLACED;
      if (node.hasChildren) tree.lossy = true;
      else this.#placement.label(node, reserved.label, 0, reserved.label.bytes.length, true);
    }
    return dataset ?? this.#options.dataset;
  }

  /** The dataset that a sender names, where it is a valid name and there is room for one more. */
  #datasetIn(node: EcsNode, record: SenderRecord): Dataset | undefined {
    if (!node.isString || node.end - node.start > 102) return undefined;
    const { source, start, end } = this.#placement.rawText(node, record);
    const name = Buffer.from(source.bytes.buffer, source.bytes.byteOffset + start, end - start).toString('latin1');
    const known = this.#datasets.get(name);
    if (known !== undefined) return known;
    if (!DATASET_NAME.test(name) || this.#datasets.size >= DATASETS_MAX) return undefined;
    const dataset = this.#options.datasetOf(name);
    this.#datasets.set(name, dataset);
    return dataset;
  }
}

/** What of a message that came as JSON is no text. */
function lossesOf(message: SenderField, record: SenderRecord): number {
  if (message.form === 'text') return 0;
  return findLosses(message.value, message.start, message.end, message.traits, record.dialect);
}

function writeMessage(writer: LineWriter, message: SenderField, record: SenderRecord): void {
  const { value, textStart, textEnd } = message;
  writer.raw(MESSAGE);
  if (message.form === 'text') writer.text(value, textStart, textEnd);
  else writeJsonString(writer, value, textStart, textEnd, message.traits, record.dialect);
  writer.byte(0x22);
}

function writeBase64Member(writer: LineWriter, name: Source, { source, start, end }: Text): void {
  writer.raw(name);
  writeBase64(writer, source, start, end);
  writer.byte(0x22);
}

/** The piece of a text that begins at `at`, cut where a character ends. */
function pieceOf({ source, end }: Text, at: number, bytesMax: number): Text {
  let cut = Math.min(at + bytesMax, end);
  if (cut < end) {
    for (let back = 0; back < 3 && (source.bytes[cut]! & 0xc0) === 0x80; back++) cut--;
    // Four continuation bytes in a row are no UTF-8 anyway.
    if ((source.bytes[cut]! & 0xc0) === 0x80 || cut === at) cut = at + bytesMax;
  }
  return { source, start: at, end: cut };
}

/** What `spillway` says of records that came together, made once for all of them. */
class OriginText {
  peer: Source | undefined;
  readonly #input: string;
  #origin: SenderOrigin | undefined;
  #text = fragment('');

  constructor(input: string) {
    this.#input = input;
  }

  of(origin: SenderOrigin): Source {
    if (origin === this.#origin) return this.#text;
    const { format, tag, peer } = origin;
    const members = JSON.stringify({
      input: this.#input,
      format,
      tag: tag?.slice(0, TAG_LENGTH_MAX).toWellFormed(),
      peer,
    });
    this.#text = fragment(`,"spillway":${members.slice(0, -1)}`);
    this.peer = peer === undefined ? undefined : fragment(peer);
    this.#origin = origin;
    return this.#text;
  }
}

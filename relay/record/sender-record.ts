import { writeBase64 } from './base64.ts';
import { writeValue } from './ecs-tree.ts';
import { JsonScanner } from './json-scan.ts';
import { LOSS_BYTES, LOSS_SURROGATE, findLosses, isUtf8Text, writeJsonString } from './json-text.ts';
import { fragment, type LineWriter, type Source } from './line-writer.ts';
import type { Dataset, Flag, Recorder } from './recorder.ts';
import { runnerFileKind, type RunnerDatasets } from './runner-file.ts';
import type { SenderField, SenderRecord } from './sender-fields.ts';
import { SenderEvents } from './sender-event.ts';
import { hashedName } from './sender-keys.ts';
import {
  ID_REPLACED,
  INVALID_UTF8,
  SPLIT,
  SenderMarks,
  TIME_INVALID,
  TIME_MISSING,
  UNPARSED,
  type SenderOrigin,
} from './sender-marks.ts';
import { SenderPlacement } from './sender-placement.ts';
import { writeTime } from './sender-time.ts';
import { countPieces, pieceOf, type Text } from './text-pieces.ts';

export interface SenderRecordOptions {
  readonly recorder: Recorder;
  /** The input's name: `spillway.input`. */
  readonly input: string;
  readonly dataset: Dataset;
  /** Where lines of a GitHub runner's files go; undefined where they are nothing special. */
  readonly runner?: RunnerDatasets | undefined;
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

const EVENT = hashedName('event');
const HOST = hashedName('host');
const SOURCE = hashedName('source');
const HOST_NAME = hashedName('name');

const ORIGINAL = fragment(',"original":"');
const TIMESTAMP = fragment('},"@timestamp":"');
const MESSAGE = fragment(',"message":"');
const ORIGINAL_BASE64 = fragment(',"original_base64":"');
const SOURCE_BASE64 = fragment(',"source_base64":"');

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
  readonly #events: SenderEvents;
  readonly #marks: SenderMarks;

  constructor(options: SenderRecordOptions) {
    this.#options = options;
    this.#events = new SenderEvents(this.#placement, options.datasetOf, options.runner !== undefined);
    this.#marks = new SenderMarks(options.input, options.flagged);
  }

  /** Writes one record; a large one as several. Returns how many lines were written. */
  write(record: SenderRecord, origin: SenderOrigin): number {
    if (record.unwieldy) return this.writeText(record, origin, true);
    const placement = this.#placement;
    const marks = this.#marks;
    const { tree, choice } = placement;
    placement.place(record);
    marks.hasOwnSource = placement.find(tree.root, SOURCE) !== undefined;
    marks.flags = choice.hasTime ? 0 : choice.timeInvalid ? TIME_INVALID : TIME_MISSING;
    const event = placement.find(tree.root, EVENT);
    const asked = event === undefined ? undefined : this.#events.settle(event, record);
    if (event !== undefined && this.#events.hadId) marks.flags |= ID_REPLACED;
    const { runner } = this.#options;
    const runnerDataset = runner === undefined ? undefined : this.#runnerDataset(record, runner);
    const dataset = runnerDataset ?? asked ?? this.#options.dataset;
    if (tree.overflow) return this.writeText(record, origin, true);
    const { message } = choice;
    marks.textBytes = -1;
    if (runnerDataset !== undefined && message !== undefined) {
      const { start, end } = placement.rawText.read(message, record);
      marks.textBytes = end - start;
    }
    let losses = message === undefined ? 0 : lossesOf(message, record);
    const othersLossy = placement.othersAreLossy(record);
    if (losses !== 0 || othersLossy) marks.flags |= INVALID_UTF8;
    const sourceNeeded =
      record.lossy || tree.lossy || othersLossy || (losses & LOSS_SURROGATE) !== 0 || choice.time.cut;
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
        marks.flags |= INVALID_UTF8;
      }
    }
    marks.write(writer, origin);
    if (original !== undefined && !isUtf8Text(original.source, original.start, original.end))
      writeBase64Member(writer, SOURCE_BASE64, original);
    if (message !== undefined && (losses & LOSS_BYTES) !== 0)
      writeBase64Member(writer, ORIGINAL_BASE64, placement.rawText.read(message, record));
    this.#close(writer, record);
    return 1;
  }

  /** The dataset of a line out of a file that GitHub's runner wrote, known by the file's name. */
  #runnerDataset(record: SenderRecord, runner: RunnerDatasets): Dataset | undefined {
    const path = this.#placement.choice.message === undefined ? undefined : this.#placement.filePath();
    if (path === undefined) return undefined;
    const { source, start, end } = this.#placement.rawText.read(path, record);
    const kind = runnerFileKind(source.bytes, start, end);
    return kind === undefined ? undefined : runner[kind];
  }

  /**
   * Writes what is no object as the message of a record, long text as several. `unparsed` says that it should have been an object.
   * Returns how many lines were written.
   */
  writeText(text: Text, origin: SenderOrigin, unparsed: boolean): number {
    this.#placement.clear(undefined);
    this.#marks.textBytes = -1;
    this.#marks.hasOwnSource = false;
    this.#marks.flags = unparsed ? UNPARSED : 0;
    const pieces = this.#startPieces(text);
    for (let at = text.start; this.#marks.part <= pieces; this.#marks.part++) {
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
    const text = { ...this.#placement.rawText.read(message, record) };
    const pieces = this.#startPieces(text);
    for (let at = text.start; this.#marks.part <= pieces; this.#marks.part++) {
      const piece = pieceOf(text, at, this.#options.recordBytesMax);
      this.#writePiece(piece, record, dataset, origin, besides);
      at = piece.end;
    }
    return pieces;
  }

  #startPieces(text: Text): number {
    const pieces = countPieces(text, this.#options.recordBytesMax);
    this.#marks.part = 1;
    this.#marks.parts = pieces;
    if (pieces > 1) this.#marks.flags |= SPLIT;
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
    if (this.#marks.textBytes >= 0) this.#marks.textBytes = piece.end - piece.start;
    this.#marks.flags = lossy ? this.#marks.flags | INVALID_UTF8 : this.#marks.flags & ~INVALID_UTF8;
    const writer = this.#options.recorder.open(dataset, piece.end - piece.start + besides);
    this.#writeFields(writer, record, undefined);
    writer.raw(MESSAGE);
    writer.text(piece.source, piece.start, piece.end);
    writer.byte(0x22);
    this.#marks.write(writer, origin);
    if (lossy) writeBase64Member(writer, ORIGINAL_BASE64, piece);
    this.#close(writer, record);
  }

  /** The rest of `event`, the time, and all fields but the message. */
  #writeFields(writer: LineWriter, record: SenderRecord | undefined, original: Text | undefined): void {
    const { tree, choice } = this.#placement;
    const { time, hasTime } = choice;
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

  #close(writer: LineWriter, record: SenderRecord | undefined): void {
    writer.byte(0x7d);
    const { recorder } = this.#options;
    const { tree, choice } = this.#placement;
    const { time, hasTime } = choice;
    const host = this.#placement.find(tree.root, HOST);
    if (host !== undefined && record !== undefined) {
      this.#placement.tree.open(host);
      const name = this.#placement.find(host, HOST_NAME);
      if (name?.isString === true) {
        const { source, start, end } = this.#placement.rawText.read(name, record);
        recorder.stream('host', source, start, end);
      }
    }
    const { peer } = this.#marks;
    if (peer !== undefined) recorder.stream('source', peer, 0, peer.bytes.length);
    recorder.close(hasTime ? time.seconds * 1_000 + Math.floor(time.nanos / 1_000_000) : recorder.nowMs);
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

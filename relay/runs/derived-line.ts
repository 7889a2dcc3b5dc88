import { isUtf8 } from 'node:buffer';
import { writeBase64 } from '../record/base64.ts';
import { fragment, sourceOf, type LineWriter } from '../record/line-writer.ts';
import type { Dataset, Recorder } from '../record/recorder.ts';
import { countPieces, pieceOf, type Text } from '../record/text-pieces.ts';
import type { Job } from './job.ts';
import type { JobLine } from './job-types.ts';
import { jobFieldsOf, lineJson, type JobFields } from './job-fields.ts';
import type { JobMessage } from './job-message.ts';
import { BOM_LENGTH, msOf } from './page-line.ts';

/** A longer text makes several records, each with `spillway.part` and `spillway.parts`: receivers take no more. */
const TEXT_BYTES_MAX = 512 * 1_024;

const TIMESTAMP = fragment('},"@timestamp":"');
const MESSAGE = fragment('","message":"');
const QUOTE = 0x22;

interface Cached {
  readonly message: JobMessage | undefined;
  readonly fields: JobFields;
}

/** A part of a line that is too long for one record. */
interface Piece {
  readonly text: Text;
  /** What it is of the physical line, where that is not UTF-8. */
  readonly original: Buffer | undefined;
  readonly part: number;
  readonly parts: number;
}

/** Writes the finished lines of jobs, as `github.runner`. */
export class DerivedLineWriter {
  readonly #dataset: Dataset;
  readonly #fields = new WeakMap<Job, Cached>();

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
  }

  /** Writes a line. Returns how many records that made: one, unless it is very long. */
  write(recorder: Recorder, written: JobLine): number {
    const { parts, bytes } = written.line;
    const whole: Text = { source: sourceOf(parts.text), start: 0, end: parts.text.length };
    const withoutBom = parts.bom ? bytes.subarray(BOM_LENGTH) : bytes;
    const head = withoutBom.length - parts.text.length;
    // Stamps are ASCII, so a line is text where its text is.
    const isText = isUtf8(parts.text);
    const pieces = countPieces(whole, TEXT_BYTES_MAX);
    for (let part = 1, at = 0; part <= pieces; part++) {
      const text = pieceOf(whole, at, TEXT_BYTES_MAX);
      const original = isText ? undefined : withoutBom.subarray(part === 1 ? 0 : head + at, head + text.end);
      this.#writePiece(recorder, written, { text, original, part, parts: pieces });
      at = text.end;
    }
    return pieces;
  }

  #writePiece(recorder: Recorder, written: JobLine, piece: Piece): void {
    const { line, stamp, path } = written;
    const { text } = piece;
    const fields = this.#fieldsOf(written.job);
    const place = fragment(`",${lineJson({ log: { file: { path }, offset: line.offset } }).slice(1, -1)}`);
    const rest = fragment(`,${lineJson(partsOf(written)).slice(1, -1)}}`);
    const extra = place.bytes.length + rest.bytes.length + fields.members.bytes.length;
    const writer = recorder.open(this.#dataset, text.end - text.start + extra);
    writer.raw(TIMESTAMP);
    writer.raw(stamp === undefined ? recorder.nowText : fragment(stamp));
    writer.raw(MESSAGE);
    writer.text(text.source, text.start, text.end);
    writer.raw(place);
    writer.raw(fields.members);
    writer.raw(rest);
    writeMarks(writer, piece);
    for (const { kind, name } of fields.streams) recorder.stream(kind, name, 0, name.bytes.length);
    recorder.close(line.parts.ticks === undefined ? recorder.nowMs : msOf(line.parts.ticks));
  }

  #fieldsOf(job: Job): JobFields {
    const cached = this.#fields.get(job);
    if (cached !== undefined && cached.message === job.message) return cached.fields;
    const fields = jobFieldsOf(job);
    this.#fields.set(job, { message: job.message, fields });
    return fields;
  }
}

/** What of `github` is a line's own: its step, its page, and how it stood there. */
function partsOf({ job, line, step, stepRecord, from }: JobLine): object {
  const { bom } = line.parts;
  const marks = {
    ...(line.parts.stamp === undefined ? { continuation: true } : {}),
    ...(line.ending === 'lf' ? {} : { ending: line.ending }),
    ...(bom ? { bom } : {}),
    ...(from === 'step' ? { source: 'step' } : {}),
  };
  const name = step === undefined || step.name === '' ? undefined : step.name;
  return {
    ...(step === undefined && stepRecord === undefined
      ? {}
      : { step: { number: step?.number, name, id: stepRecord ?? step?.record } }),
    page: { record: job.jobRecord, number: line.number },
    ...(Object.keys(marks).length === 0 ? {} : { line: marks }),
  };
}

/** `,"spillway":{…}`, where there is something to say. */
function writeMarks(writer: LineWriter, { original, part, parts }: Piece): void {
  if (original === undefined && parts === 1) return;
  const flags = [...(original === undefined ? [] : ['invalid_utf8']), ...(parts === 1 ? [] : ['split'])];
  const marks = { ...(parts === 1 ? {} : { part, parts }), flags };
  writer.raw(fragment(`,"spillway":${JSON.stringify(marks).slice(0, -1)}`));
  if (original !== undefined) {
    writer.raw(fragment(',"original_base64":"'));
    writeBase64(writer, sourceOf(original), 0, original.length);
    writer.byte(QUOTE);
  }
  writer.byte(0x7d);
}

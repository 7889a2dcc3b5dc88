import type { InputContext } from '../../component/input.ts';
import { writeBase64 } from '../../record/base64.ts';
import { sourceOf, type LineWriter, type Source } from '../../record/line-writer.ts';
import type { Dataset } from '../../record/recorder.ts';
import { writeIsoTime } from '../../record/time.ts';
import { isEscapable } from '../../wire/syslog-5424.ts';
import { RFC_5424, SyslogHeader, TIME_ABSOLUTE, TIME_INVALID, TIME_LOCAL } from '../../wire/syslog-header.ts';
import { parseSyslog } from '../../wire/syslog-line.ts';
import * as json from './fragments.ts';
import { LocalTimeResolver, type ZoneOffset } from './local-time.ts';

/** Peers whose fragments are kept; beyond it they are made anew. */
const PEERS_MAX = 4_096;
/** The milliseconds of the years 0 to 9999, which is what can be written. */
const EPOCH_MS_MIN = -62_167_219_200_000;
const EPOCH_MS_MAX = 253_402_300_799_999;

export interface SyslogRecordsOptions {
  readonly context: InputContext;
  readonly dataset: Dataset;
  readonly keepOriginal: boolean;
  readonly zone: ZoneOffset;
}

/** What framing found odd about a message; see `SyslogFramer`. */
export interface FrameMarks {
  readonly part: number;
  readonly totalBytes: number;
  readonly cut: boolean;
}

/** A message that arrived whole. */
export const WHOLE: FrameMarks = { part: 0, totalBytes: 0, cut: false };

/** Writes syslog messages as lines of ECS JSON. */
export class SyslogRecords {
  readonly #context: InputContext;
  readonly #dataset: Dataset;
  readonly #keepOriginal: boolean;
  readonly #local: LocalTimeResolver;
  readonly #header = new SyslogHeader();
  readonly #peers = new Map<string, json.Peer>();
  readonly #scratch = sourceOf(Buffer.alloc(32));
  #epochMs = 0;

  constructor({ context, dataset, keepOriginal, zone }: SyslogRecordsOptions) {
    this.#context = context;
    this.#dataset = dataset;
    this.#keepOriginal = keepOriginal;
    this.#local = new LocalTimeResolver(zone);
  }

  /** What is the same in all records of one sender. */
  peer(address: string): json.Peer {
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      if (this.#peers.size >= PEERS_MAX) this.#peers.clear();
      peer = json.peerFragments(address, this.#context.name);
      this.#peers.set(address, peer);
    }
    return peer;
  }

  /** Records the message that stands from `start` up to `end`. */
  write(source: Source, start: number, end: number, peer: json.Peer, marks: FrameMarks): void {
    const { recorder, counters } = this.#context;
    const header = this.#header;
    if (marks.part > 1) asText(header, start);
    else parseSyslog(source, start, end, header);
    counters.records++;
    counters.bytes += end - start;

    let flags = this.#resolveTime(header, marks);
    const writer = recorder.open(this.#dataset, end - start);
    writer.lossy = false;
    if (this.#keepOriginal || !header.canonical) writeOriginal(writer, source, start, end);
    this.#writeTime(writer, source, header);
    writeHostAndLog(writer, source, header);
    writer.text(source, header.messageStart, end);

    if (writer.lossy) flags |= json.FLAG_INVALID_UTF8;
    if (flags === 0 && !header.byteOrderMark && marks.totalBytes === 0) {
      writer.raw(peer.closed[header.format]!);
    } else {
      writer.raw(peer.open[header.format]!);
      this.#writeMarks(writer, flags, header, marks);
      if (writer.lossy) {
        writer.raw(json.ORIGINAL_BASE64);
        writeBase64(writer, source, start, end);
        writer.byte(0x22);
      }
      writer.raw(json.CLOSE);
    }
    if (header.hostEnd > header.hostStart) recorder.stream('host', source, header.hostStart, header.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    recorder.close(this.#epochMs);
  }

  /** Finds the moment of the record, and its flags so far. */
  #resolveTime(header: SyslogHeader, marks: FrameMarks): number {
    let flags = 0;
    if (header.time === TIME_LOCAL) {
      const { nowMs } = this.#context.recorder;
      const ms = this.#local.resolve(header, nowMs);
      if (ms >= EPOCH_MS_MIN && ms <= EPOCH_MS_MAX) {
        header.epochMs = ms;
      } else {
        header.time = TIME_INVALID;
        header.canonical = false;
      }
    }
    if (header.time >= TIME_ABSOLUTE) {
      this.#epochMs = header.epochMs;
    } else {
      this.#epochMs = this.#context.recorder.nowMs;
      if (header.time === TIME_INVALID) flags |= json.FLAG_TIME_INVALID;
      else if (header.unparsed) flags |= json.FLAG_UNPARSED;
      else if (marks.part <= 1) flags |= json.FLAG_TIME_MISSING;
    }
    if (header.priorityInvalid) flags |= json.FLAG_PRIORITY_INVALID;
    if (marks.part > 0) flags |= json.FLAG_SPLIT;
    if (marks.cut) flags |= json.FLAG_CUT;
    return flags;
  }

  #writeTime(writer: LineWriter, source: Source, header: SyslogHeader): void {
    if (header.time === TIME_ABSOLUTE && header.zulu) {
      writer.raw(json.TIMESTAMP);
      writer.copy(source, header.timeStart, header.timeEnd);
      return;
    }
    if (header.time <= TIME_INVALID) {
      writer.raw(json.TIMESTAMP);
      writer.raw(this.#context.recorder.nowText);
      return;
    }
    const scratch = this.#scratch;
    if (header.time === TIME_LOCAL) {
      if (this.#local.offsetMinutes !== 0) {
        writer.raw(json.TIME_ZONE_FIRST);
        const length = writeOffset(scratch.bytes, this.#local.offsetMinutes);
        writer.copy(scratch, 0, length);
        writer.raw(json.QUOTE);
      }
    } else if (hasNumericOffset(source, header)) {
      writer.raw(json.TIME_ZONE_FIRST);
      writer.copy(source, header.timeEnd - 6, header.timeEnd);
      writer.raw(json.QUOTE);
    }
    writer.raw(json.TIMESTAMP);
    writeIsoTime(scratch.bytes, 0, header.epochMs);
    writer.copy(scratch, 0, SECONDS_LENGTH);
    if (header.fractionEnd > header.fractionStart) {
      writer.byte(0x2e);
      writer.copy(source, header.fractionStart, header.fractionEnd);
    }
    writer.byte(0x5a);
  }

  /** The members of `spillway` that few records have. */
  #writeMarks(writer: LineWriter, flags: number, header: SyslogHeader, marks: FrameMarks): void {
    if (flags !== 0) {
      writer.raw(json.FLAG_FRAGMENTS[flags]!);
      for (let i = 0; i < json.FLAGS.length; i++)
        if ((flags & (1 << i)) !== 0) this.#context.counters.flagged(json.FLAGS[i]!);
    }
    if (header.byteOrderMark) writer.raw(json.BYTE_ORDER_MARK);
    if (marks.part > 0) {
      writer.raw(json.PART);
      writer.integer(marks.part);
      if (marks.totalBytes > 0) {
        writer.raw(json.PART_TOTAL_BYTES);
        writer.integer(marks.totalBytes);
      }
      writer.raw(json.CLOSE);
    } else if (marks.totalBytes > 0) {
      writer.raw(json.PART_TOTAL_BYTES_ONLY);
      writer.integer(marks.totalBytes);
      writer.raw(json.CLOSE);
    }
  }
}

/** `2026-11-22T05:20:10`. */
const SECONDS_LENGTH = 19;

/** A later part of a message: its header is in the first one. */
function asText(header: SyslogHeader, start: number): void {
  header.clear(start);
  header.priority = -1;
  header.priorityInvalid = false;
}

/** The raw line. Where it is not UTF-8 this takes it back: then the record gets it in base64. */
function writeOriginal(writer: LineWriter, source: Source, start: number, end: number): void {
  const before = writer.position;
  writer.raw(json.ORIGINAL);
  writer.text(source, start, end);
  if (writer.lossy) writer.position = before;
  else writer.raw(json.QUOTE);
}

function writeHostAndLog(writer: LineWriter, source: Source, header: SyslogHeader): void {
  const { priority } = header;
  const hasHost = header.hostEnd > header.hostStart;
  if (hasHost) {
    writer.raw(json.HOST);
    writer.text(source, header.hostStart, header.hostEnd);
  }
  if (priority < 0) {
    writer.raw(hasHost ? json.HOST_END : json.QUOTE);
    writeLogWithoutPriority(writer, source, header);
    return;
  }
  if (hasHost && header.version === 1) {
    writer.raw(json.LOG_5424_AFTER_HOST[priority]!);
  } else {
    writer.raw(hasHost ? json.LOG_AFTER_HOST[priority]! : json.LOG_AFTER_TIME[priority]!);
    if (header.format === RFC_5424) {
      writer.raw(json.VERSION);
      writer.integer(header.version);
    }
  }
  if (header.appEnd > header.appStart) {
    writer.raw(json.APP_NAME);
    writer.text(source, header.appStart, header.appEnd);
    writer.byte(0x22);
  }
  if (header.processEnd > header.processStart) {
    writer.raw(json.PROCESS_ID);
    writer.text(source, header.processStart, header.processEnd);
    writer.byte(0x22);
  }
  if (header.messageIdEnd > header.messageIdStart) {
    writer.raw(json.MESSAGE_ID);
    writer.text(source, header.messageIdStart, header.messageIdEnd);
    writer.byte(0x22);
  }
  if (header.elements > 0) writeStructuredData(writer, source, header);
  writer.raw(json.LOG_END_MESSAGE);
}

function writeLogWithoutPriority(writer: LineWriter, source: Source, header: SyslogHeader): void {
  const members: ReadonlyArray<readonly [Source, number, number]> = [
    [json.APP_NAME, header.appStart, header.appEnd],
    [json.PROCESS_ID, header.processStart, header.processEnd],
    [json.MESSAGE_ID, header.messageIdStart, header.messageIdEnd],
  ];
  let first = true;
  for (const [name, start, end] of members) {
    if (end === start) continue;
    if (first) writer.raw(json.LOG_WITHOUT_PRIORITY);
    writer.copy(name, first ? 1 : 0, name.bytes.length);
    writer.text(source, start, end);
    writer.byte(0x22);
    first = false;
  }
  writer.raw(first ? json.MESSAGE : json.LOG_END_MESSAGE);
}

function writeStructuredData(writer: LineWriter, source: Source, header: SyslogHeader): void {
  const { marks, elements } = header;
  writer.raw(json.STRUCTURED_DATA);
  let mark = 0;
  for (let element = 0; element < elements; element++) {
    writer.byte(0x22);
    writer.text(source, marks[mark]!, marks[mark + 1]!);
    writer.raw(json.ID_END);
    const parameters = marks[mark + 2]!;
    mark += 3;
    for (let parameter = 0; parameter < parameters; parameter++, mark += 4) {
      if (parameter > 0) writer.byte(0x2c);
      writer.byte(0x22);
      writer.text(source, marks[mark]!, marks[mark + 1]!);
      writer.raw(json.VALUE_START);
      const end = marks[mark + 3]!;
      if (end >= 0) writer.text(source, marks[mark + 2]!, end);
      else writeEscapedValue(writer, source, marks[mark + 2]!, ~end);
      writer.byte(0x22);
    }
    writer.byte(0x7d);
    if (element < elements - 1) writer.byte(0x2c);
  }
  writer.byte(0x7d);
}

/** A value without its backslashes before `"`, `\` and `]` (RFC 5424 §6.3.3). */
function writeEscapedValue(writer: LineWriter, source: Source, start: number, end: number): void {
  let from = start;
  for (let i = start; i < end; i++) {
    if (source.bytes[i] !== 0x5c || i + 1 >= end || !isEscapable(source.bytes[i + 1]!)) continue;
    writer.text(source, from, i);
    from = i + 1;
    i++;
  }
  writer.text(source, from, end);
}

function hasNumericOffset(source: Source, header: SyslogHeader): boolean {
  const last = source.bytes[header.timeEnd - 1]!;
  return last !== 0x5a && last !== 0x7a;
}

/** Writes `+02:00` and returns its length. */
function writeOffset(out: Uint8Array, offsetMinutes: number): number {
  const minutes = Math.abs(offsetMinutes);
  const text = `${offsetMinutes < 0 ? '-' : '+'}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return text.length;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

import type { InputContext } from '../../component/input.ts';
import { writeBase64 } from '../../record/base64.ts';
import { fragment, sourceOf, type LineWriter, type Source } from '../../record/line-writer.ts';
import type { Dataset } from '../../record/recorder.ts';
import { parseRfc3339, rfc3339Time, writeIsoTime } from '../../record/time.ts';
import {
  RFC_3164,
  RFC_3339,
  RFC_5424,
  SyslogHeader,
  TIME_ABSOLUTE,
  TIME_INVALID,
  TIME_LOCAL,
  parsePriority,
} from '../../wire/syslog-header.ts';
import { readLineTime } from '../../wire/syslog-time.ts';
import { parseSyslog } from '../../wire/syslog-line.ts';
import * as json from './fragments.ts';
import { HeaderCache, copyOf, type CachedHeader } from './header-cache.ts';
import { CachedLocalTime, LOCAL_TIME_LENGTH } from './local-time-cache.ts';
import { writeHostAndLog, writeOriginal } from './write-fields.ts';
import { LocalTimeResolver, offsetText, type ZoneOffset } from './local-time.ts';

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
  readonly #cache = new HeaderCache();
  /** By their seconds, so that senders whose clocks differ do not push out each other’s. */
  readonly #localTimes: CachedLocalTime[] = Array.from({ length: 64 }, () => new CachedLocalTime());
  #localTime = this.#localTimes[0]!;
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
    const { counters } = this.#context;
    counters.records++;
    counters.bytes += end - start;
    const header = this.#header;
    if (marks.part > 1) {
      asText(header, start);
    } else {
      const plain = marks.part === 0 && marks.totalBytes === 0 && !marks.cut && !this.#keepOriginal;
      const known = plain && this.#cache.isWorthALook() ? this.#findKnown(source, start, end) : undefined;
      if (known !== undefined) {
        this.#writeKnown(source, start, end, peer, known);
        return;
      }
      parseSyslog(source, start, end, header);
    }
    this.#writeParsed(source, start, end, peer, marks);
  }

  #writeParsed(source: Source, start: number, end: number, peer: json.Peer, marks: FrameMarks): void {
    const { recorder } = this.#context;
    const header = this.#header;
    let flags = this.#resolveTime(header, marks);
    const writer = recorder.open(this.#dataset, end - start);
    writer.lossy = false;
    if (this.#keepOriginal || !header.canonical) writeOriginal(writer, source, start, end);
    this.#writeTime(writer, source, header);
    const afterTime = writer.position;
    writeHostAndLog(writer, source, header);
    if (
      header.messageStart < end &&
      isLasting(header, writer) &&
      this.#cache.wants(header.timeEnd + 1, header.messageStart)
    )
      this.#remember(source, header, copyOf(writer.bytes, afterTime, writer.position));
    writer.text(source, header.messageStart, end);

    if (writer.lossy) flags |= json.FLAG_INVALID_UTF8;
    if (flags === 0 && !header.byteOrderMark && marks.totalBytes === 0) writer.raw(peer.closed[header.format]!);
    else this.#writeMarks(writer, source, start, end, peer, flags, marks);
    if (header.hostEnd > header.hostStart) recorder.stream('host', source, header.hostStart, header.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    recorder.close(this.#epochMs);
  }

  /**
   * Looks for a header that has come before, behind a priority and a time in its plainest form. Leaves the time in `#header` and
   * `#knownTime`. Only lines that need neither flag nor raw copy have their headers remembered, and only with a tag, since without one the
   * text decides what is header.
   */
  #findKnown(source: Source, start: number, end: number): CachedHeader | undefined {
    const header = this.#header;
    const { bytes } = source;
    let at = parsePriority(bytes, start, end, header);
    if (at === start || end - at < SHORTEST_KNOWN) return undefined;
    if (bytes[at + 3] === 0x20) return this.#findKnownLocal(source, at, end);
    let format = RFC_3339;
    if (bytes[at] === 0x31 && bytes[at + 1] === 0x20) {
      format = RFC_5424;
      at += 2;
    }
    if (bytes[at + 4] !== 0x2d || bytes[at + 10] !== 0x54) return undefined;
    // The time ends in `Z` where it can be copied; it has 20 to 30 bytes.
    let zulu = at + 19;
    while (bytes[zulu] !== 0x5a) if (++zulu === at + 30 || zulu + 1 >= end) return undefined;
    if (bytes[zulu + 1] !== 0x20) return undefined;
    const known = this.#cache.find(header.priority, format, source, zulu + 2, end);
    if (known === undefined || !parseRfc3339(source, at, zulu + 1)) return undefined;
    const messageStart = zulu + 2 + known.key.bytes.length;
    // A byte order mark is none of the message (RFC 5424 §6.4); it may begin with this byte.
    if (format === RFC_5424 && bytes[messageStart] === 0xef) return undefined;
    this.#epochMs = rfc3339Time.epochMs;
    header.timeStart = at;
    header.timeEnd = zulu + 1;
    header.messageStart = messageStart;
    return known;
  }

  /** The same behind `Oct 11 22:14:15`. What that becomes is kept too: a second has many lines. */
  #findKnownLocal(source: Source, at: number, end: number): CachedHeader | undefined {
    const header = this.#header;
    if (source.bytes[at + LOCAL_TIME_LENGTH] !== 0x20) return undefined;
    const keyStart = at + LOCAL_TIME_LENGTH + 1;
    const known = this.#cache.find(header.priority, RFC_3164, source, keyStart, end);
    if (known === undefined) return undefined;
    const { nowMs } = this.#context.recorder;
    const { bytes } = source;
    this.#localTime = this.#localTimes[(bytes[at + 13]! * 10 + bytes[at + 14]!) & 63]!;
    if (!this.#localTime.isSame(source, at, nowMs)) {
      header.clear(at);
      const plain = readLineTime(source, at, end, header) === at + LOCAL_TIME_LENGTH && header.canonical;
      if (!plain || header.time !== TIME_LOCAL) return undefined;
      const epochMs = this.#local.resolve(header, nowMs);
      if (!(epochMs >= EPOCH_MS_MIN && epochMs <= EPOCH_MS_MAX)) return undefined;
      this.#localTime.keep(source, at, nowMs, epochMs, this.#local.offsetMinutes);
    }
    this.#epochMs = this.#localTime.epochMs;
    header.messageStart = keyStart + known.key.bytes.length;
    return known;
  }

  #writeKnown(source: Source, start: number, end: number, peer: json.Peer, known: CachedHeader): void {
    const { recorder } = this.#context;
    const header = this.#header;
    const writer = recorder.open(this.#dataset, end - start);
    writer.lossy = false;
    if (known.format === RFC_3164) {
      writer.raw(this.#localTime.json);
    } else {
      writer.raw(json.TIMESTAMP);
      writer.copy(source, header.timeStart, header.timeEnd);
    }
    writer.raw(known.json);
    writer.text(source, header.messageStart, end);
    if (writer.lossy) {
      header.format = known.format;
      header.byteOrderMark = false;
      this.#writeMarks(writer, source, start, end, peer, json.FLAG_INVALID_UTF8, WHOLE);
    } else {
      writer.raw(peer.closed[known.format]!);
    }
    if (known.hostEnd > known.hostStart) recorder.stream('host', known.key, known.hostStart, known.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    recorder.close(this.#epochMs);
  }

  #remember(source: Source, header: SyslogHeader, written: Source): void {
    const start = header.timeEnd + 1;
    this.#cache.keep({
      priority: header.priority,
      format: header.format,
      key: copyOf(source.bytes, start, header.messageStart),
      json: written,
      hostStart: header.hostStart - start,
      hostEnd: header.hostEnd - start,
    });
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
        writer.raw(fragment(offsetText(this.#local.offsetMinutes)));
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

  /** The end of a record about which something is odd. */
  #writeMarks(
    writer: LineWriter,
    source: Source,
    start: number,
    end: number,
    peer: json.Peer,
    flags: number,
    marks: FrameMarks,
  ): void {
    const header = this.#header;
    writer.raw(peer.open[header.format]!);
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
    if (writer.lossy) {
      writer.raw(json.ORIGINAL_BASE64);
      writeBase64(writer, source, start, end);
      writer.byte(0x22);
    }
    writer.raw(json.CLOSE);
  }
}

/** `2026-11-22T05:20:10`. */
const SECONDS_LENGTH = 19;

/** The shortest line behind its priority that is worth looking up: a time, a header and a message. */
const SHORTEST_KNOWN = 40;

/** Whether a header that a message follows, as it was just written, can stand for all lines that have it. */
function isLasting(header: SyslogHeader, writer: LineWriter): boolean {
  if (!header.canonical || header.priority < 0 || writer.lossy) return false;
  if (header.format === RFC_3164) return header.time === TIME_LOCAL && header.appEnd > header.appStart;
  if (header.time !== TIME_ABSOLUTE || !header.zulu) return false;
  return header.format === RFC_5424
    ? header.version === 1 && !header.byteOrderMark
    : header.format === RFC_3339 && header.appEnd > header.appStart;
}

/** A later part of a message: its header is in the first one. */
function asText(header: SyslogHeader, start: number): void {
  header.clear(start);
  header.priority = -1;
  header.priorityInvalid = false;
}

function hasNumericOffset(source: Source, header: SyslogHeader): boolean {
  const last = source.bytes[header.timeEnd - 1]!;
  return last !== 0x5a && last !== 0x7a;
}

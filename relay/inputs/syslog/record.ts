import type { InputContext } from '../../component/input.ts';
import type { LineWriter, Source } from '../../record/line-writer.ts';
import type { Dataset } from '../../record/recorder.ts';
import { parseRfc3339, rfc3339Time } from '../../record/time.ts';
import {
  RFC_3164,
  RFC_3339,
  RFC_5424,
  SyslogHeader,
  TIME_ABSOLUTE,
  TIME_LOCAL,
  parsePriority,
} from '../../wire/syslog-header.ts';
import { readLineTime } from '../../wire/syslog-time.ts';
import { parseSyslog } from '../../wire/syslog-line.ts';
import * as json from './fragments.ts';
import { HarborRecords, isAuditProgram } from './harbor-record.ts';
import { HeaderCache, copyOf, type CachedHeader } from './header-cache.ts';
import { HeaderTime } from './header-time.ts';
import { CachedLocalTime, LOCAL_TIME_LENGTH } from './local-time-cache.ts';
import type { ZoneOffset } from './local-time.ts';
import type { HarborOptions } from './options.ts';
import { writeUsualHeader } from './usual-line.ts';
import { writeHostAndLog, writeOriginal } from './write-fields.ts';
import { WHOLE, flagsOf, writeMarks, type FrameMarks } from './write-marks.ts';

/** After so many lines in a row that are not usual, so many are not even tried. */
const UNUSUAL_MAX = 16;
const UNUSUAL_PASSED_OVER = 512;
/** Peers whose fragments are kept; beyond it they are made anew. */
const PEERS_MAX = 4_096;

export interface SyslogRecordsOptions {
  readonly context: InputContext;
  readonly dataset: Dataset;
  readonly keepOriginal: boolean;
  readonly zone: ZoneOffset;
  readonly harbor: HarborOptions;
  /** Is told of each record of Harbor’s. */
  readonly heardHarbor: () => void;
}

/** What the connection knows of a message. */
export interface FrameContext {
  /**
   * Which lines of Harbor’s are left to the caller, where they come from it directly: the `partial` ones, whose rest is missing, as what follows on
   * the connection may belong to them; or `all`.
   */
  readonly hold: 'none' | 'partial' | 'all';
  /** Flags for the record, if it is Harbor’s and comes from it directly. */
  readonly harborFlags: number;
  /** Flags for the record, if it is any other. */
  readonly otherFlags: number;
}

/** Nothing in particular. */
const ALONE: FrameContext = { hold: 'none', harborFlags: 0, otherFlags: 0 };

/** Writes syslog messages as lines of ECS JSON. */
export class SyslogRecords {
  readonly #context: InputContext;
  readonly #dataset: Dataset;
  readonly #keepOriginal: boolean;
  readonly #time: HeaderTime;
  readonly #harbor: HarborRecords | undefined;
  /** True where lines of any program may be Harbor’s. */
  readonly #anyProgram: boolean;
  readonly #header = new SyslogHeader();
  readonly #peers = new Map<string, json.Peer>();
  #lastAddress = '';
  #lastPeer: json.Peer | undefined;
  readonly #cache = new HeaderCache();
  /** By their seconds, so that senders whose clocks differ do not push out each other’s. */
  readonly #localTimes: CachedLocalTime[] = Array.from({ length: 64 }, () => new CachedLocalTime());
  #localTime = this.#localTimes[0]!;
  /** Lines in a row that were not usual ones, and then those that were passed over. */
  #unusual = 0;
  #epochMs = 0;

  constructor({ context, dataset, keepOriginal, zone, harbor, heardHarbor }: SyslogRecordsOptions) {
    this.#context = context;
    this.#dataset = dataset;
    this.#keepOriginal = keepOriginal;
    this.#time = new HeaderTime(context.recorder, zone);
    this.#anyProgram = harbor.detect === 'always';
    if (harbor.detect !== 'never')
      this.#harbor = new HarborRecords({
        context,
        options: harbor,
        keepOriginal,
        time: this.#time,
        heard: heardHarbor,
      });
  }

  /** Whether lines of Harbor’s audit log are told from others. */
  get detectsHarbor(): boolean {
    return this.#harbor !== undefined;
  }

  /** Whether a message is a line of Harbor’s audit log, and all of one. Only lines that come from it directly count. */
  kindOf(source: Source, start: number, end: number): 'whole' | 'partial' | 'other' {
    const header = this.#header;
    parseSyslog(source, start, end, header);
    const harbor = this.#harbor;
    if (harbor?.mayBe(source.bytes, header) !== true || header.format !== RFC_3339) return 'other';
    const operatorStart = harbor.operatorOf(source, header, start, end);
    if (operatorStart < 0) return 'other';
    return harbor.parse(source, header, operatorStart, end) === 'parsed' ? 'whole' : 'partial';
  }

  /** What is the same in all records of one sender. */
  peer(address: string): json.Peer {
    // Most lines come from whom the line before came from.
    if (address === this.#lastAddress && this.#lastPeer !== undefined) return this.#lastPeer;
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      if (this.#peers.size >= PEERS_MAX) this.#peers.clear();
      peer = json.peerFragments(address, this.#context.name);
      this.#peers.set(address, peer);
    }
    this.#lastAddress = address;
    this.#lastPeer = peer;
    return peer;
  }

  /** Records the message that stands from `start` up to `end`. Returns false, and records nothing, for what the caller holds. */
  write(
    source: Source,
    start: number,
    end: number,
    peer: json.Peer,
    marks: FrameMarks,
    frame: FrameContext = ALONE,
  ): boolean {
    const header = this.#header;
    let otherFlags = 0;
    if (marks.part > 1) {
      asText(header, start);
    } else {
      const plain = marks.part === 0 && marks.totalBytes === 0 && !marks.cut && !this.#keepOriginal;
      const known =
        plain && frame.otherFlags === 0 && this.#cache.isWorthALook() ? this.#findKnown(source, start, end) : undefined;
      if (known !== undefined && !((known.audit || this.#anyProgram) && this.#isHarbors(source, end))) {
        this.#writeKnown(source, start, end, peer, known);
        return true;
      }
      if (plain && frame.otherFlags === 0 && this.#maybeUsual && this.#writeUsual(source, start, end, peer))
        return true;
      parseSyslog(source, start, end, header);
      otherFlags = frame.otherFlags;
      if (this.#harbor?.mayBe(source.bytes, header) === true) {
        const outcome = this.#writeHarbor(this.#harbor, source, start, end, peer, marks, frame);
        if (outcome !== undefined) return outcome;
      }
    }
    this.#writeParsed(source, start, end, peer, marks, otherFlags);
    return true;
  }

  /** Whether a line with a known header, which may be one of Harbor’s by its program, looks so by its message too. */
  #isHarbors(source: Source, end: number): boolean {
    const { messageStart } = this.#header;
    return this.#harbor !== undefined && this.#harbor.operatorOf(source, this.#header, messageStart, end) >= 0;
  }

  /** True where the line was recorded, false where its rest is to be waited for, undefined where it is none of Harbor’s. */
  #writeHarbor(
    harbor: HarborRecords,
    source: Source,
    start: number,
    end: number,
    peer: json.Peer,
    marks: FrameMarks,
    frame: FrameContext,
  ): boolean | undefined {
    const header = this.#header;
    const operatorStart = marks.part > 0 ? -1 : harbor.operatorOf(source, header, start, end);
    if (operatorStart < 0) return undefined;
    const direct = header.format === RFC_3339;
    const outcome = harbor.parse(source, header, operatorStart, end);
    if (direct && (frame.hold === 'all' || (frame.hold === 'partial' && outcome !== 'parsed'))) return false;
    if (outcome === 'incomplete') return undefined;
    this.#count(end - start);
    harbor.write(source, start, end, header, peer, marks, direct ? frame.harborFlags : 0);
    return true;
  }

  #count(bytes: number): void {
    const { counters } = this.#context;
    counters.records++;
    counters.bytes += bytes;
  }

  #writeParsed(
    source: Source,
    start: number,
    end: number,
    peer: json.Peer,
    marks: FrameMarks,
    otherFlags: number,
  ): void {
    const { recorder, counters } = this.#context;
    this.#count(end - start);
    const header = this.#header;
    this.#epochMs = this.#time.resolve(header);
    let flags = flagsOf(header, marks) | otherFlags;
    const writer = recorder.open(this.#dataset, end - start);
    writer.lossy = false;
    if (this.#keepOriginal || !header.canonical) writeOriginal(writer, source, start, end);
    this.#time.writeZone(writer, source, header);
    writer.raw(json.TIMESTAMP);
    this.#time.writeText(writer, source, header);
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
    else writeMarks({ writer, header, peer, counters }, source, start, end, flags, marks);
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
      const epochMs = this.#time.resolveLocal(header);
      if (Number.isNaN(epochMs)) return undefined;
      this.#localTime.keep(source, at, nowMs, epochMs, this.#time.offsetMinutes);
    }
    this.#epochMs = this.#localTime.epochMs;
    header.messageStart = keyStart + known.key.bytes.length;
    return known;
  }

  #writeKnown(source: Source, start: number, end: number, peer: json.Peer, known: CachedHeader): void {
    const { recorder, counters } = this.#context;
    this.#count(end - start);
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
      writeMarks({ writer, header, peer, counters }, source, start, end, json.FLAG_INVALID_UTF8, WHOLE);
    } else {
      writer.raw(peer.closed[known.format]!);
    }
    if (known.hostEnd > known.hostStart) recorder.stream('host', known.key, known.hostStart, known.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    recorder.close(this.#epochMs);
  }

  /** Records a line that is as most are. Returns false for any other; then nothing was recorded. */
  #writeUsual(source: Source, start: number, end: number, peer: json.Peer): boolean {
    const header = this.#header;
    const at = parsePriority(source.bytes, start, end, header);
    if (at === start) return false;
    const { recorder, counters } = this.#context;
    const writer = recorder.open(this.#dataset, end - start);
    writer.lossy = false;
    const afterTime = writer.position + json.TIMESTAMP.bytes.length;
    const usual = writeUsualHeader(writer, source, at, end, header);
    // Harbor’s lines have fields of their own.
    if (!usual || (this.#harbor !== undefined && isAuditProgram(source.bytes, header.appStart, header.appEnd))) {
      this.#unusual++;
      return false;
    }
    this.#unusual = 0;
    if (this.#cache.wants(header.timeEnd + 1, header.messageStart)) {
      const timeLength = header.timeEnd - header.timeStart;
      this.#remember(source, header, copyOf(writer.bytes, afterTime + timeLength, writer.position));
    }
    writer.text(source, header.messageStart, end);
    this.#count(end - start);
    if (writer.lossy) writeMarks({ writer, header, peer, counters }, source, start, end, json.FLAG_INVALID_UTF8, WHOLE);
    else writer.raw(peer.closed[RFC_5424]!);
    recorder.stream('host', source, header.hostStart, header.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    recorder.close(header.epochMs);
    return true;
  }

  /** Whether a line should be tried as a usual one: a sender whose lines are not has them tried now and then only. */
  get #maybeUsual(): boolean {
    if (this.#anyProgram) return false;
    if (this.#unusual < UNUSUAL_MAX) return true;
    if (++this.#unusual === UNUSUAL_MAX + UNUSUAL_PASSED_OVER) this.#unusual = 0;
    return false;
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
      audit: isAuditProgram(source.bytes, header.appStart, header.appEnd),
    });
  }
}

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

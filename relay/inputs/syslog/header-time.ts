import { fragment, sourceOf, type LineWriter, type Source } from '../../record/line-writer.ts';
import type { Recorder } from '../../record/recorder.ts';
import { writeIsoTime } from '../../record/time.ts';
import { TIME_ABSOLUTE, TIME_INVALID, TIME_LOCAL, type SyslogHeader } from '../../wire/syslog-header.ts';
import * as json from './fragments.ts';
import { LocalTimeResolver, offsetText, type ZoneOffset } from './local-time.ts';

/** The milliseconds of the years 0 to 9999, which is what can be written. */
const EPOCH_MS_MIN = -62_167_219_200_000;
const EPOCH_MS_MAX = 253_402_300_799_999;

/** `2026-11-22T05:20:10`. */
const SECONDS_LENGTH = 19;

/** Turns the times of headers into moments and into text. */
export class HeaderTime {
  readonly #recorder: Recorder;
  readonly #local: LocalTimeResolver;
  readonly #scratch = sourceOf(Buffer.alloc(32));

  constructor(recorder: Recorder, zone: ZoneOffset) {
    this.#recorder = recorder;
    this.#local = new LocalTimeResolver(zone);
  }

  /** Of the local time resolved last. */
  get offsetMinutes(): number {
    return this.#local.offsetMinutes;
  }

  /** The moment of a header's local time; NaN for one that cannot be written. */
  resolveLocal(header: SyslogHeader): number {
    const ms = this.#local.resolve(header, this.#recorder.nowMs);
    return ms >= EPOCH_MS_MIN && ms <= EPOCH_MS_MAX ? ms : Number.NaN;
  }

  /** The moment of the header: that of its arrival where it has no valid time. */
  resolve(header: SyslogHeader): number {
    if (header.time === TIME_LOCAL) {
      const ms = this.resolveLocal(header);
      if (Number.isNaN(ms)) {
        header.time = TIME_INVALID;
        header.canonical = false;
      } else {
        header.epochMs = ms;
      }
    }
    return header.time >= TIME_ABSOLUTE ? header.epochMs : this.#recorder.nowMs;
  }

  /** `event.timezone`, where the header’s is not UTC. */
  writeZone(writer: LineWriter, source: Source, header: SyslogHeader): void {
    if (header.time === TIME_LOCAL) {
      if (this.#local.offsetMinutes === 0) return;
      writer.raw(json.TIME_ZONE_FIRST);
      writer.raw(fragment(offsetText(this.#local.offsetMinutes)));
      writer.raw(json.QUOTE);
    } else if (header.time === TIME_ABSOLUTE && !header.zulu && hasNumericOffset(source, header)) {
      writer.raw(json.TIME_ZONE_FIRST);
      writer.copy(source, header.timeEnd - 6, header.timeEnd);
      writer.raw(json.QUOTE);
    }
  }

  /** The moment as ISO 8601 in UTC, with as many digits as the header has. */
  writeText(writer: LineWriter, source: Source, header: SyslogHeader): void {
    if (header.time === TIME_ABSOLUTE && header.zulu) writer.copy(source, header.timeStart, header.timeEnd);
    else if (header.time <= TIME_INVALID) writer.raw(this.#recorder.nowText);
    else this.writeMoment(writer, header.epochMs, source, header.fractionStart, header.fractionEnd);
  }

  /** A moment whose fraction of a second is written with the digits given. */
  writeMoment(writer: LineWriter, ms: number, source: Source, fractionStart: number, fractionEnd: number): void {
    writeIsoTime(this.#scratch.bytes, 0, ms);
    writer.copy(this.#scratch, 0, SECONDS_LENGTH);
    if (fractionEnd > fractionStart) {
      writer.byte(0x2e);
      writer.copy(source, fractionStart, fractionEnd);
    }
    writer.byte(0x5a);
  }
}

function hasNumericOffset(source: Source, header: SyslogHeader): boolean {
  const last = source.bytes[header.timeEnd - 1]!;
  return last !== 0x5a && last !== 0x7a;
}

import type { InputCounters } from '../../component/input.ts';
import { writeBase64 } from '../../record/base64.ts';
import type { LineWriter, Source } from '../../record/line-writer.ts';
import { TIME_ABSOLUTE, TIME_INVALID, type SyslogHeader } from '../../wire/syslog-header.ts';
import * as json from './fragments.ts';

/** What framing found odd about a message; see `SyslogFramer`. */
export interface FrameMarks {
  readonly part: number;
  readonly totalBytes: number;
  readonly cut: boolean;
}

/** A message that arrived whole. */
export const WHOLE: FrameMarks = { part: 0, totalBytes: 0, cut: false };

/** The flags of a message whose header has been read. */
export function flagsOf(header: SyslogHeader, marks: FrameMarks): number {
  let flags = 0;
  if (header.time < TIME_ABSOLUTE) {
    if (header.time === TIME_INVALID) flags |= json.FLAG_TIME_INVALID;
    else if (header.unparsed) flags |= json.FLAG_UNPARSED;
    else if (marks.part <= 1) flags |= json.FLAG_TIME_MISSING;
  }
  if (header.priorityInvalid) flags |= json.FLAG_PRIORITY_INVALID;
  if (marks.part > 0) flags |= json.FLAG_SPLIT;
  if (marks.cut) flags |= json.FLAG_CUT;
  return flags;
}

/** A record's line, as it stands between its beginning and its end. */
export interface OpenRecord {
  readonly writer: LineWriter;
  readonly header: SyslogHeader;
  readonly peer: json.Peer;
  readonly counters: InputCounters;
}

/** The end of a record, from behind its message: its sender, and what is odd about it. The raw line is what stands from `start` up to `end`. */
export function writeMarks(
  { writer, header, peer, counters }: OpenRecord,
  source: Source,
  start: number,
  end: number,
  flags: number,
  marks: FrameMarks,
): void {
  writer.raw(peer.open[header.format]!);
  if (flags !== 0) {
    writer.raw(json.flagFragment(flags));
    for (let i = 0; i < json.FLAGS.length; i++) if ((flags & (1 << i)) !== 0) counters.flagged(json.FLAGS[i]!);
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

import { type LineWriter, type Source } from '../../record/line-writer.ts';
import { isEscapable } from '../../wire/syslog-5424.ts';
import { RFC_5424, type SyslogHeader } from '../../wire/syslog-header.ts';
import * as json from './fragments.ts';

/** The raw line. Where it is not UTF-8 this takes it back: then the record gets it in base64. */
export function writeOriginal(writer: LineWriter, source: Source, start: number, end: number): void {
  const before = writer.position;
  writer.raw(json.ORIGINAL);
  writer.text(source, start, end);
  if (writer.lossy) writer.position = before;
  else writer.raw(json.QUOTE);
}

/** The sender’s host and `log.*`, up to where the message begins. */
export function writeHostAndLog(writer: LineWriter, source: Source, header: SyslogHeader): void {
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

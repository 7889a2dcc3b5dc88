import type { Source } from '../record/line-writer.ts';
import { parseRfc3164 } from './syslog-3164.ts';
import { parseRfc5424 } from './syslog-5424.ts';
import { parsePriority, type SyslogHeader } from './syslog-header.ts';

/**
 * Parses one syslog message, of whatever format, into `header`. Never throws and takes time linear in the message. What is not
 * understood stays whole: then `unparsed` is set and all of the line is the message.
 */
export function parseSyslog(source: Source, start: number, end: number, header: SyslogHeader): void {
  const { bytes } = source;
  const at = parsePriority(bytes, start, end, header);
  header.clear(at);
  if (!header.priorityInvalid) {
    const first = at > start && at < end ? bytes[at]! : 0;
    const outcome = first > 0x30 && first <= 0x39 ? parseRfc5424(source, at, end, header) : 'other';
    if (outcome === 'parsed') return;
    if (outcome === 'other') {
      header.version = 0;
      if (parseRfc3164(source, at, end, header)) return;
    }
  }
  header.clear(start);
  header.unparsed = true;
  header.canonical = false;
}

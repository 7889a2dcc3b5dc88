import { fragment, type Source } from '../../record/line-writer.ts';
import type { Flag } from '../../record/recorder.ts';
import { PRIORITY_FRAGMENTS } from '../../record/severity.ts';
import { SYSLOG_FORMATS } from '../../wire/syslog-header.ts';

/** The pieces of JSON between the values, as long as they can be, so that a record is few copies. */

export const ORIGINAL = fragment(',"original":"');
export const TIME_ZONE_FIRST = fragment(',"timezone":"');
export const TIMESTAMP = fragment('},"@timestamp":"');
export const HOST = fragment('","host":{"name":"');
export const APP_NAME = fragment(',"appname":"');
export const PROCESS_ID = fragment(',"procid":"');
export const MESSAGE_ID = fragment(',"msgid":"');
export const VERSION = fragment(',"version":');
export const STRUCTURED_DATA = fragment(',"structured_data":{');
export const LOG_END_MESSAGE = fragment('}},"message":"');
export const MESSAGE = fragment(',"message":"');
export const ID_END = fragment('":{');
export const VALUE_START = fragment('":"');

/** From the time to the priority's fields, where there is no host: `","log":{"level":…`. */
export const LOG_AFTER_TIME = PRIORITY_FRAGMENTS.map((fields) => joined('","log":{', fields, ''));
/** The same where a host's name stands before it. */
export const LOG_AFTER_HOST = PRIORITY_FRAGMENTS.map((fields) => joined('"},"log":{', fields, ''));
/** With the version of RFC 5424. */
export const LOG_5424_AFTER_HOST = PRIORITY_FRAGMENTS.map((fields) => joined('"},"log":{', fields, ',"version":1'));
export const HOST_END = fragment('"}');
export const QUOTE = fragment('"');
export const LOG_WITHOUT_PRIORITY = fragment(',"log":{"syslog":{');

export const FLAGS = [
  'unparsed',
  'invalid_utf8',
  'time_invalid',
  'time_missing',
  'priority_invalid',
  'split',
  'cut',
  'ambiguous',
  'forged',
  'joined',
  'incomplete',
  'time_skewed',
] as const satisfies readonly Flag[];
export const FLAG_UNPARSED = 1;
export const FLAG_INVALID_UTF8 = 2;
export const FLAG_TIME_INVALID = 4;
export const FLAG_TIME_MISSING = 8;
export const FLAG_PRIORITY_INVALID = 16;
export const FLAG_SPLIT = 32;
export const FLAG_CUT = 64;
export const FLAG_AMBIGUOUS = 128;
export const FLAG_FORGED = 256;
export const FLAG_JOINED = 512;
export const FLAG_INCOMPLETE = 1_024;
export const FLAG_TIME_SKEWED = 2_048;
/** The fields of such a line may not be what they seem. */
export const FLAGS_OF_DOUBT = FLAG_AMBIGUOUS | FLAG_FORGED | FLAG_JOINED | FLAG_INCOMPLETE;

const flagFragments: Array<Source | undefined> = [];

/** For a set of flags `,"flags":["…"]`. */
export function flagFragment(set: number): Source {
  return (flagFragments[set] ??= fragment(
    `,"flags":${JSON.stringify(FLAGS.filter((_flag, i) => (set & (1 << i)) !== 0))}`,
  ));
}

export const BYTE_ORDER_MARK = fragment(',"bom":true');
export const PART = fragment(',"part":{"number":');
export const PART_TOTAL_BYTES = fragment(',"total_bytes":');
export const PART_TOTAL_BYTES_ONLY = fragment(',"part":{"total_bytes":');
export const ORIGINAL_BASE64 = fragment(',"original_base64":"');
export const CLOSE = fragment('}');

/** What ends every record of one sender, made once for it: from the message's closing quote to the format. */
export interface Peer {
  readonly address: Source;
  /** For each format, with `spillway` left open. */
  readonly open: readonly Source[];
  /** For each format, with `spillway` closed. */
  readonly closed: readonly Source[];
}

export function peerFragments(address: string, input: string): Peer {
  const tail = (format: string, end: string): Source =>
    fragment(
      `","source":{"ip":${JSON.stringify(address)}},` +
        `"spillway":{"input":${JSON.stringify(input)},"format":"${format}"${end}`,
    );
  return {
    address: fragment(address),
    open: SYSLOG_FORMATS.map((format) => tail(format, '')),
    closed: SYSLOG_FORMATS.map((format) => tail(format, '}')),
  };
}

function joined(before: string, middle: Source, after: string): Source {
  return fragment(before + Buffer.from(middle.bytes).toString() + after);
}

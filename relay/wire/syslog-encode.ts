import { syslogFields, type SyslogFields } from './syslog-fields.ts';

/**
 * Records as syslog messages. A receiver sees exactly one message for each record, whatever the record holds: header fields are cut
 * to what they may hold, structured data is escaped, and where a line end would end the message it is written as `\n`.
 */
export interface SyslogEncoderOptions {
  readonly format: 'rfc5424' | 'rfc3164';
  /** What follows the header: the message's text, or the whole record as JSON. */
  readonly body: 'message' | 'json';
  /** The part of our structured data's name after `@` (RFC 5424 §7.2.2). */
  readonly enterpriseId: string;
  /** Whether control characters are written as escapes; see `escapeControls`. */
  readonly escapes: boolean;
  /** Longer messages are cut, and say so. At least `MESSAGE_BYTES_MIN`. */
  readonly messageBytesMax: number;
}

/** Room for the longest header, our own structured data and the mark of a cut. */
export const MESSAGE_BYTES_MIN = 1_024;

export interface EncodedMessage {
  readonly bytes: Buffer;
  readonly isCut: boolean;
}

/** Encodes a record, given as its line without LF. Throws where that is no JSON object. */
export function encodeSyslog(line: string, options: SyslogEncoderOptions): EncodedMessage {
  const fields = syslogFields(line);
  const text = bodyText(line, fields, options);
  if (options.format === 'rfc3164') return fit(header3164(fields), text, options.messageBytesMax);
  const head = header5424(fields);
  const own = ownElement(fields, options.enterpriseId);
  const others = foreignElements(fields, options);
  const whole = `${head}${own}]${others} `;
  const full = Buffer.from(whole + text);
  if (full.length <= options.messageBytesMax) return { bytes: full, isCut: false };
  // First goes what others put into structured data, where it takes more than half; then the end of the text.
  const kept = Buffer.byteLength(whole) <= options.messageBytesMax / 2 ? others : '';
  return { ...fit(`${head}${own} cut="${full.length}"]${kept} `, text, options.messageBytesMax), isCut: true };
}

/**
 * Writes control characters (tabs aside) and Unicode's line ends as `\n`, `\r`, `\0` or `\u001b`, and a backslash as two, so that
 * the text can be had back.
 */
export function escapeControls(text: string): string {
  return SPECIAL.test(text) ? text.replace(SPECIALS, escapeOne) : text;
}

const CONTROL = '\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f\\u2028\\u2029';
const SPECIAL = new RegExp(`[\\\\${CONTROL}]`);
const SPECIALS = new RegExp(`[\\\\${CONTROL}]`, 'g');
const CONTROLS = new RegExp(`[${CONTROL}]`, 'g');
const SHORT: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\0': '\\0' };

function escapeOne(character: string): string {
  return SHORT[character] ?? unicodeEscape(character);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function bodyText(line: string, fields: SyslogFields, options: SyslogEncoderOptions): string {
  // In JSON text a control character may only stand as such an escape, so this changes nothing but its spelling.
  if (options.body === 'json') return line.replace(CONTROLS, unicodeEscape);
  return options.escapes ? escapeControls(fields.text) : fields.text;
}

/** `<30>1 2026-11-22T05:20:10.123Z web-1 sshd 4711 ID47 ` (RFC 5424 §6.2). */
function header5424(fields: SyslogFields): string {
  const { priority, time, hostname, appname, procid, msgid } = fields;
  return (
    `<${priority}>1 ${time ?? '-'} ${headerField(hostname, 255)} ${headerField(appname, 48)} ` +
    `${headerField(procid, 128)} ${headerField(msgid, 32)} `
  );
}

/** Printable ASCII without spaces, as long as it may be; `-` where there is nothing. */
function headerField(text: string, charsMax: number): string {
  const field = text.slice(0, charsMax).replace(/[^\x21-\x7e]/g, '_');
  return field === '' ? '-' : field;
}

/** `[spillway@32473 id="…" dataset="…"`, still open, so that a receiver can tell repeats. */
function ownElement(fields: SyslogFields, enterpriseId: string): string {
  const id = parameterValue(headerField(fields.id, 64), false);
  const dataset = parameterValue(headerField(fields.dataset, 100), false);
  return `[spillway@${enterpriseId} id="${id}" dataset="${dataset}"`;
}

/** The structured data that the record came with. */
function foreignElements(fields: SyslogFields, options: SyslogEncoderOptions): string {
  const used = new Set([`spillway@${options.enterpriseId}`]);
  let elements = '';
  for (const [id, parameters] of fields.structuredData) {
    const name = freeName(dataName(id), used);
    used.add(name);
    elements += `[${name}`;
    for (const [key, value] of parameters) {
      elements += ` ${dataName(key)}="${parameterValue(value, options.escapes)}"`;
    }
    elements += ']';
  }
  return elements;
}

/** SD-NAME (RFC 5424 §6.3): 1 to 32 printable ASCII characters without `=`, `]`, `"` and spaces. */
function dataName(text: string): string {
  const name = text.slice(0, 32).replace(/[^\x21-\x7e]|[="\]]/g, '_');
  return name === '' ? '_' : name;
}

/** No SD-ID may stand twice in a message. */
function freeName(name: string, used: ReadonlySet<string>): string {
  let free = name;
  for (let n = 2; used.has(free); n++) {
    const suffix = `.${n}`;
    free = name.slice(0, 32 - suffix.length) + suffix;
  }
  return free;
}

/** RFC 5424 §6.3.3. */
function parameterValue(text: string, escapes: boolean): string {
  return (escapes ? escapeControls(text) : text).replace(/["\\\]]/g, '\\$&');
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `<30>Nov 22 05:20:10 web-1 sshd[4711]: ` (RFC 3164 §4.1), the time in UTC. */
function header3164(fields: SyslogFields): string {
  const { priority, timeMs, hostname, appname, procid } = fields;
  const time = new Date(timeMs);
  const day = String(time.getUTCDate()).padStart(2, ' ');
  const stamp = `${MONTHS[time.getUTCMonth()]} ${day} ${/T(.{8})/.exec(time.toISOString())?.[1]}`;
  const tag = headerField(appname.slice(0, 32).replace(/[^\w./-]/g, '_'), 32);
  const process = procid === '' ? '' : `[${procid.slice(0, 64).replace(/[^\w.-]/g, '_')}]`;
  return `<${priority}>${stamp} ${headerField(hostname, 255)} ${tag}${process}: `;
}

/** Puts head and text together; where they are too long, cuts the text between characters and marks it. */
function fit(head: string, text: string, bytesMax: number): EncodedMessage {
  const full = Buffer.from(head + text);
  if (full.length <= bytesMax) return { bytes: full, isCut: false };
  const mark = Buffer.from(` [cut, ${full.length} bytes]`);
  let end = bytesMax - mark.length;
  while ((full[end]! & 0xc0) === 0x80) end--;
  return { bytes: Buffer.concat([full.subarray(0, end), mark]), isCut: true };
}

export type Framing = 'octet_counting' | 'lf';

/** Puts a message on a stream (RFC 6587 §3.4.1 and §3.4.2). For `lf` the message must have been encoded with escapes. */
export function frameSyslog(message: Buffer, framing: Framing): Buffer {
  return framing === 'lf' ? Buffer.concat([message, LF]) : Buffer.concat([Buffer.from(`${message.length} `), message]);
}

const LF = Buffer.from('\n');

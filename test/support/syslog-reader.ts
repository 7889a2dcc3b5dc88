/** A small receiver for syslog, strict where the RFCs are, to read back what the relay sends. Knows nothing of the relay's own code. */

export interface ReadMessage {
  readonly priority: number;
  readonly time: string;
  readonly hostname: string;
  readonly appname: string;
  readonly procid: string;
  readonly msgid: string;
  readonly structuredData: ReadonlyArray<{
    readonly id: string;
    readonly parameters: ReadonlyArray<readonly [string, string]>;
  }>;
  readonly text: string;
}

/** RFC 6587 §3.4.1. Throws where the stream is anything else but whole frames. */
export function readOctetCounted(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const space = stream.indexOf(0x20, at);
    const count = stream.toString('latin1', at, space);
    if (!/^[1-9]\d{0,9}$/.test(count)) throw new Error(`"${count.slice(0, 20)}" is no count`);
    const end = space + 1 + Number(count);
    if (end > stream.length) throw new Error('the last frame is not whole');
    frames.push(stream.subarray(space + 1, end));
    at = end;
  }
  return frames;
}

/** RFC 6587 §3.4.2, as the sloppiest receiver would: LF, CR and NUL all end a message. */
export function readLines(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let start = 0;
  for (let at = 0; at < stream.length; at++) {
    if (stream[at] !== 0x0a && stream[at] !== 0x0d && stream[at] !== 0) continue;
    frames.push(stream.subarray(start, at));
    start = at + 1;
  }
  if (start < stream.length) throw new Error('the last line is not whole');
  return frames;
}

/** RFC 5424 §6, with its limits. Throws where the message breaks them. */
export function read5424(frame: Buffer): ReadMessage {
  const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(frame);
  const header =
    /^<(0|[1-9]\d{0,2})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /.exec(
      whole,
    );
  if (header === null) throw new Error(`no header of RFC 5424: ${JSON.stringify(whole.slice(0, 100))}`);
  const [head, priority, time = '', hostname = '', appname = '', procid = '', msgid = ''] = header;
  if (Number(priority) > 191) throw new Error('no priority');
  const data = readStructuredData(whole, head.length);
  if (whole[data.end] !== ' ') throw new Error('no space before the text');
  const text = whole.slice(data.end + 1);
  return { priority: Number(priority), time, hostname, appname, procid, msgid, structuredData: data.elements, text };
}

function readStructuredData(whole: string, start: number): { elements: ReadMessage['structuredData']; end: number } {
  if (whole[start] === '-') return { elements: [], end: start + 1 };
  const elements: Array<{ id: string; parameters: Array<readonly [string, string]> }> = [];
  let at = start;
  while (whole[at] === '[') {
    const id = nameAt(whole, at + 1);
    at += 1 + id.length;
    const parameters: Array<readonly [string, string]> = [];
    while (whole[at] === ' ') {
      const name = nameAt(whole, at + 1);
      at += 1 + name.length;
      if (whole.slice(at, at + 2) !== '="') throw new Error('no value');
      let value = '';
      for (at += 2; whole[at] !== '"'; at++) {
        if (at >= whole.length || whole[at] === ']') throw new Error('the value does not end');
        if (whole[at] === '\\' && /["\\\]]/.test(whole[at + 1] ?? '')) at++;
        value += whole[at];
      }
      at++;
      parameters.push([name, value]);
    }
    if (whole[at] !== ']') throw new Error('the element does not end');
    at++;
    if (elements.some((element) => element.id === id)) throw new Error(`the element ${id} stands twice`);
    elements.push({ id, parameters });
  }
  if (elements.length === 0) throw new Error('no structured data');
  return { elements, end: at };
}

function nameAt(whole: string, start: number): string {
  const name = /^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}/.exec(whole.slice(start, start + 40))?.[0];
  if (name === undefined) throw new Error('no name');
  return name;
}

/** Undoes the relay's escapes: `\\`, `\n`, `\r`, `\0`, `\u001b`. */
export function unescapeControls(text: string): string {
  return text.replace(/\\(\\|n|r|0|u([0-9a-f]{4}))/g, (_whole, kind: string, code: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return { '\\': '\\', n: '\n', r: '\r', '0': '\0' }[kind] ?? kind;
  });
}

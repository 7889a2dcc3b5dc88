import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { pack } from '../../support/msgpack.ts';

/** One line of a file, as it is about to be sent. */
export interface TailedLine {
  readonly file: string;
  /** Of the line's first byte in the file. */
  readonly offset: number;
  /** Without its line end. */
  readonly log: Buffer;
}

export type ChunkFormat = 'msgpack' | 'json' | 'forward';

/** The body of one request or message. It never changes, however often it is sent. */
export interface Chunk {
  readonly body: Buffer;
  readonly records: number;
  /** `forward` only: what the ack must repeat. */
  readonly id: string;
}

const TAG = 'runner.pages';

/** What a plugin of Fluent Bit adds to each record, such as `host`. */
export type SenderFields = Readonly<Record<string, unknown>>;

/** As Fluent Bit 5.1 writes them: see the captures in test/vectors/fluent-bit. */
export function encodeChunk(
  format: ChunkFormat,
  lines: readonly TailedLine[],
  nowMs: number,
  fields: SenderFields = {},
): Chunk {
  if (format === 'json') {
    const added = Object.entries(fields)
      .map(([name, value]) => `,"${name}":${asciiJson(value)}`)
      .join('');
    const records = lines.map(({ file, offset, log }) => {
      const date = (nowMs / 1_000).toFixed(6);
      return `{"date":${date},"file":${asciiJson(file)},"offset":${offset},"log":${jsonOf(log)}${added}}`;
    });
    return { body: Buffer.from(`[${records.join(',')}]`), records: lines.length, id: '' };
  }
  const entries = Buffer.concat(lines.flatMap((line) => entryOf(line, nowMs, fields)));
  if (format === 'msgpack') return { body: entries, records: lines.length, id: '' };
  const id = createHash('sha512').update(entries).digest().subarray(0, 16).toString('base64');
  const head = Buffer.concat([Buffer.from([0x93]), text(Buffer.from(TAG)), array32(lines.length)]);
  const options = Buffer.concat([
    Buffer.from([0x83]),
    text(Buffer.from('chunk')),
    text(Buffer.from(id)),
    text(Buffer.from('size')),
    uint32(lines.length),
    text(Buffer.from('fluent_signal')),
    Buffer.from([0]),
  ]);
  return { body: Buffer.concat([head, entries, options]), records: lines.length, id };
}

/** `[[EventTime, {}], {record}]`, with the long headers that Fluent Bit uses for maps. */
function entryOf({ file, offset, log }: TailedLine, nowMs: number, fields: SenderFields): Buffer[] {
  const added = Object.entries(fields).map(([name, value]) => pack(name, value));
  const head = Buffer.alloc(22);
  head.set([0x92, 0x92, 0xd7, 0x00]);
  head.writeUInt32BE(Math.floor(nowMs / 1_000), 4);
  head.writeUInt32BE((nowMs % 1_000) * 1_000_000, 8);
  head[12] = 0xdf;
  head[17] = 0xdf;
  head.writeUInt32BE(3 + added.length, 18);
  const place = Buffer.alloc(9);
  place[0] = 0xcf;
  place.writeBigUInt64BE(BigInt(offset), 1);
  return [head, key.file, text(Buffer.from(file)), key.offset, place, key.log, text(log), ...added];
}

const key = { file: text(Buffer.from('file')), offset: text(Buffer.from('offset')), log: text(Buffer.from('log')) };

function text(bytes: Buffer): Buffer {
  const { length } = bytes;
  if (length < 32) return Buffer.concat([Buffer.from([0xa0 | length]), bytes]);
  const header = Buffer.alloc(5);
  header[0] = 0xdb;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

function array32(count: number): Buffer {
  const header = Buffer.alloc(5);
  header[0] = 0xdd;
  header.writeUInt32BE(count, 1);
  return header;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = 0xce;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

/** Everything beyond ASCII as `\uXXXX`. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A byte that is not UTF-8 becomes an unescaped character of the private range U+E0NN. */
function jsonOf(log: Buffer): string {
  if (isUtf8(log)) return asciiJson(log.toString());
  const parts: string[] = [];
  for (let from = 0; from < log.length;) {
    const length = [4, 3, 2, 1].find((count) => from + count <= log.length && isUtf8(log.subarray(from, from + count)));
    if (length === undefined) parts.push(String.fromCharCode(0xe000 + log[from]!));
    else parts.push(asciiJson(log.toString('utf8', from, from + length)).slice(1, -1));
    from += length ?? 1;
  }
  return `"${parts.join('')}"`;
}

import { isUtf8 } from 'node:buffer';
import type { Source } from '../../record/line-writer.ts';
import type { SenderOrigin } from '../../record/sender-marks.ts';
import type { SenderRecordWriter } from '../../record/sender-record.ts';
import { JsonRecordReader, writeTextLines } from '../../wire/ndjson.ts';
import { MsgpackRecordReader } from '../../wire/msgpack-records.ts';
import type { BodyRequest, RouteFamily, RouteMatch } from './routes.ts';

/** What a body is: JSON with one record a line, JSON in any other arrangement, MessagePack, or lines of text. */
export type BodyFormat = 'json_lines' | 'json' | 'msgpack' | 'text';

const INGEST = '/ingest';

/** `POST /` and `/ingest`, for any format; what follows `/ingest/` is the tag. */
export class IngestRoutes implements RouteFamily {
  readonly #writer: SenderRecordWriter;
  readonly #json: JsonRecordReader;
  readonly #msgpack: MsgpackRecordReader;

  constructor(writer: SenderRecordWriter) {
    this.#writer = writer;
    this.#json = new JsonRecordReader(writer);
    this.#msgpack = new MsgpackRecordReader(writer);
  }

  match(path: string): RouteMatch | undefined {
    if (path === '/' || path === INGEST || path === `${INGEST}/`) return { tag: undefined };
    if (!path.startsWith(`${INGEST}/`)) return undefined;
    return { tag: decodePath(path.slice(INGEST.length + 1)) };
  }

  write({ body, isPacked, contentType, dialect, tag, peer }: BodyRequest): number {
    const end = body.bytes.length;
    if (isPacked) return this.#writer.writeText({ source: body, start: 0, end }, { format: 'text', tag, peer }, true);
    const format = formatOf(contentType, body.bytes);
    const origin: SenderOrigin = { format: format === 'json_lines' ? 'json' : format, tag, peer };
    switch (format) {
      case 'text':
        return writeTextLines(this.#writer, body, 0, end, origin);
      case 'msgpack':
        return this.#msgpack.write(body, 0, end, origin);
      default:
        return this.#json.write(body, bomLength(body), end, format === 'json' ? 'stream' : 'lines', dialect, origin);
    }
  }
}

/** The format that the Content-Type names or, where it names none of ours, that the first bytes look like. */
export function formatOf(contentType: string, body: Uint8Array): BodyFormat {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (/^application\/(x-)?(ndjson|jsonl|jsonlines|json-lines|json-seq)$/.test(type)) return 'json_lines';
  if (/^application\/(.+\+)?json$/.test(type)) return 'json';
  if (/^application\/(x-|vnd\.)?msgpack$/.test(type)) return 'msgpack';
  if (type === 'text/plain') return 'text';
  return sniff(body);
}

function sniff(body: Uint8Array): BodyFormat {
  let at = 0;
  while (at < body.length && isSpace(body[at]!)) at++;
  if (body[at] === 0x7b || body[at] === 0x5b) return 'json';
  // A map or an array of MessagePack begins with a byte that begins no character of UTF-8.
  const first = body[0] ?? 0;
  const isContainer = (first >= 0x80 && first < 0xa0) || (first >= 0xdc && first <= 0xdf);
  return isContainer && !isUtf8(body.subarray(0, 64)) ? 'msgpack' : 'text';
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** RFC 8259 §8.1 lets a reader pass over a byte order mark. */
function bomLength({ bytes }: Source): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

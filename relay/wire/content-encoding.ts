import { promisify } from 'node:util';
import { constants, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';
import { RelayError } from '../errors.ts';
import { SNAPPY_TOO_LARGE, unpackSnappy } from './snappy.ts';

export type ContentEncoding = 'identity' | 'gzip' | 'deflate' | 'zstd' | 'snappy';

const ENCODINGS: Readonly<Record<string, ContentEncoding>> = {
  '': 'identity',
  identity: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  zstd: 'zstd',
  snappy: 'snappy',
};

/** A zstd window takes this much memory (16 MiB) before a byte comes out; no level below 20 asks for more than 8 MiB. */
const ZSTD_WINDOW_LOG_MAX = 24;

/**
 * The encoding that a Content-Encoding header names; undefined for one that is not spoken here and for several of them, one inside
 * the other, which no sender of logs needs and a bomb does.
 */
export function contentEncodingOf(header: string | undefined): ContentEncoding | undefined {
  const name = (header ?? '').trim().toLowerCase();
  return Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name] : undefined;
}

/**
 * Unpacks a body, outside the main thread. Throws `INPUT_TOO_LARGE` as soon as more than `bytesMax` bytes come out of it, and
 * `INPUT_UNDECODABLE` where it is not what it says it is.
 */
export async function unpackBody(body: Buffer, encoding: ContentEncoding, bytesMax: number): Promise<Buffer> {
  if (encoding === 'identity') return body;
  if (encoding === 'snappy') return unpackSnappyBody(body, bytesMax);
  try {
    return await unpackers[encoding](body, bytesMax);
  } catch (cause) {
    const tooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    if (tooLarge) throw tooLargeError(bytesMax);
    throw new RelayError('INPUT_UNDECODABLE', `the body is not ${encoding}`, { cause });
  }
}

function unpackSnappyBody(body: Buffer, bytesMax: number): Buffer {
  const unpacked = unpackSnappy(body, bytesMax);
  if (unpacked === SNAPPY_TOO_LARGE) throw tooLargeError(bytesMax);
  if (typeof unpacked === 'string') throw new RelayError('INPUT_UNDECODABLE', 'the body is not snappy');
  return unpacked;
}

function tooLargeError(bytesMax: number): RelayError {
  return new RelayError('INPUT_TOO_LARGE', `the body unpacks to more than ${bytesMax} bytes`);
}

const gunzipAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);
const inflateAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate);
const inflateRawAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);
const zstdAsync = promisify<Buffer, { maxOutputLength: number; params: Record<number, number> }, Buffer>(
  zstdDecompress,
);

const unpackers = {
  gzip: (body: Buffer, bytesMax: number) => gunzipAsync(body, { maxOutputLength: bytesMax }),
  // RFC 9110 §8.4.1.2 means the zlib format; some senders mean raw deflate.
  deflate: (body: Buffer, bytesMax: number) =>
    (isZlib(body) ? inflateAsync : inflateRawAsync)(body, { maxOutputLength: bytesMax }),
  zstd: (body: Buffer, bytesMax: number) =>
    zstdAsync(body, {
      maxOutputLength: bytesMax,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    }),
};

/** RFC 1950 §2.2: method 8, and the first two bytes as a number divide by 31. */
function isZlib(body: Buffer): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export type Encoding = 'plain' | 'zstd';

/** Below this, compressing costs more than it saves; such batches are merged, and compressed then. */
const COMPRESS_BYTES_MIN = 1_024;

export interface Payload {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

export function encodePayload(lines: Uint8Array, level: number): Payload {
  if (lines.length < COMPRESS_BYTES_MIN) return { encoding: 'plain', bytes: lines };
  const bytes = zstdCompressSync(lines, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  return { encoding: 'zstd', bytes };
}

/** The lines in a payload. Throws where it is damaged, or would unpack to another size than it should. */
export function decodePayload(payload: Uint8Array, encoding: string, lineBytes: number): Buffer {
  const lines =
    encoding === 'zstd'
      ? zstdDecompressSync(payload, { maxOutputLength: Math.max(lineBytes, 1) })
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (lines.length !== lineBytes)
    throw new Error(`a payload holds ${lines.length} bytes where ${lineBytes} were written`);
  return lines;
}

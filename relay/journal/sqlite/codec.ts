import { zstdDecompressSync } from 'node:zlib';
import { Compressor } from './compressor.ts';

export type Encoding = 'plain' | 'zstd';

/** Below this, compressing costs more than it saves; such batches are merged, and compressed then. */
const COMPRESS_BYTES_MIN = 1_024;

/** One for each level that was asked for: there are 19. */
const compressors = new Map<number, Compressor>();

export interface Payload {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

export function encodePayload(lines: Uint8Array, level: number): Payload {
  if (lines.length < COMPRESS_BYTES_MIN) return { encoding: 'plain', bytes: lines };
  let compressor = compressors.get(level);
  if (compressor === undefined) {
    compressor = new Compressor(level);
    compressors.set(level, compressor);
  }
  return { encoding: 'zstd', bytes: compressor.compress(lines) };
}

/** The lines in a payload. Throws where it is damaged, or would unpack to another size than it should. */
export function decodePayload(payload: Uint8Array, encoding: string, lineBytes: number): Buffer {
  const lines =
    encoding === 'zstd'
      ? zstdDecompressSync(payload, {
          maxOutputLength: Math.max(lineBytes, 1),
          chunkSize: outputChunkBytes(lineBytes),
        })
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (lines.length !== lineBytes)
    throw new Error(`a payload holds ${lines.length} bytes where ${lineBytes} were written`);
  return lines;
}

/** The library allocates its output in pieces of this size; one that fits saves it from joining many. At least 64 by its rules. */
function outputChunkBytes(expected: number): number {
  return Math.max(1_024, Math.ceil(expected));
}

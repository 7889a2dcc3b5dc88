import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';

const decompressors = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) };
const PIECE_BYTES = 256 * 1024;

export type Unpacked = Buffer | 'too_large' | 'damaged';

/**
 * Decompresses payloads, one after the other however many connections ask, so that many bombs at once need no more memory
 * than one. The work itself is done in another thread.
 */
export class Unpacker {
  readonly #bytesMax: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** `gzip` may be several members one after the other. Stops at the limit before more is unpacked. Never rejects. */
  unpack(bytes: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Unpacked> {
    const unpacked = this.#last.then(() => this.#run(bytes, compression));
    this.#last = unpacked;
    return unpacked;
  }

  async #run(bytes: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Unpacked> {
    try {
      return await decompressors[compression](bytes, { maxOutputLength: this.#bytesMax, chunkSize: PIECE_BYTES });
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
        ? 'too_large'
        : 'damaged';
    }
  }
}

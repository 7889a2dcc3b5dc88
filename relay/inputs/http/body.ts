import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '../../io/clock.ts';

/** Why there is no body: it is larger than allowed, there is no memory for it now, or its sender went away. */
export type BodyFailure = 'too_large' | 'no_room' | 'aborted';

/** A body that has been arriving for longer than this gives way when memory is short. */
export const PATIENCE_MS = 5_000;

interface Arriving {
  readonly sinceMs: number;
  fail(failure: BodyFailure): void;
}

/**
 * Reads the bodies of requests into memory, which all of them share: what they hold together is bounded. Memory is taken as bytes arrive,
 * not as they are announced: a client that promises much and sends nothing holds nothing. When memory is short, bodies that
 * have been arriving for long make room first, so that slow clients cannot shut out the others.
 */
export class BodyReader {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #heldBytesMax: number;
  /** In the order in which they began. */
  readonly #arriving = new Set<Arriving>();
  #heldBytes = 0;

  constructor({ clock, bytesMax, heldBytesMax }: { clock: Clock; bytesMax: number; heldBytesMax: number }) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
    this.#heldBytesMax = heldBytesMax;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Reads one body. The caller calls `release` with it once it is done with it; after a failure nothing is held. */
  read(request: Readable): Promise<Buffer | BodyFailure> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const settle = (result: Buffer | BodyFailure): void => {
        if (!this.#arriving.delete(arriving)) return;
        if (typeof result === 'string') this.#heldBytes -= length;
        resolve(result);
        chunks.length = 0;
      };
      const arriving: Arriving = { sinceMs: this.#clock.monotonicMs(), fail: settle };
      this.#arriving.add(arriving);
      request.on('data', (chunk: Buffer) => {
        if (!this.#arriving.has(arriving)) return;
        if (length + chunk.length > this.#bytesMax) return settle('too_large');
        if (!this.#take(chunk.length)) return settle('no_room');
        length += chunk.length;
        chunks.push(chunk);
      });
      request.on('end', () => settle(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
      request.on('error', () => settle('aborted'));
      request.on('close', () => settle('aborted'));
    });
  }

  release(body: Buffer): void {
    this.#heldBytes -= body.length;
  }

  #take(bytes: number): boolean {
    const tooLongSinceMs = this.#clock.monotonicMs() - PATIENCE_MS;
    for (const arriving of this.#arriving) {
      if (this.#heldBytes + bytes <= this.#heldBytesMax || arriving.sinceMs > tooLongSinceMs) break;
      arriving.fail('no_room');
    }
    if (this.#heldBytes + bytes > this.#heldBytesMax) return false;
    this.#heldBytes += bytes;
    return true;
  }
}

/**
 * Reads and forgets what is left of a body after its answer, so that the sender gets to see the answer instead of a reset; past
 * `bytesMax` the connection is cut all the same.
 */
export function discardBody(request: IncomingMessage, bytesMax: number): void {
  let length = 0;
  request.on('error', () => {});
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > bytesMax) request.socket.destroy();
  });
  request.resume();
}

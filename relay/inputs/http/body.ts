import type { IncomingMessage } from 'node:http';

/** What all requests together may hold in memory. */
export class ByteBudget {
  readonly #bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#bytesMax) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Why there is no body: it is larger than allowed, there is no memory for it now, or its sender went away. */
export type BodyFailure = 'too_large' | 'no_room' | 'aborted';

/**
 * Reads a request's body. Memory is taken from the budget as bytes arrive, not as they are announced: a client that promises much
 * and sends nothing holds nothing. On success the caller gives the body's length back to the budget; on failure nothing is held.
 */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  budget: ByteBudget,
): Promise<Buffer | BodyFailure> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    const fail = (failure: BodyFailure): void => {
      if (settled) return;
      settled = true;
      budget.give(length);
      chunks.length = 0;
      resolve(failure);
    };
    request.on('data', (chunk: Buffer) => {
      if (settled) return;
      if (length + chunk.length > bytesMax) return fail('too_large');
      if (!budget.take(chunk.length)) return fail('no_room');
      length += chunk.length;
      chunks.push(chunk);
    });
    request.on('end', () => {
      if (settled) return;
      settled = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    });
    request.on('error', () => fail('aborted'));
    request.on('close', () => fail('aborted'));
  });
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

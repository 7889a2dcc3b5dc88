import type { WebSocket } from 'ws';
import { describeError, RelayError } from '../errors.ts';
import type { TailGroup } from '../query/tail-messages.ts';
import type { Tails } from '../query/tails.ts';

/** Bytes that wait for a browser to read them; beyond, it is told later how many records it missed. */
const WAITING_BYTES_MAX = 262_144;

/** One who watches. */
export class TailSession {
  readonly #socket: WebSocket;
  readonly #tails: Tails;
  #missed = 0;
  #skipped = 0;
  /** Counts what was asked for, since answers may come in another order. */
  #asked = 0;
  #end: () => void = () => {};
  #paused = false;

  constructor(socket: WebSocket, tails: Tails) {
    this.#socket = socket;
    this.#tails = tails;
  }

  /** Watches what a query means, instead of what was watched before. */
  follow(query: string): void {
    const asked = ++this.#asked;
    const sink = {
      show: (group: TailGroup | undefined, skipped: number) => {
        if (asked === this.#asked) this.#show(group, skipped);
      },
      failed: (error: unknown) => this.#fail(error),
    };
    this.#tails.follow(query, sink).then(
      (end) => {
        if (asked !== this.#asked) return end();
        this.#end();
        this.#end = end;
        this.#send(JSON.stringify({ type: 'following', q: query }));
      },
      (error: unknown) => {
        if (asked === this.#asked) this.#tellError(error);
      },
    );
  }

  end(): void {
    this.#asked++;
    this.#end();
    this.#end = () => {};
  }

  /** Records are counted from now on, and not sent. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  #show(group: TailGroup | undefined, skipped: number): void {
    this.#skipped += skipped;
    this.#missed += group?.missed ?? 0;
    if (this.#paused || this.#socket.bufferedAmount > WAITING_BYTES_MAX) {
      this.#missed += group?.shown ?? 0;
      return;
    }
    this.#send(frame(group, this.#missed, this.#skipped));
    this.#missed = 0;
    this.#skipped = 0;
  }

  #fail(error: unknown): void {
    this.#tellError(error);
    this.#socket.close(1011, 'begin again');
  }

  #tellError(error: unknown): void {
    const code = error instanceof RelayError ? error.code : 'SEARCH_BUSY';
    this.#send(JSON.stringify({ type: 'error', code, message: describeError(error) }));
  }

  #send(text: string | Buffer): void {
    this.#socket.send(text, { binary: false });
  }
}

/** Made once for all who get the same. */
const frames = new WeakMap<TailGroup, { readonly head: string; readonly bytes: Buffer }>();

function frame(group: TailGroup | undefined, missed: number, skipped: number): Buffer {
  const head = `{"type":"records","missed":${missed},"skipped":${skipped},"records":`;
  const known = group === undefined ? undefined : frames.get(group);
  if (known?.head === head) return known.bytes;
  const bytes = Buffer.from(`${head}${group?.records ?? '[]'}}`);
  if (group !== undefined) frames.set(group, { head, bytes });
  return bytes;
}

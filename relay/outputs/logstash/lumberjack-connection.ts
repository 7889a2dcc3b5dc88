import type { Socket } from 'node:net';
import { RelayError } from '../../errors.ts';
import type { Timer } from '../../io/clock.ts';
import { networkError } from '../../io/network-error.ts';
import { AckReader, encodeWindow } from '../../wire/lumberjack.ts';
import { givenUp, openSocket, type Target } from './target.ts';

export interface LumberjackConnectionOptions {
  readonly target: Target;
  /** Windows that may be unacknowledged at a time. */
  readonly windowsInFlightMax: number;
  /** Bytes of records, uncompressed, that may be unacknowledged at a time. One window may go beyond it alone. */
  readonly bytesInFlightMax: number;
  /** While something is unacknowledged, the server must send an ack of any kind at least this often. */
  readonly ackTimeoutMs: number;
  /** Called once, when the connection can no longer be used. */
  readonly onEnded: (end: ConnectionEnd) => void;
}

export interface ConnectionEnd {
  readonly error: RelayError;
  /** The first record of the oldest window that was sent and not acknowledged, where it was the server that hung up on it. */
  readonly hungUpAtSeq: number | undefined;
}

export interface Window {
  readonly firstSeq: number;
  readonly records: number;
  /** Of the records, uncompressed. */
  readonly bytes: number;
  /** The frames to write. Called when there is a connection, for several windows at a time. */
  readonly encode: () => Promise<readonly Buffer[]>;
}

interface PendingWindow extends Window {
  frames: Promise<readonly Buffer[]> | undefined;
  readonly resolve: () => void;
  readonly reject: (error: RelayError) => void;
}

/**
 * One lumberjack connection: windows go out in the order of `send`, several before the first is acknowledged, and each call resolves
 * with its window's ack. It connects by itself; once it has failed, all that was not acknowledged is rejected, and it stays failed.
 */
export class LumberjackConnection {
  readonly #options: LumberjackConnectionOptions;
  readonly #acks = new AckReader();
  readonly #abort = new AbortController();
  /** Not written yet. */
  readonly #waiting: PendingWindow[] = [];
  /** Written, not acknowledged, oldest first. */
  readonly #inFlight: PendingWindow[] = [];
  #bytesInFlight = 0;
  #socket: Socket | undefined;
  #pumping = false;
  /** The server said that it is alive and busy. It goes on reading whatever it is sent until its memory is full: we must hold back. */
  #held = false;
  #ackTimer: Timer | undefined;
  #pong: (() => void) | undefined;
  #failure: RelayError | undefined;

  constructor(options: LumberjackConnectionOptions) {
    this.#options = options;
  }

  /** Resolves when the server has acknowledged the window. Rejects with a `retry` error, or as the encoding failed. */
  send(window: Window): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const pending: PendingWindow = { ...window, frames: undefined, resolve, reject };
      this.#waiting.push(pending);
      if (this.#socket !== undefined) void framesOf(pending);
      void this.#pump();
    });
  }

  /**
   * Connects and asks for a sign of life with an empty window. True if the server answered, false if it stayed connected without a
   * word, as go-lumber's does; rejects where it hung up. Not to be called while windows are in flight.
   */
  async ping(timeoutMs: number): Promise<boolean> {
    await this.#connect();
    let timer: Timer | undefined;
    const answered = await new Promise<boolean>((resolve) => {
      timer = this.#options.target.clock.after(timeoutMs, () => resolve(false));
      this.#abort.signal.addEventListener('abort', () => resolve(false));
      this.#pong = () => resolve(true);
      this.#socket?.write(encodeWindow(Buffer.alloc(0), 0));
    });
    timer?.cancel();
    this.#pong = undefined;
    if (this.#failure !== undefined) throw this.#failure;
    return answered;
  }

  /** Drops the connection; what was not acknowledged is rejected. */
  close(): void {
    this.#fail(givenUp(this.#options.target), false);
  }

  /** Writes what may be written, in order. Runs at most once at a time; whatever lets more be written calls it again. */
  async #pump(): Promise<void> {
    if (this.#pumping || this.#failure !== undefined) return;
    this.#pumping = true;
    try {
      const socket = await this.#connect();
      for (const window of this.#waiting) void framesOf(window);
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        const frames = await framesOf(next);
        // While it was compressed, the server may have asked to wait, or be gone.
        if (this.#failure !== undefined || this.#next() !== next) break;
        this.#write(socket, next, frames);
      }
    } catch (error) {
      this.#fail(networkError(error, this.#options.target.url, 'use'), false);
    } finally {
      this.#pumping = false;
    }
  }

  /** The window to write now, if there is one and it may be written. */
  #next(): PendingWindow | undefined {
    const { windowsInFlightMax, bytesInFlightMax } = this.#options;
    const window = this.#waiting[0];
    if (window === undefined || this.#inFlight.length === 0) return window;
    if (this.#held || this.#inFlight.length >= windowsInFlightMax) return undefined;
    return this.#bytesInFlight + window.bytes > bytesInFlightMax ? undefined : window;
  }

  #write(socket: Socket, window: PendingWindow, frames: readonly Buffer[]): void {
    this.#waiting.shift();
    this.#inFlight.push(window);
    this.#bytesInFlight += window.bytes;
    if (this.#inFlight.length === 1) this.#expectAck();
    socket.cork();
    for (const frame of frames) socket.write(frame);
    socket.uncork();
  }

  async #connect(): Promise<Socket> {
    if (this.#socket !== undefined) return this.#socket;
    const { target } = this.#options;
    const socket = await openSocket(target, this.#abort.signal);
    if (this.#failure !== undefined) {
      socket.destroy();
      throw this.#failure;
    }
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(networkError(error, target.url, 'use'), true));
    const ended = (): void =>
      this.#fail(new RelayError('OUTPUT_CONNECTION_LOST', `${target.url} closed the connection`), true);
    socket.on('end', ended).on('close', ended);
    return socket;
  }

  #read(chunk: Buffer): void {
    try {
      this.#acks.push(chunk, (seq) => this.#acked(seq));
    } catch (error) {
      this.#fail(networkError(error, this.#options.target.url, 'use'), false);
      return;
    }
    void this.#pump();
  }

  /** Any ack shows that the server lives. One of a window's last record ends it; a lower one is progress; 0 is none. */
  #acked(seq: number): void {
    const oldest = this.#inFlight[0];
    if (seq === 0) {
      this.#pong?.();
      this.#held = oldest !== undefined;
      if (oldest !== undefined) this.#expectAck();
      return;
    }
    if (oldest === undefined || seq > oldest.records) {
      throw new RelayError('OUTPUT_PROTOCOL', `${this.#options.target.url} acknowledged more than it was sent`);
    }
    this.#held = false;
    if (seq === oldest.records) {
      this.#inFlight.shift();
      this.#bytesInFlight -= oldest.bytes;
      oldest.resolve();
    }
    if (this.#inFlight.length > 0) this.#expectAck();
    else this.#ackTimer?.cancel();
  }

  #expectAck(): void {
    const { target, ackTimeoutMs } = this.#options;
    this.#ackTimer?.cancel();
    this.#ackTimer = target.clock.after(ackTimeoutMs, () =>
      this.#fail(
        new RelayError('OUTPUT_TIMEOUT', `no acknowledgement from ${target.url} for ${ackTimeoutMs} ms`),
        false,
      ),
    );
  }

  #fail(error: RelayError, byPeer: boolean): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#ackTimer?.cancel();
    const hungUpAtSeq = byPeer ? this.#inFlight[0]?.firstSeq : undefined;
    const unsettled = [...this.#inFlight.splice(0), ...this.#waiting.splice(0)];
    this.#abort.abort();
    this.#socket?.destroy();
    this.#options.onEnded({ error, hungUpAtSeq });
    for (const window of unsettled) window.reject(error);
  }
}

/** Encoding begins at the first call, so that several windows are compressed at a time while one is being written. */
function framesOf(window: PendingWindow): Promise<readonly Buffer[]> {
  if (window.frames === undefined) {
    window.frames = window.encode();
    // The connection may be gone before anybody waits for it.
    window.frames.catch(() => {});
  }
  return window.frames;
}

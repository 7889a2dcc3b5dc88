import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { Delivery, DeliveryLimits, Output } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { sleep } from '../../io/clock.ts';
import { lineOffsets } from '../../record/lines.ts';
import { compressedWindowHeader, encodeWindow, SHORT_FRAME_BYTES } from '../../wire/lumberjack.ts';
import { LumberjackConnection, type ConnectionEnd, type Window } from './lumberjack-connection.ts';
import { findRefusedRecord, type Outcome } from './refused-record.ts';
import { givenUp, type Target } from './target.ts';

export interface LumberjackOptions {
  readonly target: Target;
  readonly limits: DeliveryLimits;
  /** 0 sends without compression. */
  readonly compressionLevel: number;
  readonly ackTimeoutMs: number;
}

/** So often the server must have hung up on the same records before they are searched for the one that it cannot take. */
const HANG_UPS_BEFORE_SEARCH = 3;
const SEARCH_PAUSE_MS = 500;
/** A server that answers an empty window does so at once. */
const PING_TIMEOUT_MS = 2_000;

const compress = promisify<Buffer, { level: number; chunkSize: number }, Buffer>(deflate);

/**
 * Logstash's beats input. A delivery is one window; its ack says that Logstash has put all of it into its queue.
 *
 * The input answers an event that it cannot parse by resetting the connection, after it has taken those before it, so that the same
 * window fails for ever. When that has happened three times at the same place, the window is sent in ever smaller parts until the
 * record is found. What is stored is always an object in valid UTF-8, so this should be needed for records nested more than 1,000 deep
 * only; it holds for whatever else a server may object to.
 */
export class LumberjackOutput implements Output {
  readonly limits: DeliveryLimits;
  readonly #options: LumberjackOptions;
  #connection: LumberjackConnection | undefined;
  /** Connections that a probe or a search has open for itself. */
  readonly #others = new Set<LumberjackConnection>();
  #hangUps = { atSeq: -1, count: 0 };
  #search: Promise<void> | undefined;

  constructor(options: LumberjackOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    while (this.#search !== undefined) {
      await this.#search.catch((cause: unknown) => {
        throw new RelayError('OUTPUT_CONNECTION_LOST', 'records before these could not be delivered', { cause });
      });
    }
    if (this.#hangUps.atSeq === delivery.firstSeq && this.#hangUps.count >= HANG_UPS_BEFORE_SEARCH) {
      this.#search = this.#deliverSearching(delivery, signal).finally(() => (this.#search = undefined));
      return this.#search;
    }
    if (signal.aborted) throw givenUp(this.#options.target);
    this.#connection ??= this.#open((end) => this.#ended(end));
    await this.#send(this.#connection, delivery, signal);
  }

  async probe(signal: AbortSignal): Promise<void> {
    await this.#apart(signal, (connection) => connection.ping(PING_TIMEOUT_MS));
  }

  async close(): Promise<void> {
    this.#connection?.close();
    for (const connection of this.#others) connection.close();
    await this.#search?.catch(() => {});
  }

  #open(onEnded: (end: ConnectionEnd) => void): LumberjackConnection {
    const { target, limits, ackTimeoutMs } = this.#options;
    return new LumberjackConnection({
      target,
      windowsInFlightMax: limits.inFlightMax,
      bytesInFlightMax: limits.bytesMax * limits.inFlightMax,
      ackTimeoutMs,
      onEnded,
    });
  }

  async #send(connection: LumberjackConnection, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const abandon = (): void => connection.close();
    signal.addEventListener('abort', abandon);
    try {
      await connection.send(this.#windowOf(delivery));
      this.#hangUps.count = 0;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  #windowOf({ firstSeq, records, lines }: Delivery): Window {
    const level = this.#options.compressionLevel;
    return {
      firstSeq,
      records,
      bytes: lines.length,
      encode: async () => {
        const plain = encodeWindow(lines, records);
        if (level === 0) return [plain];
        const frames = plain.subarray(SHORT_FRAME_BYTES);
        // Few chunks: each is a trip to the thread pool and back.
        const packed = await compress(frames, { level, chunkSize: Math.max(16_384, frames.length >> 2) });
        return [compressedWindowHeader(records, packed.length), packed];
      },
    };
  }

  /** A server closes connections that are idle, and that is no failure: the next delivery opens one. */
  #ended({ hungUpAtSeq }: ConnectionEnd): void {
    this.#connection = undefined;
    if (hungUpAtSeq === undefined) return;
    const again = hungUpAtSeq === this.#hangUps.atSeq;
    this.#hangUps = { atSeq: hungUpAtSeq, count: again ? this.#hangUps.count + 1 : 1 };
  }

  async #deliverSearching(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.target;
    const { records, lines } = delivery;
    const offsets = lineOffsets(lines, records);
    let serverWorks = false;
    const refused = await findRefusedRecord(
      records,
      async (from, to) => {
        const part = {
          firstSeq: delivery.firstSeq + from,
          records: to - from,
          lines: lines.subarray(offsets[from], offsets[to]),
        };
        const { outcome, answered } = await this.#try(part, signal, to - from === 1 && !serverWorks);
        serverWorks ||= answered || outcome === 'taken';
        return outcome;
      },
      () => sleep(clock, SEARCH_PAUSE_MS, signal),
    );
    this.#hangUps = { atSeq: -1, count: 0 };
    if (refused === undefined) return;
    // A server that hangs up on everybody (a balancer with nothing behind it) refuses no record in particular.
    if (!serverWorks)
      throw new RelayError('OUTPUT_CONNECTION_LOST', `${this.#options.target.url} hangs up on everything`);
    throw new RelayError('OUTPUT_REFUSED_RECORD', 'Logstash resets the connection whenever it is sent this record', {
      recordIndex: refused,
    });
  }

  /** Sends a part over a connection of its own, so that nothing else is in the way of the answer. */
  async #try(
    part: Delivery,
    signal: AbortSignal,
    pingFirst: boolean,
  ): Promise<{ outcome: Outcome; answered: boolean }> {
    let answered = false;
    let hungUp = false;
    try {
      await this.#apart(
        signal,
        async (connection) => {
          if (pingFirst) answered = await connection.ping(PING_TIMEOUT_MS);
          await connection.send(this.#windowOf(part));
        },
        (end) => (hungUp = end.hungUpAtSeq !== undefined),
      );
      return { outcome: 'taken', answered };
    } catch (error) {
      if (hungUp) return { outcome: 'hung_up', answered };
      throw error;
    }
  }

  async #apart(
    signal: AbortSignal,
    use: (connection: LumberjackConnection) => Promise<unknown>,
    onEnded: (end: ConnectionEnd) => void = () => {},
  ): Promise<void> {
    if (signal.aborted) throw givenUp(this.#options.target);
    const connection = this.#open(onEnded);
    const abandon = (): void => connection.close();
    this.#others.add(connection);
    signal.addEventListener('abort', abandon);
    try {
      await use(connection);
    } finally {
      signal.removeEventListener('abort', abandon);
      this.#others.delete(connection);
      connection.close();
    }
  }
}

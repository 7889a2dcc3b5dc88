import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { RelayError } from '../../relay/errors.ts';
import { encodeAck } from '../../relay/wire/lumberjack.ts';
import { inflateFrames, LumberjackFrameReader, type LumberjackFrame } from '../../relay/wire/lumberjack-reader.ts';
import { reset, StandInServer } from './stand-in-server.ts';

export interface LogstashStandInOptions {
  readonly tls?: TlsOptions;
  /** Logstash: 5,000. */
  readonly keepaliveMs?: number;
  /** Logstash: 60,000, its `client_inactivity_timeout`. */
  readonly inactivityMs?: number;
}

/**
 * A stand-in for Logstash's beats input. It does what the real one (logstash-input-beats 7.0.9) was seen to do, mistakes included: no
 * back-pressure while its pipeline stalls, `A 0` instead; a reset, without an ack, at an event it cannot parse, once those before it are
 * taken; a window whose count it forgets. Its own test speaks to it over a bare socket.
 */
export class LogstashStandIn implements AsyncDisposable {
  /** The JSON of each event that went into the "queue", in order, repeats included. */
  readonly accepted: string[] = [];
  /** How many events each batch had. */
  readonly batches: number[] = [];
  /** Bytes read from all connections. */
  bytesRead = 0;
  /** Besides what Logstash itself cannot parse. */
  isPoison: (json: string) => boolean = () => false;
  /** Takes batches, then resets the connection instead of acknowledging them. */
  losesAcks = false;
  /** Reads, and does nothing else for ever; not even a keepalive. */
  isBlackHole = false;
  /** Acknowledges a batch after each so many events, too. The protocol allows it. */
  ackEvery = Number.POSITIVE_INFINITY;
  readonly keepaliveMs: number;
  readonly inactivityMs: number;
  #server: StandInServer | undefined;
  readonly #connections = new Set<BeatsConnection>();
  #stalled = false;

  private constructor({ keepaliveMs = 5_000, inactivityMs = 60_000 }: LogstashStandInOptions) {
    this.keepaliveMs = keepaliveMs;
    this.inactivityMs = inactivityMs;
  }

  static async start(options: LogstashStandInOptions = {}): Promise<LogstashStandIn> {
    const standIn = new LogstashStandIn(options);
    standIn.#server = await StandInServer.start((socket) => standIn.#admit(socket), options.tls);
    return standIn;
  }

  get server(): StandInServer {
    return this.#server!;
  }

  get port(): number {
    return this.server.port;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  /** From now on nothing goes into the queue; connections are read all the same. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    for (const connection of this.#connections) connection.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #admit(socket: Socket): void {
    const connection = new BeatsConnection(socket, this);
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
  }
}

interface Batch {
  size: number;
  readonly events: Array<{ readonly seq: number; readonly json: Buffer }>;
}

class BeatsConnection {
  readonly #socket: Socket;
  readonly #logstash: LogstashStandIn;
  readonly #frames = new LumberjackFrameReader();
  readonly #unread: Buffer[] = [];
  /** As in BeatsParser: undefined between batches. A batch that no window announced has size 0 and is never complete. */
  #batch: Batch | undefined;
  readonly #complete: Batch[] = [];
  readonly #keepalive: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;

  constructor(socket: Socket, logstash: LogstashStandIn) {
    this.#socket = socket;
    this.#logstash = logstash;
    this.#idle = setTimeout(() => this.#reset(), logstash.inactivityMs);
    this.#keepalive = setInterval(() => this.#writerIdle(), logstash.keepaliveMs);
    socket.on('data', (chunk: Buffer) => {
      logstash.bytesRead += chunk.length;
      this.#idle.refresh();
      this.#unread.push(chunk);
      this.run();
    });
    socket.on('close', () => {
      clearTimeout(this.#idle);
      clearInterval(this.#keepalive);
    });
  }

  run(): void {
    const logstash = this.#logstash;
    while (!logstash.isBlackHole && !logstash.isStalled && !this.#socket.destroyed) {
      const batch = this.#complete.shift();
      if (batch !== undefined) {
        this.#process(batch);
        continue;
      }
      const chunk = this.#unread.shift();
      if (chunk === undefined) return;
      this.#parse(chunk);
    }
  }

  #parse(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (frame.type === 'compressed') for (const inner of inflateFrames(frame.payload)) this.#take(inner);
        else this.#take(frame);
      }
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.#reset();
    }
  }

  #take(frame: Exclude<LumberjackFrame, { type: 'compressed' }>): void {
    this.#batch ??= { size: 0, events: [] };
    const batch = this.#batch;
    if (frame.type === 'window') {
      batch.size = frame.count;
      // A batch that was under way ends here, and takes the new window's count with it: that is Logstash's mistake, kept.
      if (batch.events.length > 0 || frame.count === 0) this.#endBatch(batch);
      return;
    }
    if (frame.payload.length === 0) throw new RelayError('INPUT_UNDECODABLE', 'Invalid json length');
    batch.events.push({ seq: frame.seq, json: frame.payload });
    if (batch.events.length === batch.size) this.#endBatch(batch);
  }

  #endBatch(batch: Batch): void {
    this.#complete.push(batch);
    this.#batch = undefined;
  }

  #process(batch: Batch): void {
    const logstash = this.#logstash;
    logstash.batches.push(batch.events.length);
    if (batch.events.length === 0) return this.#ack(0);
    const highest = Math.max(...batch.events.map(({ seq }) => seq));
    for (const [index, { seq, json }] of batch.events.entries()) {
      if (!isParseable(json) || logstash.isPoison(json.toString())) return this.#reset();
      logstash.accepted.push(json.toString());
      if (seq !== highest && (index + 1) % logstash.ackEvery === 0) this.#ack(seq);
    }
    if (logstash.losesAcks) this.#reset();
    else this.#ack(highest);
  }

  #ack(seq: number): void {
    this.#socket.write(encodeAck(seq));
    this.#keepalive.refresh();
    this.#idle.refresh();
  }

  #writerIdle(): void {
    if (this.#logstash.isStalled && !this.#logstash.isBlackHole && this.#unread.length + this.#complete.length > 0) {
      this.#ack(0);
    }
  }

  #reset(): void {
    reset(this.#socket);
  }
}

/** Jackson's verdict, as it was seen: objects and `null` pass; nesting over 1,000 does not. */
function isParseable(json: Buffer): boolean {
  if (!isUtf8(json)) return false;
  const text = json.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return typeof value === 'object' && !Array.isArray(value) && depthOf(text) <= 1_000;
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').replaceAll(/[^[\]{}]/g, '')) {
    depth += bracket === '{' || bracket === '[' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

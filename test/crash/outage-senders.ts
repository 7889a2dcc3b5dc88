import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { numbered } from './numbered.ts';
import { ForwardSender, HttpSender, type Sender } from './senders.ts';

/** One sender of the outage: numbered records in order, whatever becomes of the relay. */
export interface OutageSender {
  readonly source: number;
  readonly records: number;
  /** Records handed over so far: those that count as sent, by the protocol's own rules. */
  readonly sent: number;
  /** Sends up to here; more than once, with growing numbers. */
  sendUntil(end: number): Promise<void>;
  close(): void;
}

const RETRY_MS = 50;
const TCP_LINES = 100;
const BATCH_RECORDS = 200;

/** Syslog over TCP, where nobody says what has arrived: what was written before the connection broke is gone or not. */
export class TcpSource implements OutageSender {
  readonly source: number;
  readonly records: number;
  sent = 0;
  /** The first record of each connection. */
  readonly connectionsFrom: number[] = [];
  readonly #port: number;
  readonly #recordsPerS: number;
  #socket: Socket | undefined;

  /** At no more than `recordsPerS`: a sender that is faster than the relay mostly fills the kernel's buffers, at the kill, too. */
  constructor(port: number, source: number, records: number, recordsPerS: number) {
    this.#port = port;
    this.#recordsPerS = recordsPerS;
    this.source = source;
    this.records = records;
  }

  async sendUntil(end: number): Promise<void> {
    const startedMs = performance.now();
    const sentBefore = this.sent;
    while (this.sent < end) {
      const dueMs = startedMs + ((this.sent - sentBefore) / this.#recordsPerS) * 1_000;
      const earlyMs = dueMs - performance.now();
      if (earlyMs > 0) await sleep(earlyMs);
      const socket = this.#socket ?? (await this.#connect());
      const lines = Math.min(TCP_LINES, end - this.sent);
      let text = '';
      for (let i = 0; i < lines; i++) {
        text += `<134>1 2026-03-01T12:00:00.000Z node-${this.source} outage 77 - - ${numbered(this.source, this.sent + i)}\n`;
      }
      this.sent += lines;
      if (!socket.write(text)) await drained(socket);
    }
  }

  /** Waits until the relay has read everything and closed its side, too. */
  close(): void {
    this.#socket?.end();
  }

  async #connect(): Promise<Socket> {
    for (;;) {
      const socket = connect(this.#port, '127.0.0.1');
      socket.on('error', () => {});
      const opened = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      if (!opened) {
        await sleep(RETRY_MS);
        continue;
      }
      socket.on('close', () => (this.#socket = undefined));
      this.#socket = socket;
      this.connectionsFrom.push(this.sent);
      return socket;
    }
  }
}

/** Resolves once the kernel has taken what was written, or the connection has ended. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** A sender that is told what was taken, and sends the same batch under the same name until it is. */
export class AcknowledgedSource implements OutageSender {
  readonly source: number;
  readonly records: number;
  sent = 0;
  repeatedBatches = 0;
  readonly #open: () => Sender;
  #sender: Sender | undefined;

  constructor(kind: 'http' | 'forward', port: number, source: number, records: number) {
    this.source = source;
    this.records = records;
    this.#open = kind === 'http' ? () => new HttpSender(port) : () => new ForwardSender(port);
  }

  async sendUntil(end: number): Promise<void> {
    while (this.sent < end) {
      const count = Math.min(BATCH_RECORDS, end - this.sent);
      const texts = Array.from({ length: count }, (_, i) => numbered(this.source, this.sent + i));
      await this.#sendUntilTaken(texts, `outage-${this.source}-${this.sent}`);
      this.sent += count;
    }
  }

  close(): void {
    this.#sender?.close();
  }

  async #sendUntilTaken(texts: readonly string[], name: string): Promise<void> {
    for (;;) {
      this.#sender ??= this.#open();
      try {
        return await this.#sender.send(texts, name);
      } catch {
        this.repeatedBatches++;
        this.#sender.close();
        this.#sender = undefined;
        await sleep(RETRY_MS);
      }
    }
  }
}

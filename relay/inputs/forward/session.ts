import type { Socket } from 'node:net';
import type { RefusalReason } from '../../component/input.ts';
import { describeError } from '../../errors.ts';
import { sleep, type Timer } from '../../io/clock.ts';
import { sourceOf, type Source } from '../../record/line-writer.ts';
import { readMessage, SIGNAL_LOGS, writeAck, type ForwardMessage } from '../../wire/forward.ts';
import { AckQueue } from './ack-queue.ts';
import { MessageAssembler } from './assembler.ts';
import { chunkKey } from './chunk-key.ts';
import { PING_BYTES_MAX, type Handshake } from './handshake.ts';
import type { SessionContext } from './session-context.ts';

/** How long a sender is kept waiting, unread, after the journal took no more: it then sends again over a new connection. */
const BUSY_PAUSE_MS = 1_000;
/** How long a message waits for a journal that has too much to do, before it is offered all the same. */
const PATIENCE_MS = 10_000;
/** How long the last acks may take to leave when the input stops. */
const FAREWELL_MS = 1_000;

/**
 * One connection. Messages are taken in their order; one with a chunk id is acknowledged once it is durable, and several may
 * be on their way there at once. One without is written like any other stream that nobody answers: reading waits for the
 * journal.
 */
export class ForwardSession {
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #shared: SessionContext;
  readonly #handshake: Handshake | undefined;
  readonly #assembler = new MessageAssembler();
  #greeted: boolean;
  #reading = true;
  /** Set once nothing more is taken from this connection. */
  #ended = false;
  #timer: Timer | undefined;
  /** What must happen before the next message is looked at. */
  #waiting: Promise<void> | undefined;
  readonly #acks = new AckQueue({
    send: (ack) => {
      if (this.#socket.writable) this.#socket.write(ack);
    },
    onFailed: (error) => this.#turnAway(error),
  });

  constructor(socket: Socket, peer: string, shared: SessionContext, handshake: Handshake | undefined) {
    this.#socket = socket;
    this.#peer = peer;
    this.#shared = shared;
    this.#handshake = handshake;
    this.#greeted = handshake === undefined;
    if (handshake !== undefined) {
      socket.write(handshake.helo);
      this.#limitTime(shared.handshakeTimeoutMs);
    }
    socket.on('data', (piece) => this.#receive(piece));
    socket.once('close', () => this.#closed());
  }

  /** Takes nothing new, and resolves when all that had arrived whole is settled and its acks have left. */
  async finish(): Promise<void> {
    this.#reading = false;
    this.#socket.pause();
    while (this.#waiting !== undefined) await this.#waiting;
    await this.#acks.settled;
    this.#ended = true;
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = this.#shared.context.clock.after(FAREWELL_MS, resolve);
      this.#socket.once('close', resolve).end(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #receive(piece: Buffer): void {
    this.#shared.context.counters.bytes += piece.length;
    if (this.#ended) return;
    this.#assembler.push(piece);
    if (this.#waiting === undefined) this.#takeAll();
  }

  /** Takes message after message, until there is no whole one left or something has to be waited for. */
  #takeAll(): void {
    for (;;) {
      const obstacle = this.#obstacle() ?? this.#takeOne();
      if (obstacle === undefined) continue;
      if (obstacle === 'nothing_left') break;
      this.#socket.pause();
      this.#waiting = obstacle.then(() => {
        this.#waiting = undefined;
        this.#takeAll();
      });
      return;
    }
    if (this.#reading && !this.#ended) this.#socket.resume();
  }

  #obstacle(): Promise<void> | undefined {
    if (this.#acks.full) return this.#acks.settled;
    return this.#socket.writableNeedDrain && !this.#ended ? this.#acksRead() : undefined;
  }

  /** A sender that wants acks but reads none must not make us keep them for ever. */
  #acksRead(): Promise<void> {
    const { context, messageTimeoutMs } = this.#shared;
    return new Promise((resolve) => {
      const timer = context.clock.after(messageTimeoutMs, () => this.#refuse('timeout'));
      const done = (): void => {
        timer.cancel();
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  #takeOne(): Promise<void> | 'nothing_left' | undefined {
    if (this.#ended) return 'nothing_left';
    const assembler = this.#assembler;
    const result = assembler.next(this.#greeted ? this.#shared.messageBytesMax : PING_BYTES_MAX);
    if (result === 'incomplete') {
      if (this.#greeted && !assembler.empty) this.#limitTime(this.#shared.messageTimeoutMs);
      return 'nothing_left';
    }
    if (result === 'complete') {
      this.#unlimitTime();
      const { source, start, end } = assembler;
      const pending = this.#greeted ? this.#takeMessage(source, start, end) : this.#greet(source, start);
      if (pending === undefined) assembler.consume();
      return pending?.then(() => assembler.consume());
    }
    this.#refuse(this.#greeted ? (result === 'too_large' ? 'too_large' : 'frame_invalid') : 'unauthorized');
    return 'nothing_left';
  }

  #greet(source: Source, start: number): undefined {
    const answer = this.#handshake!.answer(source, start);
    if (answer.accepted) {
      this.#greeted = true;
      this.#socket.write(answer.pong);
      return;
    }
    this.#shared.context.log.warn('forward client turned away', { peer: this.#peer, reason: answer.reason });
    this.#end('unauthorized');
    // Fluent Bit takes a connection that stays open after a refusal for one that was let in, and sends its records there.
    this.#socket.end(answer.pong, () => this.#socket.destroy());
  }

  #takeMessage(source: Source, start: number, end: number): Promise<void> | undefined {
    const message = readMessage(source, start, end);
    if (message === 'heartbeat') return;
    if (message === undefined) return this.#refuse('malformed');
    if (message.signal !== SIGNAL_LOGS || message.compression === 'unknown') return this.#decline(message);
    if (message.compression === 'none' || message.mode !== 'packed') return this.#keep(source, message, source);
    const packed = source.bytes.subarray(message.start, message.end);
    return this.#shared.unpacker.unpack(packed, message.compression).then((unpacked) => {
      if (unpacked === 'too_large') return this.#refuse('too_large');
      return this.#keep(source, message, unpacked === 'damaged' ? undefined : sourceOf(unpacked));
    });
  }

  /** Metrics, traces, or a compression from the future. A sender that waits for an ack learns it from the connection's end. */
  #decline(message: ForwardMessage): undefined {
    if (message.chunkEnd > 0) return this.#refuse('unsupported');
    this.#shared.context.counters.refused('unsupported');
  }

  /** `payload` is undefined where it could not be unpacked. */
  #keep(source: Source, message: ForwardMessage, payload: Source | undefined): Promise<void> | undefined {
    const { recorder, context } = this.#shared;
    const write = (): number => {
      const records =
        payload === undefined
          ? recorder.writeUndecodable(source, message, this.#peer)
          : recorder.write(source, message, this.#peer, payload);
      context.counters.records += records;
      return records;
    };
    if (message.chunkEnd === 0) return this.#keepUnanswered(write);
    const bytes = payload === undefined || payload === source ? message.end - message.start : payload.bytes.length;
    if (!context.congested) return this.#keepAcknowledged(source, message, write, bytes);
    return this.#patience().then(() => this.#keepAcknowledged(source, message, write, bytes));
  }

  /** A busy journal is mostly free again in a moment, which costs less than sending everything again. */
  async #patience(): Promise<void> {
    const { context } = this.#shared;
    const relieved = new AbortController();
    await Promise.race([context.relieved(), sleep(context.clock, PATIENCE_MS, relieved.signal)]);
    relieved.abort();
  }

  #keepUnanswered(write: () => number): Promise<void> | undefined {
    const { context } = this.#shared;
    if (context.congested) return context.relieved().then(() => this.#keepUnanswered(write));
    context.recorder.touch();
    write();
    context.flush();
  }

  #keepAcknowledged(source: Source, message: ForwardMessage, write: () => number, bytes: number): undefined {
    const { context } = this.#shared;
    const ack = writeAck(source.bytes, message.chunkStart, message.chunkEnd);
    this.#acks.add(context.accept(write, chunkKey(context.name, source.bytes, message)), ack, bytes);
  }

  /** Nothing was kept and nothing is acknowledged: the sender has it still. */
  #turnAway(error: unknown): void {
    if (this.#ended) return;
    const { context } = this.#shared;
    context.log.debug('forward message not taken', { peer: this.#peer, error: describeError(error) });
    this.#end('busy');
    this.#timer = context.clock.after(BUSY_PAUSE_MS, () => this.#socket.destroy());
  }

  /** Closes the connection at once. */
  #refuse(reason: RefusalReason): undefined {
    if (this.#ended) return;
    this.#shared.context.log.debug('forward connection refused', { peer: this.#peer, reason });
    this.#end(reason);
    this.#socket.destroy();
  }

  #end(reason: RefusalReason): void {
    this.#ended = true;
    this.#unlimitTime();
    this.#socket.pause();
    this.#shared.context.counters.refused(reason);
  }

  #limitTime(timeoutMs: number): void {
    this.#timer ??= this.#shared.context.clock.after(timeoutMs, () => {
      this.#timer = undefined;
      // Time in which we did not read is not the sender's.
      if (this.#waiting === undefined) this.#refuse('timeout');
      else this.#limitTime(timeoutMs);
    });
  }

  #unlimitTime(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #closed(): void {
    this.#unlimitTime();
    // Half a message stays with its sender, which saw the connection end.
    if (this.#ended || this.#waiting !== undefined || this.#assembler.empty) return;
    this.#shared.context.counters.refused('frame_invalid');
  }
}

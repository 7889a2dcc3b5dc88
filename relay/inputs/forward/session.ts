import { hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { InputContext, RefusalReason } from '../../component/input.ts';
import { describeError } from '../../errors.ts';
import type { Timer } from '../../io/clock.ts';
import { sourceOf, type Source } from '../../record/line-writer.ts';
import { readMessage, SIGNAL_LOGS, writeAck, type ForwardMessage } from '../../wire/forward.ts';
import { MessageAssembler } from './assembler.ts';
import { PING_BYTES_MAX, type Handshake } from './handshake.ts';
import type { EntryRecorder } from './record.ts';
import type { Unpacker } from './unpack.ts';

/** What the sessions of one input share. */
export interface SessionContext {
  readonly context: InputContext;
  readonly entries: EntryRecorder;
  readonly unpacker: Unpacker;
  readonly messageBytesMax: number;
  readonly messageTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

/** While so many bytes of a connection wait to be durable, nothing more is read from it. */
const UNSETTLED_BYTES_MAX = 4 << 20;
const UNSETTLED_MESSAGES_MAX = 1_000;
/** How long a sender is kept waiting, unread, after the journal took no more: it then sends again over a new connection. */
const BUSY_PAUSE_MS = 1_000;
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
  /** Settles, never rejects, when all messages so far are durable and acknowledged, or were refused. */
  #answered: Promise<void> = Promise.resolve();
  #unsettledBytes = 0;
  #unsettledMessages = 0;

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
    await this.#answered;
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
    if (this.#unsettledBytes > UNSETTLED_BYTES_MAX || this.#unsettledMessages >= UNSETTLED_MESSAGES_MAX)
      return this.#answered;
    return this.#socket.writableNeedDrain && !this.#ended ? this.#acksRead() : undefined;
  }

  /** A sender that wants acks but reads none must not make us keep them for ever. */
  async #acksRead(): Promise<void> {
    const gone = new AbortController();
    const timer = this.#shared.context.clock.after(this.#shared.messageTimeoutMs, () => this.#refuse('timeout'));
    this.#socket.once('close', () => gone.abort());
    await once(this.#socket, 'drain', { signal: gone.signal }).catch(() => {});
    timer.cancel();
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
    const { entries, context } = this.#shared;
    const write = (): number => {
      const records =
        payload === undefined
          ? entries.writeUndecodable(source, message, this.#peer)
          : entries.write(source, message, this.#peer, payload);
      context.counters.records += records;
      return records;
    };
    if (message.chunkEnd > 0) return this.#keepAcknowledged(source, message, write);
    return this.#keepUnanswered(write);
  }

  #keepUnanswered(write: () => number): Promise<void> | undefined {
    const { context } = this.#shared;
    if (context.congested) return context.relieved().then(() => this.#keepUnanswered(write));
    context.recorder.touch();
    write();
    context.flush();
  }

  #keepAcknowledged(source: Source, message: ForwardMessage, write: () => number): undefined {
    const { context } = this.#shared;
    const ack = writeAck(source.bytes, message.chunkStart, message.chunkEnd);
    const bytes = message.end - message.start;
    const kept = context.accept(write, keyOf(context.name, source.bytes, message));
    this.#unsettledBytes += bytes;
    this.#unsettledMessages++;
    const settled = kept.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#answered = this.#answered
      .then(() => settled)
      .then((failure) => {
        this.#unsettledBytes -= bytes;
        this.#unsettledMessages--;
        if (failure !== undefined) this.#turnAway(failure.error);
        else if (this.#socket.writable) this.#socket.write(ack);
      });
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

/**
 * The same chunk has the same key whenever it comes. The digest is part of it so that a chunk id that was guessed, or that two
 * tags share, hides nothing.
 */
function keyOf(inputName: string, bytes: Uint8Array, message: ForwardMessage): string {
  const chunk = Buffer.from(bytes.subarray(message.chunkStart, message.chunkEnd)).toString('base64url');
  const digest = hash('sha256', bytes.subarray(message.tagStart, message.end), 'base64url');
  return `${inputName}:forward:${chunk}:${digest}`;
}

import type { Socket } from 'node:net';
import type { InputContext } from '../../component/input.ts';
import { SyslogFramer, type StreamFault } from '../../wire/syslog-frame.ts';
import { HarborLines } from './harbor-lines.ts';
import type { SyslogRecords } from './record.ts';

/** Harbor writes a whole record at once; what follows a part of one later than this does not belong to it. */
const JOIN_MAX_MS = 1_000;

/** One connection: what arrives on it becomes records at once. While nothing is unfinished it holds no memory but its own. */
export class StreamSession {
  readonly socket: Socket;
  /** When the message that has begun began, on the monotonic clock. */
  unfinishedSinceMs = 0;
  readonly #framer: SyslogFramer;
  readonly #lines: HarborLines;
  readonly #context: InputContext;
  #frames = 0;
  #ended = false;

  constructor(socket: Socket, address: string, messageBytesMax: number, context: InputContext, records: SyslogRecords) {
    this.socket = socket;
    this.#context = context;
    const framer: SyslogFramer = new SyslogFramer({
      messageBytesMax,
      onFrame: (source, start, end) => {
        this.#frames++;
        this.#lines.frame(source, start, end);
      },
    });
    this.#framer = framer;
    this.#lines = new HarborLines(records, address, framer);
  }

  /** True while a message has begun and not ended. */
  get unfinished(): boolean {
    return !this.#ended && (this.#framer.pending || this.#lines.holding);
  }

  /** The same without what has arrived and only waits for what may belong to it. */
  get owed(): boolean {
    return !this.#ended && this.#framer.pending;
  }

  /** Records what the chunk completes. A fault means that the connection is of no more use. */
  receive(chunk: Buffer): StreamFault | undefined {
    if (this.#ended) return undefined;
    const { recorder, clock } = this.#context;
    recorder.touch();
    const framesBefore = this.#frames;
    const wasUnfinished = this.unfinished;
    const fault = this.#framer.push(chunk);
    if (!this.#framer.pending) this.#lines.endOpening();
    if (!wasUnfinished || this.#frames > framesBefore) this.unfinishedSinceMs = clock.monotonicMs();
    if (this.#frames > framesBefore) this.#context.flush();
    return fault;
  }

  /** Records what waited long enough for what may belong to it. */
  settle(nowMs: number): void {
    if (this.#ended || !this.#lines.holding || nowMs - this.unfinishedSinceMs < JOIN_MAX_MS) return;
    this.#context.recorder.touch();
    this.#lines.giveUp();
    this.#context.flush();
  }

  /** The connection has ended: records the message that has no end. Returns whether there was one. May be called twice. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    const framesBefore = this.#frames;
    const held = this.#lines.holding;
    this.#context.recorder.touch();
    const cut = this.#framer.end();
    this.#lines.giveUp();
    if (held || this.#frames > framesBefore) this.#context.flush();
    return cut;
  }
}

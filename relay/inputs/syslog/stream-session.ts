import type { Socket } from 'node:net';
import type { InputContext } from '../../component/input.ts';
import { SyslogFramer, type StreamFault } from '../../wire/syslog-frame.ts';
import type { SyslogRecords } from './record.ts';

/** One connection: what arrives on it becomes records at once. While nothing is unfinished it holds no memory but its own. */
export class StreamSession {
  readonly socket: Socket;
  /** When the message that has begun began, on the monotonic clock. */
  unfinishedSinceMs = 0;
  readonly #framer: SyslogFramer;
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
        // Looked up for each message, so that a connection that says nothing keeps nothing.
        records.write(source, start, end, records.peer(address), framer);
      },
    });
    this.#framer = framer;
  }

  /** True while a message has begun and not ended. */
  get unfinished(): boolean {
    return !this.#ended && this.#framer.pending;
  }

  /** Records what the chunk completes. A fault means that the connection is of no more use. */
  receive(chunk: Buffer): StreamFault | undefined {
    if (this.#ended) return undefined;
    const { recorder, clock } = this.#context;
    recorder.touch();
    const framesBefore = this.#frames;
    const wasUnfinished = this.#framer.pending;
    const fault = this.#framer.push(chunk);
    if (!wasUnfinished || this.#frames > framesBefore) this.unfinishedSinceMs = clock.monotonicMs();
    if (this.#frames > framesBefore) this.#context.flush();
    return fault;
  }

  /** The connection has ended: records the message that has no end. Returns whether there was one. May be called twice. */
  end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    const framesBefore = this.#frames;
    this.#context.recorder.touch();
    const cut = this.#framer.end();
    if (this.#frames > framesBefore) this.#context.flush();
    return cut;
  }
}

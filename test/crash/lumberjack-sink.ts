import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { encodeAck } from '../../relay/wire/lumberjack.ts';
import { LumberjackWindowReader } from '../../relay/wire/lumberjack-reader.ts';

/** A lumberjack server that acknowledges everything at once and keeps nothing. */
export class LumberjackSink implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(onRecord: ((json: Buffer) => void) | undefined) {
    this.#server = createServer((socket) => {
      const reader = new LumberjackWindowReader();
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('data', (chunk: Buffer) => {
        if (onRecord === undefined) return;
        for (const window of reader.push(chunk)) {
          for (const payload of window.payloads) onRecord(payload);
          socket.write(encodeAck(window.highestSeq));
        }
      });
    });
  }

  /** Without `onRecord` it is a black hole: it accepts, reads, and never answers. */
  static async start(port: number, onRecord?: (json: Buffer) => void): Promise<LumberjackSink> {
    const sink = new LumberjackSink(onRecord);
    sink.#server.listen(port, '127.0.0.1');
    await once(sink.#server, 'listening');
    return sink;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

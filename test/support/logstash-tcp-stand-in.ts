import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { StandInServer } from './stand-in-server.ts';

/** A stand-in for Logstash's tcp input with the json_lines codec: it reads lines, never answers, and can be told not to read. */
export class LogstashTcpStandIn implements AsyncDisposable {
  /** Whole lines, in order, repeats included. */
  readonly lines: string[] = [];
  bytesRead = 0;
  #server: StandInServer | undefined;
  #reading = true;

  static async start(
    options: { readonly tls?: TlsOptions; readonly reading?: boolean } = {},
  ): Promise<LogstashTcpStandIn> {
    const standIn = new LogstashTcpStandIn();
    standIn.#reading = options.reading ?? true;
    standIn.#server = await StandInServer.start((socket) => standIn.#admit(socket), options.tls, true);
    return standIn;
  }

  get server(): StandInServer {
    return this.#server!;
  }

  get port(): number {
    return this.server.port;
  }

  /** From now on connections are accepted and not read: what is written to them stays in the kernels' buffers. */
  stopReading(): void {
    this.#reading = false;
    for (const socket of this.server.sockets) socket.pause();
  }

  startReading(): void {
    this.#reading = true;
    for (const socket of this.server.sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #admit(socket: Socket): void {
    const parts: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      this.bytesRead += chunk.length;
      parts.push(chunk);
      const lf = chunk.lastIndexOf('\n');
      if (lf < 0) return;
      const bytes = Buffer.concat(parts.splice(0));
      const end = bytes.length - (chunk.length - lf);
      parts.push(bytes.subarray(end + 1));
      for (const line of bytes.toString('utf8', 0, end).split('\n')) this.lines.push(line);
    });
    if (this.#reading) socket.resume();
    else socket.pause();
  }
}

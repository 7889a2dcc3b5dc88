import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Sends as Harbor does: for each record a connection of its own, one write, and then nothing: it is never closed. */
export class HarborForwarder {
  readonly sockets: Socket[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async send(count: number, first = 0): Promise<void> {
    const ATONCE = 50;
    for (let sent = 0; sent < count; sent += ATONCE)
      await Promise.all(Array.from({ length: Math.min(ATONCE, count - sent) }, (_, i) => this.#one(first + sent + i)));
  }

  /** Connections that the other side has not closed. */
  get open(): number {
    return this.sockets.filter((socket) => !socket.closed).length;
  }

  drop(): void {
    for (const socket of this.sockets.splice(0)) socket.destroy();
  }

  async #one(number: number): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    this.sockets.push(socket);
    socket.resume();
    await new Promise((resolve) => socket.write(auditLine(number), resolve));
  }
}

function auditLine(number: number): string {
  const time = new Date().toISOString();
  const event = `${time.slice(0, 10)} ${time.slice(11, 23)} +0000 UTC m=+${number}.5`;
  const seconds = `${time.slice(0, 19)}Z`;
  return (
    `<6>${seconds} 814da02eb5a8 audit[1]: ${seconds} [INFO] [/pkg/auditext/manager.go:86]` +
    `[operator="robot$team+ci" resourceType="artifact" time="${event}"]: action:pull, resource:team/app:${number}, ` +
    `operation_description:pull artifact: team/app@sha256:${number.toString(16).padStart(64, '0')}\n`
  );
}

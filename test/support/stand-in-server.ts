import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** What stand-ins for endpoints share: a server on a free port of 127.0.0.1 that knows its connections and ends with its test. */
export class StandInServer implements AsyncDisposable {
  readonly sockets = new Set<Socket>();
  /** Connections so far, the closed ones included. */
  connectionsTotal = 0;
  port = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(
    onConnection: (socket: Socket) => void,
    tls?: TlsOptions,
    pauseOnConnect = false,
  ): Promise<StandInServer> {
    const server =
      tls === undefined ? createServer({ pauseOnConnect, noDelay: true }) : createTlsServer({ noDelay: true, ...tls });
    const standIn = new StandInServer(server);
    server.on('tlsClientError', () => {});
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      standIn.connectionsTotal++;
      standIn.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => standIn.sockets.delete(socket));
      onConnection(socket);
    });
    await standIn.listen();
    return standIn;
  }

  /** Listens again, on the same port, after `refuseConnections`. */
  async listen(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection, and refuses new ones. */
  async refuseConnections(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.sockets) reset(socket);
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.refuseConnections();
  }
}

/** Ends a connection as a server with SO_LINGER 0 does: what it had not sent is lost, and the peer sees a reset. */
export function reset(socket: Socket): void {
  // Node has no reset for TLS; there the peer sees an end without the goodbye that TLS demands.
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}

import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer, type TlsOptions } from 'node:tls';
import { RelayError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import { formatAddress, type ListenAddress } from './listen-url.ts';
import { withoutTickets } from './session-tickets.ts';
import { SharedRead } from './shared-read.ts';

export interface StreamServerOptions {
  readonly listen: ListenAddress;
  /** Present for TLS. */
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
  /** At this many connections the one that has been idle longest makes room for a new one. */
  readonly connectionsMax: number;
  /** The same for connections from one address. */
  readonly connectionsPerAddressMax: number;
  /** A TLS handshake that takes longer is ended. */
  readonly handshakeTimeoutMs: number;
  /** A connection on which nothing arrives for this long is closed; 0 leaves it open. */
  readonly idleTimeoutMs: number;
  /** The socket is connected and, for TLS, its handshake is done. Errors on it are handled; `close` follows. */
  readonly onConnection: (socket: Socket, peer: Peer) => void;
  /**
   * Takes what arrives. The chunk is valid for the call alone. Where it is left out, the caller listens to the socket itself.
   */
  readonly onData?: (socket: Socket, chunk: Buffer) => void;
  readonly onRefused: (reason: 'too_many_connections' | 'timeout' | 'tls') => void;
}

export interface Peer {
  /** IPv4 addresses mapped into IPv6 are written as IPv4. */
  readonly address: string;
  readonly port: number;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  activeAtMs: number;
  bytesSeen: number;
}

/** How often idle connections are looked for. */
const SWEEP_INTERVAL_MS = 1_000;

/**
 * A TCP or TLS server with a limit on everything: connections in all and for each address, the time of a handshake, the time
 * without traffic. What a connection carries is the caller's business.
 */
export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #connections = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #sharedRead = new SharedRead();
  #server: Server | undefined;
  #closed: Promise<void> | undefined;
  #sweep: Timer | undefined;

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Resolves with `host:port`. Throws `INPUT_LISTEN_FAILED`. */
  async start(): Promise<string> {
    const { listen, tls, clock, handshakeTimeoutMs, onData } = this.#options;
    const onSocket = (socket: Socket): void => this.#admit(socket);
    const server =
      tls === undefined
        ? createTcpServer(
            { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, pauseOnConnect: onData !== undefined },
            (socket) => onSocket(onData === undefined ? socket : this.#sharedRead.take(socket, onData)),
          )
        : createTlsServer({ ...tls, handshakeTimeout: handshakeTimeoutMs, noDelay: true }, (socket) => {
            if (onData !== undefined) socket.on('data', (chunk: Buffer) => onData(socket, chunk));
            onSocket(socket);
          });
    if (server instanceof TlsServer) withoutTickets(server);
    server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
      this.#options.onRefused(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'timeout' : 'tls'),
    );
    try {
      server.listen(listen.port, listen.host);
      await once(server, 'listening');
    } catch (cause) {
      throw new RelayError(
        'INPUT_LISTEN_FAILED',
        `cannot listen on ${listen.scheme}://${formatAddress(listen.host, listen.port)}`,
        { cause },
      );
    }
    // Once it listens, an error (no file descriptors left, say) must not end the process; accepting goes on by itself.
    server.on('error', () => this.#options.onRefused('too_many_connections'));
    this.#server = server;
    // Listened for from the start: after `refuseNew` the server may have closed before `stop` is called.
    this.#closed = new Promise((resolve) => server.once('close', () => resolve()));
    this.#sweep = clock.every(SWEEP_INTERVAL_MS, () => this.#closeIdle());
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : '';
  }

  /** Stops accepting and ends every connection; what the kernel still holds unread of them is lost to us. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#sweep?.cancel();
    server?.close();
    for (const { socket } of this.#connections) socket.destroy();
    await this.#closed;
  }

  /** Stops accepting; connections that are open stay so until `stop`. */
  refuseNew(): void {
    this.#server?.close();
  }

  #admit(socket: Socket): void {
    const { clock, connectionsMax, connectionsPerAddressMax } = this.#options;
    // Without a handler an error on a socket ends the process; `close` follows and is where the caller cleans up.
    socket.on('error', () => {});
    const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    const fromAddress = this.#byAddress.get(address) ?? 0;
    if (this.#connections.size >= connectionsMax) this.#evict(undefined);
    else if (fromAddress >= connectionsPerAddressMax) this.#evict(address);
    const connection: Connection = { socket, address, activeAtMs: clock.monotonicMs(), bytesSeen: 0 };
    this.#connections.add(connection);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.#forget(connection));
    this.#options.onConnection(socket, { address, port: socket.remotePort ?? 0 });
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const left = (this.#byAddress.get(connection.address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(connection.address, left);
    else this.#byAddress.delete(connection.address);
  }

  /** Closes the connection that has been idle longest, of one address or of all. */
  #evict(address: string | undefined): void {
    this.#noteActivity();
    let oldest: Connection | undefined;
    for (const connection of this.#connections) {
      if (address !== undefined && connection.address !== address) continue;
      if (oldest === undefined || connection.activeAtMs < oldest.activeAtMs) oldest = connection;
    }
    if (oldest === undefined) return;
    this.#options.onRefused('too_many_connections');
    this.#forget(oldest);
    oldest.socket.destroy();
  }

  #closeIdle(): void {
    this.#noteActivity();
    const { idleTimeoutMs, clock } = this.#options;
    if (idleTimeoutMs === 0) return;
    const before = clock.monotonicMs() - idleTimeoutMs;
    for (const connection of this.#connections) {
      // A connection that we do not read from, because the journal is busy, is not idle: it is waiting for us.
      if (connection.activeAtMs < before && !connection.socket.isPaused()) connection.socket.destroy();
    }
  }

  #noteActivity(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const connection of this.#connections) {
      const bytes = connection.socket.bytesRead;
      if (bytes === connection.bytesSeen) continue;
      connection.bytesSeen = bytes;
      connection.activeAtMs = nowMs;
    }
  }
}

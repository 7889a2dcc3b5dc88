import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { RelayError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { formatAddress } from './listen-url.ts';
import { networkError } from './network-error.ts';
import { checkFingerprint, loadTlsClient, type TlsClientFiles } from './tls-files.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Present for TLS. Its files are read for each connection, so that renewed certificates need no restart. */
  readonly tls?: TlsClientFiles | undefined;
  readonly clock: Clock;
  /** For name lookup, TCP and TLS together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** After this long without traffic the kernel begins to ask whether the peer is still there. */
const KEEP_ALIVE_DELAY_MS = 30_000;
/** With several addresses for a name, how long one may take before the next is tried as well. */
const ADDRESS_ATTEMPT_MS = 1_000;
/**
 * In TLS 1.3 a client is done before the server has looked at its certificate, so a refusal comes after `secureConnect`. Servers
 * that are content send session tickets; one that sends neither is taken to be content after this long.
 */
const VERDICT_WAIT_MS = 300;

/**
 * Opens a TCP or TLS connection and has checked the peer's certificate when it resolves. The socket has a handler for `error`, so
 * that a failure never ends the process; the caller watches `close` (and `error`, for the reason). Nothing is read from it yet.
 *
 * Throws `OUTPUT_UNREACHABLE`, `OUTPUT_TIMEOUT`, `OUTPUT_TLS_FAILED`, or `OUTPUT_CONNECTION_LOST` where `signal` was aborted.
 */
export async function connect(options: ConnectOptions): Promise<Socket> {
  const { host, port, tls, clock, timeoutMs, signal } = options;
  const address = formatAddress(host, port);
  const attempt = new AbortController();
  const abandon = (): void =>
    attempt.abort(new RelayError('OUTPUT_CONNECTION_LOST', `gave up connecting to ${address}`));
  const timer = clock.after(timeoutMs, () =>
    attempt.abort(new RelayError('OUTPUT_TIMEOUT', `no connection to ${address} within ${timeoutMs} ms`)),
  );
  signal?.addEventListener('abort', abandon);
  if (signal?.aborted === true) abandon();
  try {
    attempt.signal.throwIfAborted();
    return tls === undefined
      ? await openTcp(host, port, attempt.signal)
      : await openTls({ ...options, tls }, attempt.signal);
  } catch (error) {
    throw networkError(error, address, 'connect');
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abandon);
  }
}

async function openTcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp(socketOptions(host, port));
  await happens(socket, 'connect', signal);
  return socket;
}

async function openTls(options: ConnectOptions & { tls: TlsClientFiles }, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port, tls, clock } = options;
  const socket = connectTls({ ...socketOptions(host, port), ...secureOptions(tls, host, formatAddress(host, port)) });
  const content = new AbortController();
  socket.once('session', () => content.abort());
  try {
    await happens(socket, 'secureConnect', signal);
    checkFingerprint(tls, socket.getPeerCertificate());
    if (socket.getProtocol() === 'TLSv1.3' && !content.signal.aborted) {
      const timer = clock.after(VERDICT_WAIT_MS, () => content.abort());
      await happens(socket, 'session', signal, content.signal).finally(() => timer.cancel());
    }
  } catch (error) {
    socket.destroy();
    // A server that wants a client's certificate, another protocol or no TLS at all most often just hangs up.
    const hungUp = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
    const message = `${formatAddress(host, port)} hung up during the TLS handshake`;
    throw hungUp ? new RelayError('OUTPUT_TLS_FAILED', message, { cause: error }) : error;
  }
  return socket;
}

function secureOptions(tls: TlsClientFiles, host: string, address: string): ReturnType<typeof loadTlsClient> {
  try {
    return loadTlsClient(tls, host);
  } catch (cause) {
    // At start this stops the relay. Later, while a certificate is being replaced, it must not: the next try may find it.
    throw new RelayError('OUTPUT_TLS_FAILED', `cannot read the TLS files for ${address}`, { cause });
  }
}

function socketOptions(host: string, port: number): TcpNetConnectOpts {
  return {
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
  };
}

/**
 * Resolves at the socket's `event`, or once `enough` is aborted; rejects, and destroys the socket, at its error, its end, or when
 * `signal` is aborted.
 */
function happens(socket: Socket, event: string, signal: AbortSignal, enough?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (error?: unknown): void => {
      if (settled) return;
      settled = true;
      socket.off(event, done).off('error', settle).off('close', closed);
      signal.removeEventListener('abort', aborted);
      enough?.removeEventListener('abort', done);
      // Without a handler an error on a socket ends the process.
      socket.on('error', () => {});
      if (error === undefined) return resolve();
      socket.destroy();
      reject(error instanceof Error ? error : new Error('the socket failed', { cause: error }));
    };
    // What is written from within the event in which TLS hands over a session is not sent until something else happens.
    const done = (): void => void setImmediate(() => settle());
    const closed = (): void =>
      settle(Object.assign(new Error('the peer closed the connection'), { code: 'ECONNRESET' }));
    const aborted = (): void => settle(signal.reason);
    socket.once(event, done).once('error', settle).once('close', closed);
    signal.addEventListener('abort', aborted);
    enough?.addEventListener('abort', done);
  });
}

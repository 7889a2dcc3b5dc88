import { Socket, type Server } from 'node:net';

/** What Node keeps behind a socket, as far as it is needed to hand a connection from one socket object to another. */
interface SocketInternals {
  _handle?: object | null;
  _server?: Server | null;
  server?: Server | null;
}

/** One read takes at most so much. */
const READ_BYTES_MAX = 262_144;

/**
 * Reads many connections into one piece of memory. Node gives every read of a server's connection a fresh buffer of 64 KiB; at a
 * gigabit a second that is what the garbage collector then mostly does. Node's own remedy, the `onread` option of a socket, is
 * for outgoing connections only, so an accepted connection is handed over to a new socket that has it.
 *
 * The chunk passed on is valid for the call alone.
 */
export class SharedRead {
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX);

  /**
   * Takes over a socket that was accepted with `pauseOnConnect` and has read nothing. Returns the socket to use from here on, which
   * already reads. Where this Node keeps its handle elsewhere, that is the same socket with an ordinary listener.
   */
  take(accepted: Socket, onData: (socket: Socket, chunk: Buffer) => void): Socket {
    const from = accepted as Socket & SocketInternals;
    const handle = from._handle;
    if (handle === undefined || handle === null) {
      accepted.on('data', (chunk: Buffer) => onData(accepted, chunk));
      accepted.resume();
      return accepted;
    }
    // `handle` is what Node itself passes when it makes a socket for an accepted connection; its types leave it out.
    const options: object = {
      handle,
      allowHalfOpen: false,
      onread: {
        buffer: this.#buffer,
        callback: (bytes: number) => {
          onData(socket, this.#buffer.subarray(0, bytes));
          if (bytes < READ_BYTES_MAX || socket.isPaused()) return true;
          // There is more, and the event loop would read on and on here while everybody else waits: let them have a turn.
          setImmediate(() => {
            if (!socket.isPaused()) socket.resume();
          });
          return false;
        },
      },
    };
    const socket = new Socket(options) as Socket & SocketInternals;
    // The server counts its connections by these, and closes once all are gone.
    socket.server = from.server ?? null;
    socket._server = from._server ?? null;
    from._handle = null;
    from._server = null;
    socket.read(0);
    socket.resume();
    return socket;
  }
}

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { platform } from 'node:os';

export interface DatagramAddress {
  readonly host: string;
  readonly port: number;
  /** How much the kernel is asked to keep while nobody reads. */
  readonly bufferBytes: number;
  /** The address is listened on several times, by sockets that are all opened so (SO_REUSEPORT, socket(7)). */
  readonly shared: boolean;
}

export interface OpenDatagramSocket {
  readonly socket: Socket;
  /** Where it listens: the port that the kernel chose, where 0 was asked for. */
  readonly host: string;
  readonly port: number;
  /** What the kernel keeps, which may be less than asked for. */
  readonly bufferBytes: number;
}

/** Opens a socket that listens for datagrams. Throws what the system says. */
export async function openDatagramSocket({
  host,
  port,
  bufferBytes,
  shared,
}: DatagramAddress): Promise<OpenDatagramSocket> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reusePort: shared });
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.setRecvBufferSize(bufferBytes);
  const reported = socket.getRecvBufferSize();
  // Linux keeps, and reports, twice what it is asked for, to have room for its own bookkeeping (socket(7), SO_RCVBUF).
  const granted = platform() === 'linux' ? Math.floor(reported / 2) : reported;
  const bound = socket.address();
  return { socket, host: bound.address, port: bound.port, bufferBytes: granted };
}

import { readFile } from 'node:fs/promises';
import { isIPv6, type Socket } from 'node:net';

/** What the kernel knows of the bytes that it took and the peer's kernel has not confirmed. */
export interface TcpProgress {
  /** Bytes taken and not confirmed. */
  readonly unconfirmedBytes: number;
  /** How often the oldest of them was sent again without an answer. A peer that is only busy answers, so this stays 0. */
  readonly retransmissions: number;
}

/** In `/proc/net/tcp`, the timer that waits for the confirmation of bytes sent; another one asks a peer that is full for room. */
const RETRANSMIT_TIMER = '01';
/** `tx_queue:rx_queue tr:tm->when retrnsmt`, after the two addresses and the state. */
const PROGRESS = /^[0-9A-F]{2} ([0-9A-F]{8}):[0-9A-F]{8} ([0-9A-F]{2}):[0-9A-F]{8} ([0-9A-F]{8})/;

/** Undefined where it cannot be known: outside Linux, or for a connection that has gone. Never throws. */
export async function tcpProgress(socket: Socket): Promise<TcpProgress | undefined> {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  try {
    const table = await readFile(isIPv6(localAddress) ? '/proc/net/tcp6' : '/proc/net/tcp', 'latin1');
    return findProgress(table, `${hexAddress(localAddress, localPort)} ${hexAddress(remoteAddress, remotePort)}`);
  } catch {
    return undefined;
  }
}

/** Finds a connection by its two addresses in the text of `/proc/net/tcp` (Documentation/networking/proc_net_tcp.rst). */
export function findProgress(table: string, addresses: string): TcpProgress | undefined {
  const at = table.indexOf(` ${addresses} `);
  if (at < 0) return undefined;
  const [, queued = '', timer = '', count = ''] =
    PROGRESS.exec(table.slice(at + addresses.length + 2, at + addresses.length + 64)) ?? [];
  if (queued === '') return undefined;
  return {
    unconfirmedBytes: Number.parseInt(queued, 16),
    retransmissions: timer === RETRANSMIT_TIMER ? Number.parseInt(count, 16) : 0,
  };
}

/** An address as the kernel prints it: each 32 bits of it in the machine's byte order (little-endian), then the port. */
export function hexAddress(address: string, port: number): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : address.split('.').map(Number);
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) text += hex(bytes.slice(i, i + 4).toReversed());
  return `${text}:${hex([port >> 8, port & 0xff])}`;
}

function ipv6Bytes(address: string): number[] {
  const plain = address.replace(/%.*$/, '');
  // ::ffff:10.0.0.1 has its last 32 bits written as IPv4.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const whole =
    dotted === null
      ? plain
      : `${dotted[1]}${hex(dotted.slice(2, 4).map(Number))}:${hex(dotted.slice(4, 6).map(Number))}`;
  const [head = '', tail] = whole.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].flatMap((group) => [
    Number.parseInt(group, 16) >> 8,
    Number.parseInt(group, 16) & 0xff,
  ]);
}

function hex(bytes: readonly number[]): string {
  return bytes
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

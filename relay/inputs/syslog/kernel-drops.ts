import { readFile } from 'node:fs/promises';

/**
 * Datagrams that the kernel has dropped because a socket's buffer was full, out of `/proc/net/udp` or `/proc/net/udp6` (proc(5)): the sum over
 * the sockets bound to this address and port. IPv6 sockets are found by their port alone.
 */
export function kernelDropsOf(table: string, host: string, port: number): number {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  const local = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? `${ipv4Hex(host)}:${portHex}` : undefined;
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const address = columns[1];
    if (address === undefined || !(local === undefined ? address.endsWith(`:${portHex}`) : address === local)) continue;
    drops += Number(columns.at(-1)) || 0;
  }
  return drops;
}

/** What the kernel has dropped so far for a socket; undefined where there is no such table, as on systems other than Linux. */
export async function readKernelDrops(host: string, port: number): Promise<number | undefined> {
  const table = host.includes(':') ? '/proc/net/udp6' : '/proc/net/udp';
  const text = await readFile(table, 'latin1').catch(() => undefined);
  return text === undefined ? undefined : kernelDropsOf(text, host, port);
}

/** The table has addresses as the machine has them in memory: the last byte first. */
function ipv4Hex(host: string): string {
  return host
    .split('.')
    .toReversed()
    .map((part) => Number(part).toString(16).toUpperCase().padStart(2, '0'))
    .join('');
}

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import SyslogServer from 'syslog-server';
import { RelayError } from '../../errors.ts';
import type { ListenAddress } from '../../io/listen-url.ts';
import type { Intake, Receiver } from './intake.ts';

/**
 * Receives datagrams by the package `syslog-server`: the same that many use to try a sender. It knows IPv4 alone, and its socket is one
 * for the whole process. Throws `INPUT_LISTEN_FAILED`.
 */
export async function receiveUdp({ host, port }: ListenAddress, intake: Intake): Promise<Receiver> {
  if (!isIPv4(host)) throw new RelayError('USAGE', `udp:// takes an IPv4 address here, not ${host}`);
  const freePort = await findPort(host, port);
  const server = new SyslogServer();
  server.on('error', () => {});
  server.on('message', ({ host: from, message }) => {
    // Nobody waits for an answer, so a pause would only pile up here; turning away is losing.
    void intake.decide().then((verdict) => {
      return verdict === 'take' ? intake.take([{ via: 'udp', from, text: message }]) : undefined;
    });
  });
  await server.start({ address: host, port: freePort, exclusive: true });
  return { address: `${host}:${freePort}`, close: () => server.stop() };
}

/** The package never settles where it cannot bind: so binding is tried before, and the port of 0 becomes known. */
async function findPort(host: string, port: number): Promise<number> {
  const socket = createSocket('udp4');
  try {
    socket.bind({ address: host, port, exclusive: true });
    await once(socket, 'listening');
    return socket.address().port;
  } catch (cause) {
    throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on udp://${host}:${port}`, { cause });
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

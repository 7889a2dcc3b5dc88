import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '../../io/clock.ts';
import type { ListenAddress } from '../../io/listen-url.ts';
import { StreamServer } from '../../io/stream-server.ts';
import { encodeAck } from '../../wire/lumberjack.ts';
import { LumberjackWindowReader } from '../../wire/lumberjack-reader.ts';
import { SyslogFramer } from '../../wire/syslog-frame.ts';
import type { CaughtRecord, Intake, Receiver } from './intake.ts';

export interface StreamSettings {
  readonly listen: ListenAddress;
  /** Present for TLS. */
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
}

const MESSAGE_BYTES_MAX = 1024 * 1024;

/** Receives messages over TCP or TLS, each ended by LF or NUL, or with its length before it. A refusal resets the connection. */
export function receiveLines(settings: StreamSettings, intake: Intake): Promise<Receiver> {
  return receive(settings, async (socket, from) => {
    const frames: CaughtRecord[] = [];
    const framer = new SyslogFramer({
      messageBytesMax: MESSAGE_BYTES_MAX,
      onFrame: ({ bytes }, start, end) =>
        frames.push({ via: settings.listen.scheme, from, text: textOf(bytes.subarray(start, end)) }),
    });
    const takeAll = async (): Promise<boolean> => {
      for (const frame of frames.splice(0)) {
        if ((await intake.decide()) === 'refuse') return false;
        await intake.take([frame]);
      }
      return true;
    };
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const fault = framer.push(chunk);
      if (!(await takeAll()) || fault !== undefined) return socket.resetAndDestroy();
    }
    framer.end();
    await takeAll();
  });
}

/** Receives lumberjack over TCP or TLS, as Logstash's beats input does. A refused window is not acknowledged: the connection ends. */
export function receiveLumberjack(settings: StreamSettings, intake: Intake): Promise<Receiver> {
  return receive(settings, async (socket, from) => {
    const reader = new LumberjackWindowReader();
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const { payloads, highestSeq } of reader.push(chunk)) {
        if ((await intake.decide()) === 'refuse') return socket.resetAndDestroy();
        await intake.take(payloads.map((payload) => ({ via: 'lumberjack', from, text: textOf(payload) })));
        socket.write(encodeAck(highestSeq));
      }
    }
  });
}

/** `serve` is called for each connection, and reads it; what it throws ends that connection alone. */
async function receive(
  { listen, tls, clock }: StreamSettings,
  serve: (socket: Socket, from: string) => Promise<unknown>,
): Promise<Receiver> {
  const server = new StreamServer({
    listen,
    tls,
    clock,
    connectionsMax: 1_000,
    connectionsPerAddressMax: 1_000,
    handshakeTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    onRefused: () => {},
    onConnection: (socket, { address }) => {
      serve(socket, address).then(
        () => socket.end(),
        () => socket.destroy(),
      );
    },
  });
  return { address: await server.start(), close: () => server.stop() };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

import type { Socket } from 'node:net';
import type { Input, InputContext } from '../../component/input.ts';
import { sleep, type Timer } from '../../io/clock.ts';
import type { ListenAddress } from '../../io/listen-url.ts';
import { StreamServer, type Peer } from '../../io/stream-server.ts';
import { loadTlsServer } from '../../io/tls-files.ts';
import type { SyslogOptions } from './options.ts';
import type { SyslogRecords } from './record.ts';
import { StreamSession } from './stream-session.ts';

/** How often messages that have not ended are looked for. */
const SWEEP_INTERVAL_MS = 1_000;
/** At a stop, what senders have on the way is read until nothing comes for a moment, but no longer than this. */
const DRAIN_MAX_MS = 1_000;
const DRAIN_QUIET_MS = 20;

/** Syslog over TCP and TLS. */
export class SyslogStreamInput implements Input {
  readonly #listen: ListenAddress;
  readonly #options: SyslogOptions;
  readonly #context: InputContext;
  readonly #records: SyslogRecords;
  readonly #sessions = new Map<Socket, StreamSession>();
  readonly #unfinished = new Set<StreamSession>();
  readonly #paused = new Set<Socket>();
  #server: StreamServer | undefined;
  #sweep: Timer | undefined;

  constructor(listen: ListenAddress, options: SyslogOptions, context: InputContext, records: SyslogRecords) {
    this.#listen = listen;
    this.#options = options;
    this.#context = context;
    this.#records = records;
  }

  async start(): Promise<string> {
    const { clock, counters } = this.#context;
    const given = this.#options;
    const server = new StreamServer({
      listen: this.#listen,
      tls: given.tls === undefined ? undefined : loadTlsServer(given.tls),
      clock,
      connectionsMax: given.connections_max,
      connectionsPerAddressMax: given.connections_per_address_max,
      handshakeTimeoutMs: given.handshake_timeout_ms,
      idleTimeoutMs: given.idle_timeout_ms,
      onConnection: (socket, peer) => this.#open(socket, peer),
      onData: (socket, chunk) => this.#receive(socket, chunk),
      onRefused: (reason) => counters.refused(reason),
    });
    const address = await server.start();
    this.#server = server;
    this.#sweep = clock.every(Math.min(SWEEP_INTERVAL_MS, given.frame_timeout_ms), () => this.#endUnfinished());
    return address;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#sweep?.cancel();
    server.refuseNew();
    await this.#drain();
    for (const session of this.#sessions.values()) session.end();
    await server.stop();
  }

  #open(socket: Socket, { address }: Peer): void {
    const { counters } = this.#context;
    const session = new StreamSession(socket, address, this.#options.message_bytes_max, this.#context, this.#records);
    this.#sessions.set(socket, session);
    counters.connections++;
    counters.connectionsTotal++;
    socket.once('close', () => {
      counters.connections--;
      this.#sessions.delete(socket);
      this.#unfinished.delete(session);
      this.#paused.delete(socket);
      session.end();
    });
  }

  #receive(socket: Socket, chunk: Buffer): void {
    const session = this.#sessions.get(socket);
    if (session === undefined) return;
    const fault = session.receive(chunk);
    if (fault !== undefined) {
      this.#context.counters.refused(fault);
      session.socket.destroy();
      return;
    }
    if (session.unfinished) this.#unfinished.add(session);
    else this.#unfinished.delete(session);
    if (this.#context.congested) this.#pause(session.socket);
  }

  /** Stops reading, so that the sender is made to wait, until the journal has caught up. */
  #pause(socket: Socket): void {
    socket.pause();
    this.#paused.add(socket);
    if (this.#paused.size > 1) return;
    void this.#context.relieved().then(() => {
      const paused = [...this.#paused];
      this.#paused.clear();
      for (const each of paused) each.resume();
    });
  }

  #endUnfinished(): void {
    const nowMs = this.#context.clock.monotonicMs();
    for (const session of this.#unfinished) {
      // A sender that we make wait cannot be late.
      if (session.socket.isPaused()) session.unfinishedSinceMs = nowMs;
      session.settle(nowMs);
      if (!session.owed) {
        if (!session.unfinished) this.#unfinished.delete(session);
        continue;
      }
      if (nowMs - session.unfinishedSinceMs < this.#options.frame_timeout_ms) continue;
      this.#unfinished.delete(session);
      session.end();
      this.#context.counters.refused('timeout');
      session.socket.destroy();
    }
  }

  /** Reads on until the senders fall silent: what they sent before the stop is mostly in the kernel already. */
  async #drain(): Promise<void> {
    const { clock } = this.#context;
    const until = clock.monotonicMs() + DRAIN_MAX_MS;
    for (let before = -1; clock.monotonicMs() < until && this.#sessions.size > 0;) {
      let bytes = 0;
      for (const socket of this.#sessions.keys()) bytes += socket.bytesRead;
      if (bytes === before && this.#paused.size === 0) return;
      before = bytes;
      await sleep(clock, DRAIN_QUIET_MS);
    }
  }
}

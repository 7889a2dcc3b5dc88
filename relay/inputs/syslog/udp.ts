import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { platform } from 'node:os';
import type { DropReason, Input, InputContext } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';
import { sleep, type Timer } from '../../io/clock.ts';
import { formatAddress, type ListenAddress } from '../../io/listen-url.ts';
import { sourceOf } from '../../record/line-writer.ts';
import type { Peer } from './fragments.ts';
import { readKernelDrops } from './kernel-drops.ts';
import type { SyslogOptions } from './options.ts';
import type { SyslogRecords } from './record.ts';
import { WHOLE } from './write-marks.ts';

/** No datagram is longer (RFC 768: 16 bits of length). */
const DATAGRAM_BYTES_MAX = 65_536;
const KERNEL_DROPS_INTERVAL_MS = 5_000;
const WARNING_INTERVAL_MS = 60_000;
/** How long a stop reads what the kernel still holds, and waits for the journal. */
const DRAIN_MAX_MS = 1_000;
const BACKLOG_WAIT_MAX_MS = 5_000;

/** Syslog over UDP (RFC 5426): each datagram is a message. There is no way to make its sender wait, so what is lost is counted. */
export class SyslogUdpInput implements Input {
  readonly #listen: ListenAddress;
  readonly #options: SyslogOptions;
  readonly #context: InputContext;
  readonly #records: SyslogRecords;
  /** Each datagram is copied here, which costs less than a view of its own. */
  readonly #scratch = sourceOf(Buffer.alloc(DATAGRAM_BYTES_MAX));
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #port = 0;

  #backlog: Array<{ readonly datagram: Buffer; readonly address: string }> = [];
  #backlogBytes = 0;
  #draining: Promise<void> | undefined;
  #flushing = false;
  #received = 0;
  #lastAddress = '';
  #lastPeer: Peer | undefined;

  #kernelDrops = 0;
  #lostSinceWarning = 0;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(listen: ListenAddress, options: SyslogOptions, context: InputContext, records: SyslogRecords) {
    this.#listen = listen;
    this.#options = options;
    this.#context = context;
    this.#records = records;
  }

  async start(): Promise<string> {
    const { host, port } = this.#listen;
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      socket.bind(port, host);
      await once(socket, 'listening');
    } catch (cause) {
      socket.close();
      throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on udp://${formatAddress(host, port)}`, { cause });
    }
    // An error on one datagram (an ICMP message, say) must not end the process; receiving goes on.
    socket.on('error', (error) => this.#context.log.warn('datagram socket failed', { error: error.message }));
    socket.on('message', (datagram, peer) => this.#receive(datagram, peer));
    this.#socket = socket;
    this.#askForBuffer(socket);
    const bound = socket.address();
    this.#port = bound.port;
    this.#timer = this.#context.clock.every(KERNEL_DROPS_INTERVAL_MS, () => void this.#countKernelDrops());
    return formatAddress(bound.address, bound.port);
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    this.#timer?.cancel();
    const { clock } = this.#context;
    const until = clock.monotonicMs() + DRAIN_MAX_MS;
    for (let before = -1; before !== this.#received && clock.monotonicMs() < until;) {
      before = this.#received;
      await sleep(clock, 10);
    }
    await this.#countKernelDrops();
    const closed = once(socket, 'close');
    socket.close();
    await closed;
    await Promise.race([this.#draining, sleep(clock, BACKLOG_WAIT_MAX_MS)]);
    if (this.#backlog.length > 0) this.#lost(this.#backlog.length, 'aborted');
    this.#backlog = [];
    this.#context.flush();
  }

  /** Linux keeps, and reports, twice what it is asked for, to have room for its own bookkeeping (socket(7), SO_RCVBUF). */
  #askForBuffer(socket: Socket): void {
    const asked = this.#options.receive_buffer_bytes;
    socket.setRecvBufferSize(asked);
    const reported = socket.getRecvBufferSize();
    const granted = platform() === 'linux' ? Math.floor(reported / 2) : reported;
    if (granted >= asked) return;
    this.#context.log.warn('the kernel grants a smaller receive buffer than asked for', {
      asked_bytes: asked,
      granted_bytes: granted,
      remedy: `sysctl -w net.core.rmem_max=${asked}`,
    });
  }

  #receive(datagram: Buffer, { address }: RemoteInfo): void {
    this.#received++;
    if (this.#draining !== undefined || this.#context.congested) {
      this.#hold(datagram, address);
      return;
    }
    if (!this.#flushing) this.#beginTurn();
    this.#record(datagram, address);
  }

  /** The clock is read, and the journal told, once for all that arrives in one turn of the event loop. */
  #beginTurn(): void {
    this.#flushing = true;
    this.#context.recorder.touch();
    this.#context.clock.soon(() => {
      this.#flushing = false;
      this.#context.flush();
    });
  }

  #record(datagram: Buffer, address: string): void {
    const length = withoutLineEnd(datagram);
    if (length === 0) return;
    const source = this.#scratch;
    source.bytes.set(datagram);
    const peer = this.#peer(address);
    const bytesMax = this.#options.message_bytes_max;
    if (length <= bytesMax) {
      this.#records.write(source, 0, length, peer, WHOLE);
      return;
    }
    for (let start = 0, part = 1; start < length; start += bytesMax, part++) {
      const end = Math.min(length, start + bytesMax);
      this.#records.write(source, start, end, peer, { part, totalBytes: length, cut: false });
    }
  }

  #peer(address: string): Peer {
    if (this.#lastPeer === undefined || address !== this.#lastAddress) {
      this.#lastAddress = address;
      this.#lastPeer = this.#records.peer(address.startsWith('::ffff:') ? address.slice(7) : address);
    }
    return this.#lastPeer;
  }

  #hold(datagram: Buffer, address: string): void {
    if (this.#backlogBytes + datagram.length > this.#options.backlog_bytes_max) {
      this.#lost(1, 'backlog_full');
      return;
    }
    this.#backlog.push({ datagram, address });
    this.#backlogBytes += datagram.length;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#backlog.length > 0) {
      await this.#context.relieved();
      const held = this.#backlog;
      this.#backlog = [];
      this.#backlogBytes = 0;
      this.#context.recorder.touch();
      let taken = 0;
      while (taken < held.length && !this.#context.congested) {
        const { datagram, address } = held[taken++]!;
        this.#record(datagram, address);
      }
      this.#backlog = held.slice(taken);
      for (const { datagram } of this.#backlog) this.#backlogBytes += datagram.length;
      this.#context.flush();
    }
    this.#draining = undefined;
  }

  async #countKernelDrops(): Promise<void> {
    const drops = await readKernelDrops(this.#listen.host, this.#port);
    if (drops === undefined || drops <= this.#kernelDrops) return;
    const lost = drops - this.#kernelDrops;
    this.#kernelDrops = drops;
    this.#lost(lost, 'kernel_buffer_full');
  }

  #lost(count: number, reason: DropReason): void {
    this.#context.counters.dropped(count, reason);
    this.#lostSinceWarning += count;
    const nowMs = this.#context.clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < WARNING_INTERVAL_MS) return;
    this.#context.log.warn('datagrams were lost', { records: this.#lostSinceWarning, reason });
    this.#warnedAtMs = nowMs;
    this.#lostSinceWarning = 0;
  }
}

/** The length of a datagram without the LF or NUL that some senders put at its end. */
function withoutLineEnd(datagram: Buffer): number {
  const { length } = datagram;
  const last = length > 0 ? datagram[length - 1] : -1;
  if (last === 0x00) return length - 1;
  if (last !== 0x0a) return length;
  return length > 1 && datagram[length - 2] === 0x0d ? length - 2 : length - 1;
}

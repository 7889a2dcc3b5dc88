import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DropReason, Input, InputContext } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';
import { sleep, type Timer } from '../../io/clock.ts';
import { formatAddress, type ListenAddress } from '../../io/listen-url.ts';
import { sourceOf, type Source } from '../../record/line-writer.ts';
import { DATAGRAM_BYTES_MAX } from './datagram-block.ts';
import { openDatagramSocket } from './datagram-socket.ts';
import { DatagramThreads, type DatagramBlock } from './datagram-threads.ts';
import type { Peer } from './fragments.ts';
import { readKernelDrops } from './kernel-drops.ts';
import type { SyslogOptions } from './options.ts';
import type { SyslogRecords } from './record.ts';
import { WHOLE } from './write-marks.ts';

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
  #threads: DatagramThreads | undefined;
  #timer: Timer | undefined;
  #port = 0;
  #stopped = false;

  #backlog: Array<{ readonly datagram: Buffer; readonly address: string }> = [];
  #backlogBytes = 0;
  /** What receiving threads have handed over. */
  #blocks: DatagramBlock[] = [];
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
    const opened = await this.#open().catch((cause: unknown) => {
      throw new RelayError('INPUT_LISTEN_FAILED', `cannot listen on udp://${formatAddress(host, port)}`, { cause });
    });
    this.#port = opened.port;
    this.#timer = this.#context.clock.every(KERNEL_DROPS_INTERVAL_MS, () => void this.#countKernelDrops());
    const asked = this.#options.receive_buffer_bytes;
    if (opened.bufferBytes < asked)
      this.#context.log.warn('the kernel grants a smaller receive buffer than asked for', {
        asked_bytes: asked,
        granted_bytes: opened.bufferBytes,
        remedy: `sysctl -w net.core.rmem_max=${asked}`,
      });
    return formatAddress(opened.host, opened.port);
  }

  async #open(): Promise<{ readonly host: string; readonly port: number; readonly bufferBytes: number }> {
    const { clock, log } = this.#context;
    const { receive_buffer_bytes: bufferBytes, receive_threads: threads, backlog_bytes_max } = this.#options;
    const address = { ...this.#listen, bufferBytes };
    if (threads > 0) {
      this.#threads = new DatagramThreads({
        threads,
        address,
        backlogBytesMax: backlog_bytes_max,
        clock,
        log,
        onBlock: (block) => this.#receiveBlock(block),
        onDropped: (datagrams) => this.#lost(datagrams, 'backlog_full'),
        onFailed: (error) => log.error('a thread that receives datagrams has ended', { error: error.message }),
      });
      return this.#threads.start();
    }
    const opened = await openDatagramSocket({ ...address, shared: false });
    // An error on one datagram (an ICMP message, say) must not end the process; receiving goes on.
    opened.socket.on('error', (error) => log.warn('datagram socket failed', { error: error.message }));
    opened.socket.on('message', (datagram, peer) => this.#receive(datagram, peer));
    this.#socket = opened.socket;
    return opened;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    const { clock } = this.#context;
    if (this.#socket !== undefined) await this.#drainSocket();
    await this.#threads?.stop();
    await this.#countKernelDrops();
    const closed = this.#socket === undefined ? undefined : once(this.#socket, 'close');
    this.#socket?.close();
    await closed;
    await Promise.race([this.#draining, sleep(clock, BACKLOG_WAIT_MAX_MS)]);
    const left = this.#backlog.length + this.#blocks.reduce((sum, { datagrams }) => sum + datagrams, 0);
    if (left > 0) this.#lost(left, 'aborted');
    this.#backlog = [];
    this.#blocks = [];
    this.#context.flush();
  }

  /** Reads what the kernel still holds. */
  async #drainSocket(): Promise<void> {
    const { clock } = this.#context;
    const until = clock.monotonicMs() + DRAIN_MAX_MS;
    for (let before = -1; before !== this.#received && clock.monotonicMs() < until;) {
      before = this.#received;
      await sleep(clock, 10);
    }
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
    this.#scratch.bytes.set(datagram);
    this.#write(this.#scratch, 0, datagram.length, address);
  }

  #write(source: Source, start: number, bytes: number, address: string): void {
    const length = withoutLineEnd(source.bytes, start, bytes);
    if (length === 0) return;
    const peer = this.#peer(address);
    const bytesMax = this.#options.message_bytes_max;
    if (length <= bytesMax) {
      this.#records.write(source, start, start + length, peer, WHOLE);
      return;
    }
    for (let at = 0, part = 1; at < length; at += bytesMax, part++) {
      const end = Math.min(length, at + bytesMax);
      this.#records.write(source, start + at, start + end, peer, { part, totalBytes: length, cut: false });
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

  #receiveBlock(block: DatagramBlock): void {
    this.#blocks.push(block);
    this.#draining ??= this.#drainBlocks();
  }

  async #drainBlocks(): Promise<void> {
    const { clock, recorder } = this.#context;
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      if (this.#context.congested) await this.#context.relieved();
      // It may have been given up meanwhile.
      if (this.#blocks.shift() === undefined) break;
      const { source } = block;
      recorder.touch();
      block.forEach((start, length, sender) => this.#write(source, start, length, sender));
      this.#context.flush();
      block.release();
      // Others have their turn.
      await new Promise<void>((resolve) => clock.soon(resolve));
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
function withoutLineEnd(bytes: Uint8Array, start: number, length: number): number {
  const last = length > 0 ? bytes[start + length - 1] : -1;
  if (last === 0x00) return length - 1;
  if (last !== 0x0a) return length;
  return length > 1 && bytes[start + length - 2] === 0x0d ? length - 2 : length - 1;
}

import { Worker } from 'node:worker_threads';
import { describeError } from '../../errors.ts';
import { type Clock, sleep } from '../../io/clock.ts';
import { sourceOf, type Source } from '../../record/line-writer.ts';
import type { Log } from '../../telemetry/logger.ts';
import { BLOCK_BYTES_MIN, forEachDatagram } from './datagram-block.ts';
import type { DatagramAddress } from './datagram-socket.ts';

export interface ReceiverOptions extends DatagramAddress {
  /** How many blocks there may be; what comes while the other thread has them all is dropped. */
  readonly blocks: number;
  readonly blockBytes: number;
}

export type ToReceiver = { readonly kind: 'back'; readonly block: number } | { readonly kind: 'stop' };

export type FromReceiver =
  | { readonly kind: 'open'; readonly host: string; readonly port: number; readonly bufferBytes: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'troubled'; readonly reason: string }
  | {
      readonly kind: 'block';
      readonly block: number;
      readonly shared: SharedArrayBuffer;
      readonly bytes: number;
      readonly datagrams: number;
      readonly senders: readonly string[];
    }
  /** There was no block to put them into. */
  | { readonly kind: 'dropped'; readonly datagrams: number }
  | { readonly kind: 'stopped' };

/** Datagrams that arrived together. */
export interface DatagramBlock {
  readonly source: Source;
  readonly datagrams: number;
  forEach(visit: (start: number, length: number, sender: string) => void): void;
  /** Gives its memory back to the thread that received it; to be called once. */
  release(): void;
}

export interface DatagramThreadsOptions {
  readonly threads: number;
  readonly address: Omit<DatagramAddress, 'shared'>;
  /** What may wait to be recorded, over all threads. */
  readonly backlogBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onBlock: (block: DatagramBlock) => void;
  readonly onDropped: (datagrams: number) => void;
  /** A thread has ended: nothing more comes from its senders. */
  readonly onFailed: (error: Error) => void;
}

const BLOCK_BYTES = 262_144;
/** One is recorded while another one is filled. */
const BLOCKS_MIN = 2;
/** How long a thread may take to stop. */
const STOP_MAX_MS = 3_000;

type Opened = Extract<FromReceiver, { kind: 'open' }>;

interface Receiver {
  readonly worker: Worker;
  readonly stopped: Promise<void>;
}

/** Threads that receive datagrams, each with a socket of its own. Where there are several, the kernel gives each sender to one of them. */
export class DatagramThreads {
  readonly #options: DatagramThreadsOptions;
  readonly #receivers: Receiver[] = [];
  #stopping = false;

  constructor(options: DatagramThreadsOptions) {
    this.#options = options;
  }

  /** Opens all sockets, or throws what keeps one from it, with none left open. */
  async start(): Promise<Opened> {
    const { threads, address } = this.#options;
    try {
      // The first finds the port for all.
      const first = await this.#open({ ...address, shared: threads > 1 });
      for (let n = 1; n < threads; n++)
        if (!(await this.#openAnother({ ...address, port: first.port, shared: true }))) break;
      return first;
    } catch (error) {
      this.#stopping = true;
      await this.#terminate();
      throw error;
    }
  }

  /** Resolves when all that had come has been handed over. The blocks may be read on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { worker } of this.#receivers) worker.postMessage({ kind: 'stop' } satisfies ToReceiver);
    const stopped = Promise.all(this.#receivers.map((receiver) => receiver.stopped));
    await Promise.race([stopped, sleep(this.#options.clock, STOP_MAX_MS)]);
    await this.#terminate();
  }

  /** False where this Node cannot listen on one port several times: then those that do have all senders. */
  async #openAnother(address: DatagramAddress): Promise<boolean> {
    try {
      await this.#open(address);
      return true;
    } catch (error) {
      const { worker } = this.#receivers.pop()!;
      await worker.terminate();
      this.#options.log.warn('fewer threads receive datagrams than were asked for', { error: describeError(error) });
      return false;
    }
  }

  async #open(address: DatagramAddress): Promise<Opened> {
    const { threads, backlogBytesMax } = this.#options;
    const share = Math.floor(backlogBytesMax / threads);
    const blockBytes = Math.max(BLOCK_BYTES_MIN, Math.min(BLOCK_BYTES, Math.floor(share / BLOCKS_MIN)));
    const blocks = Math.max(BLOCKS_MIN, Math.floor(share / blockBytes));
    const worker = startReceiver({ ...address, blocks, blockBytes });
    const stopped = Promise.withResolvers<void>();
    this.#receivers.push({ worker, stopped: stopped.promise });
    const sources = new Map<number, Source>();
    let isOpen = false;
    return new Promise<Opened>((resolve, reject) => {
      worker.on('message', (message: FromReceiver) => {
        if (message.kind === 'open') {
          isOpen = true;
          resolve(message);
        } else if (message.kind === 'failed') reject(new Error(message.reason));
        else if (message.kind === 'stopped') stopped.resolve();
        this.#receive(worker, sources, message);
      });
      const ended = (error: Error): void => {
        stopped.resolve();
        reject(error);
        if (isOpen && !this.#stopping) this.#options.onFailed(error);
      };
      worker.on('error', ended);
      worker.on('exit', () => ended(new Error('the receiving thread ended by itself')));
    });
  }

  #receive(worker: Worker, sources: Map<number, Source>, message: FromReceiver): void {
    const { log, onBlock, onDropped } = this.#options;
    if (message.kind === 'troubled') log.warn('datagram socket failed', { error: message.reason });
    if (message.kind === 'dropped') onDropped(message.datagrams);
    if (message.kind !== 'block') return;
    const { block, shared, bytes, senders, datagrams } = message;
    const source = sources.get(block) ?? sourceOf(Buffer.from(shared));
    sources.set(block, source);
    onBlock({
      source,
      datagrams,
      forEach: (visit) => forEachDatagram(source.view, bytes, (start, length, n) => visit(start, length, senders[n]!)),
      release: () => worker.postMessage({ kind: 'back', block } satisfies ToReceiver),
    });
  }

  async #terminate(): Promise<void> {
    await Promise.all(this.#receivers.map(({ worker }) => worker.terminate()));
  }
}

/** The same code runs as TypeScript source and as built JavaScript. */
function startReceiver(options: ReceiverOptions): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./datagram-worker.${extension}`, import.meta.url), {
    workerData: options,
    name: 'datagrams',
    // Each datagram is garbage as soon as it is copied: little of it at a time keeps the pauses short.
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 },
  });
}

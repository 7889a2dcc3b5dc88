import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from '../runner/chance.ts';
import { type ChunkFormat, type Chunk, encodeChunk, type SenderFields, type TailedLine } from './chunk.ts';
import { type Delivery, type DeliveryOptions, ForwardDelivery, HttpDelivery } from './delivery.ts';
import { TailDatabase } from './tail-database.ts';
import { TailedFile } from './tailed-file.ts';

const CHUNK_BYTES_MAX = 2_000_000;
const READ_INTERVAL_MS = 100;
/** Fluent Bit was seen to open so many for a backlog. */
const CONNECTIONS_MAX = 11;

export interface TailerOptions {
  /** Folders whose `.log` files are read. */
  readonly folders: readonly string[];
  /** Of these, the folders in whose files empty lines are passed over. */
  readonly skipEmptyIn?: readonly string[];
  /** Where it notes how far it has read. */
  readonly database: string;
  readonly format: ChunkFormat;
  readonly port: number;
  readonly chance: Chance;
  /** Files whose names begin so are left out. */
  readonly leaveOut?: string;
  /** How the sender names its files, where it sees them elsewhere. */
  readonly rename?: (path: string) => string;
  /** That it sends from. */
  readonly localAddress?: string;
  readonly fields?: SenderFields;
  readonly refreshMs: number;
  readonly flushMs: number;
  readonly responseTimeoutMs: number;
  /** Waiting before a chunk is sent again: from the first, doubling, to the second. */
  readonly retryMs: readonly [first: number, most: number];
}

/**
 * Reads files and sends their lines as a Fluent Bit with the shipped configuration would: in chunks that never change, several at once
 * and so out of order, each again until it is taken.
 */
export class Tailer implements AsyncDisposable {
  readonly #options: TailerOptions;
  readonly #files = new Map<string, TailedFile>();
  readonly #database: TailDatabase;
  readonly #delivery: Delivery;
  readonly #chunks: Chunk[] = [];
  readonly #stopped = new AbortController();
  #gathered: TailedLine[] = [];
  #gatheredBytes = 0;
  #underWay = 0;
  #loops: Promise<unknown> = Promise.resolve();
  /** Lines read, taken by the relay, and dropped since the relay would never take them. */
  read = 0;
  delivered = 0;
  dropped = 0;
  retries = 0;

  constructor(options: TailerOptions) {
    this.#options = options;
    this.#database = new TailDatabase(options.database);
    const delivery: DeliveryOptions = {
      host: '127.0.0.1',
      port: options.port,
      timeoutMs: options.responseTimeoutMs,
      connectionsMax: CONNECTIONS_MAX,
      localAddress: options.localAddress ?? '127.0.0.1',
    };
    this.#delivery =
      options.format === 'forward'
        ? new ForwardDelivery(delivery)
        : new HttpDelivery(delivery, options.format === 'json' ? 'application/json' : 'application/msgpack');
  }

  start(): void {
    const { refreshMs, flushMs } = this.#options;
    this.#loops = Promise.all([
      this.#each(refreshMs, () => this.#refresh()),
      this.#each(READ_INTERVAL_MS, () => this.#readAll()),
      this.#each(flushMs, () => this.#flush()),
    ]);
  }

  /** How far a file was read, for a keeper in the same process. */
  offset(path: string, inode: number): number {
    return this.#database.offset(path, inode);
  }

  /** Nothing is read that is not delivered, or dropped. */
  get idle(): boolean {
    return this.#underWay === 0 && this.#chunks.length === 0 && this.#gathered.length === 0;
  }

  /** Reads and sends what there is, as at SIGTERM, for so long at most. Returns how many lines are left unsent. */
  async drain(graceMs: number): Promise<number> {
    const untilMs = performance.now() + graceMs;
    do {
      this.#refresh();
      this.#readAll();
      this.#flush();
      await sleep(20);
    } while (!this.idle && performance.now() < untilMs);
    return this.read - this.delivered - this.dropped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#loops;
    while (this.#underWay > 0) await sleep(10);
    this.#delivery.close();
    for (const file of this.#files.values()) file.close();
    this.#database.close();
  }

  async #each(intervalMs: number, work: () => void): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      work();
      await sleep(intervalMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  #refresh(): void {
    for (const folder of this.#options.folders)
      for (const name of namesIn(folder)) {
        const path = join(folder, name);
        if (!name.endsWith('.log') || this.#isLeftOut(name) || this.#files.has(path)) continue;
        try {
          const file = new TailedFile(path);
          this.#files.set(path, file);
          this.#database.note(file);
        } catch {
          // Gone between the listing and now.
        }
      }
  }

  #readAll(): void {
    for (const file of this.#files.values()) {
      const { offset, deleted } = file;
      for (let lines = file.read(); lines !== undefined; lines = file.read())
        for (const line of lines) if (line.log.length > 0 || !this.#skipsEmpty(file)) this.#gather(line);
      if (file.offset !== offset) this.#database.note(file);
      if (!deleted) continue;
      this.#database.forget(file);
      this.#files.delete(file.path);
      file.close();
    }
  }

  #isLeftOut(name: string): boolean {
    const { leaveOut } = this.#options;
    return leaveOut !== undefined && name.startsWith(leaveOut);
  }

  #skipsEmpty({ path }: TailedFile): boolean {
    return this.#options.skipEmptyIn?.includes(dirname(path)) === true;
  }

  #gather(line: TailedLine): void {
    this.#gathered.push({ ...line, file: this.#options.rename?.(line.file) ?? line.file });
    this.#gatheredBytes += line.log.length + line.file.length;
    this.read++;
    if (this.#gatheredBytes >= CHUNK_BYTES_MAX) this.#close();
  }

  #close(): void {
    if (this.#gathered.length === 0) return;
    const { format, fields } = this.#options;
    this.#chunks.push(encodeChunk(format, this.#gathered, Date.now(), fields));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #flush(): void {
    this.#close();
    while (this.#underWay < CONNECTIONS_MAX) {
      // Any of them may be the next.
      const [chunk] = this.#chunks.splice(this.#options.chance.between(0, Math.max(0, this.#chunks.length - 1)), 1);
      if (chunk === undefined) return;
      void this.#send(chunk);
    }
  }

  async #send(chunk: Chunk): Promise<void> {
    const [first, most] = this.#options.retryMs;
    this.#underWay++;
    for (let waitMs = first; ; waitMs = Math.min(most, waitMs * 2)) {
      try {
        if (await this.#delivery.send(chunk)) this.delivered += chunk.records;
        else this.dropped += chunk.records;
        break;
      } catch {
        if (this.#stopped.signal.aborted) break;
        this.retries++;
        await sleep(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
      }
    }
    this.#underWay--;
    if (!this.#stopped.signal.aborted) this.#flush();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

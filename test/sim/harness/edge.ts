import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Chance } from '../runner/chance.ts';
import type { ChunkFormat } from '../tailer/chunk.ts';
import { Tailer } from '../tailer/tailer.ts';
import { type Installation, KeeperProcess } from './installation.ts';

/** What stands between the runners' files and the relay: keepers, and whatever reads what they keep. */
export interface Edge extends AsyncDisposable {
  /** Lines that were read from the files so far, where it is known. */
  readonly linesRead: number;
  /** As a pod's preStop: waits until everything that is kept was delivered. Returns what is left, or undefined where nothing is. */
  drain(graceMs: number): Promise<string | undefined>;
  /** What happened on the way, for the report. */
  report(): Record<string, unknown>;
}

export interface StandInOptions {
  readonly installations: readonly Installation[];
  /** Where the tailer notes how far it has read. */
  readonly folder: string;
  readonly format: ChunkFormat;
  readonly port: number;
  readonly seed: number;
  readonly nice: number;
  /** How often it looks for new files, and sends what it has read. */
  readonly intervalMs: number;
}

/** Real keepers, and one stand-in for all Fluent Bits. */
export async function startStandIn(options: StandInOptions): Promise<Edge> {
  const { installations, folder, format, port, seed, nice, intervalMs } = options;
  const positions = join(folder, 'positions');
  mkdirSync(positions, { recursive: true });
  const unended = installations.map(({ kept }) => join(kept, 'unended'));
  const tailer = new Tailer({
    folders: [...installations.map(({ kept }) => kept), ...unended],
    skipEmptyIn: unended,
    database: join(positions, 'tail.db'),
    format,
    port,
    chance: new Chance(seed),
    refreshMs: intervalMs,
    flushMs: intervalMs,
    responseTimeoutMs: 5_000,
    retryMs: [intervalMs, 5 * intervalMs],
  });
  const keepers = installations.map((installation) => new KeeperProcess(installation, positions, nice));
  await Promise.all(keepers.map((keeper) => keeper.ready()));
  tailer.start();
  return {
    get linesRead() {
      return tailer.read;
    },
    async drain(graceMs) {
      const left = await tailer.drain(graceMs);
      return left === 0 ? undefined : `${left} lines`;
    },
    report: () => ({
      read: tailer.read,
      delivered: tailer.delivered,
      dropped: tailer.dropped,
      sentAgain: tailer.retries,
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all(keepers.map((keeper) => keeper[Symbol.asyncDispose]()));
      await tailer[Symbol.asyncDispose]();
    },
  };
}

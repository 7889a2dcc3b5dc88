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
  readonly format: ChunkFormat;
  readonly port: number;
  readonly seed: number;
  /** Of the keepers. */
  readonly nice: number;
  /** How often it looks for new files, and sends what it has read. */
  readonly intervalMs: number;
  /**
   * How installations are told apart. `machines`: each has paths of its own. `pods`: all have the same paths, each its own address.
   * `gateway`: the same paths and one address, so that only what the plugin adds tells them apart.
   */
  readonly layout: Layout;
  /** False: nobody reads them, so nobody knows whose the pages are. */
  readonly workerLogs: boolean;
}

export type Layout = 'machines' | 'pods' | 'gateway';

export const layouts: readonly Layout[] = ['machines', 'pods', 'gateway'];

/** Real keepers, and a stand-in for the Fluent Bit beside each. */
export async function startStandIn(options: StandInOptions): Promise<Edge> {
  const { installations, nice } = options;
  const keepers = installations.map((installation) => new KeeperProcess(installation, installation.sidecar, nice));
  await Promise.all(keepers.map((keeper) => keeper.ready()));
  const tailers = installations.map((installation, index) => startTailer(installation, index, options));
  const sum = (figure: (tailer: Tailer) => number): number => tailers.reduce((all, tailer) => all + figure(tailer), 0);
  return {
    get linesRead() {
      return sum(({ read }) => read);
    },
    async drain(graceMs) {
      const left = await Promise.all(tailers.map((tailer) => tailer.drain(graceMs)));
      const lines = left.reduce((all, one) => all + one, 0);
      return lines === 0 ? undefined : `${lines} lines`;
    },
    report: () => ({
      read: sum(({ read }) => read),
      delivered: sum(({ delivered }) => delivered),
      dropped: sum(({ dropped }) => dropped),
      sentAgain: sum(({ retries }) => retries),
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...keepers, ...tailers].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}

function startTailer({ kept, sidecar, name: pod }: Installation, index: number, options: StandInOptions): Tailer {
  const { format, port, seed, intervalMs, layout, workerLogs } = options;
  const unended = join(kept, 'unended');
  const tailer = new Tailer({
    folders: [kept, unended],
    skipEmptyIn: [unended],
    database: join(sidecar, 'tail.db'),
    format,
    port,
    chance: new Chance(seed + index),
    refreshMs: intervalMs,
    flushMs: intervalMs,
    responseTimeoutMs: 5_000,
    retryMs: [intervalMs, 5 * intervalMs],
    ...(workerLogs ? {} : { leaveOut: 'Worker_' }),
    ...(layout === 'machines' ? {} : { rename: (path: string) => path.replace(sidecar, '/spillway') }),
    ...(layout === 'pods' ? { localAddress: `127.0.1.${index + 1}` } : {}),
    ...(layout === 'gateway' ? { fields: { host: { name: pod }, github: { runner: { name: pod, pod } } } } : {}),
  });
  tailer.start();
  return tailer;
}

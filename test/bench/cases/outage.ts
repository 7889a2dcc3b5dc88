import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import type { Contender, Site } from '../contenders/contender.ts';
import { nowUs } from '../load/child.ts';

export interface Outage {
  readonly intake_per_s: number;
  readonly drain_per_s: number;
  readonly disk_bytes_per_record: number;
  readonly lost: number;
  readonly repeated: number;
  /** Lines that came out and had never gone in: cut, merged or made up. */
  readonly unknown: number;
}

export interface Crash {
  /** Killed right after it had read all, while the endpoint was down. TCP acknowledges nothing, so a little may be lost by all. */
  readonly lost: number;
  /** Killed once more while it drained. */
  readonly repeated: number;
  readonly out_of_order: number;
}

const CONNECTIONS = 4;
const STALL_MS = 15_000;
/** The directory has settled when it has not changed for this long. */
const SETTLED_MS = 1_500;

/** The endpoint is down while the records come in, then up: how fast either goes, and what lies on disk between. */
export async function outage(bench: Bench, contender: Contender, records: number): Promise<Outage> {
  const { sink } = bench;
  const site = await downSite(bench, contender, records);
  await using program = await bench.start(contender, site);
  const taken = await intake(bench, site, records);
  const disk = await settledDiskBytes(site.directory);
  const arriving = sink.call('wait', { records: taken.records, stallMs: STALL_MS });
  await sink.call('listen', { port: site.endpointPort });
  const arrived = await arriving;
  await sleep(300);
  const verdict = await sink.call('verdict', { sent: taken.records });
  await program.stop();
  return {
    intake_per_s: taken.perS,
    drain_per_s: (arrived.records - 1) / ((arrived.lastAtUs - arrived.firstAtUs) / 1e6),
    disk_bytes_per_record: disk / taken.records,
    lost: verdict?.lost ?? 0,
    repeated: verdict?.repeated ?? 0,
    unknown: verdict?.unknown ?? 0,
  };
}

/** Killed twice: with all records waiting, and half way through the drain. */
export async function crash(bench: Bench, contender: Contender, records: number): Promise<Crash> {
  const { sink } = bench;
  const site = await downSite(bench, contender, records);
  await using first = await bench.start(contender, site);
  const taken = await intake(bench, site, records);
  await first.kill();
  await using second = await bench.start(contender, site);
  const half = sink.call('wait', { records: Math.floor(taken.records / 2), stallMs: STALL_MS });
  await sink.call('listen', { port: site.endpointPort });
  await half;
  await second.kill();
  const rest = sink.call('wait', { records: taken.records, stallMs: STALL_MS });
  await using third = await bench.start(contender, site);
  await rest;
  await sleep(1_000);
  const verdict = await sink.call('verdict', { sent: taken.records });
  await third.stop();
  return { lost: verdict?.lost ?? 0, repeated: verdict?.repeated ?? 0, out_of_order: verdict?.outOfOrder ?? 0 };
}

async function downSite(bench: Bench, contender: Contender, records: number): Promise<Site> {
  const site = await bench.site(contender);
  await bench.sink.call('refuse');
  await bench.sink.call('begin', { mode: 'judge', records, connections: CONNECTIONS });
  return site;
}

/** Until the contender has read everything: it closes its side of a connection only after the last byte. */
async function intake({ generator }: Bench, site: Site, records: number): Promise<{ records: number; perS: number }> {
  await generator.call('open', { port: site.input.port, count: CONNECTIONS });
  const sent = await generator.call('blast', { records });
  const closed = await generator.call('close');
  return { records: sent.records, perS: sent.records / ((closed.endedAtUs - sent.startedAtUs) / 1e6) };
}

async function settledDiskBytes(directory: string): Promise<number> {
  let before = -1;
  for (const deadline = nowUs() + 60e6; nowUs() < deadline;) {
    const now = diskBytes(directory);
    if (now === before) break;
    before = now;
    await sleep(SETTLED_MS);
  }
  return before;
}

/** What the files below a directory take on disk, holes not counted. */
export function diskBytes(directory: string): number {
  return readdirSync(directory, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(directory, entry.name);
    return sum + (entry.isDirectory() ? diskBytes(path) : allocated(path));
  }, 0);
}

/** 0 where the file has gone meanwhile. */
function allocated(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

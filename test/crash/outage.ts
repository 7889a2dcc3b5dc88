import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROL_SOCKET } from '../../relay/admin/control-socket.ts';
import { Archive } from '../../relay/journal/archive.ts';
import type { RelayStatus } from '../../relay/runtime/status.ts';
import { OutageReceiver } from './outage-receiver.ts';
import { AcknowledgedSource, TcpSource, type OutageSender } from './outage-senders.ts';
import { freePorts, RelayProcess } from './relay-process.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
/** Shares of the records: four TCP connections, two of HTTP, two of Fluent Forward. */
const TCP_SHARE = 0.15;
const ACKNOWLEDGED_SHARE = 0.1;
/** So much is sent before the endpoint must have been found down; the kill comes when a TCP sender has sent half. */
const FIRST_PART = 0.1;
const KILL_AT = 0.5;
const DOWN_WAIT_MS = 30_000;
const DRAIN_WAIT_MS = 300_000;

export interface OutageOptions {
  readonly folder: string;
  readonly records: number;
  /** What the TCP senders send at most, together. */
  readonly recordsPerS: number;
  /** Once more `kill -9` and a restart, when a third has been delivered. */
  readonly killWhileDraining: boolean;
  readonly onStep: (step: string) => void;
}

export interface OutageResult {
  readonly records: number;
  /** Everything that is not as promised. Must be empty. */
  readonly problems: readonly string[];
  /** TCP records that were on their way at the kill, in the kernel or in the relay's memory. */
  readonly lostTcp: number;
  /** Of those at most so many were in the kernel's buffers, by their bytes, just before the kill. */
  readonly kernelBytesAtKill: number;
  /** Recorded and not durable: just before the kill, and the most that was seen. */
  readonly inFlightAtKill: number;
  readonly inFlightMost: number;
  readonly repeats: number;
  readonly batchesSentAgain: number;
  readonly intakePerS: number;
  readonly drainPerS: number;
  readonly diskBytesPerRecord: number;
  readonly doctor: number;
}

/**
 * An endpoint that is down from the start, senders of three protocols, a `kill -9` in full flow, a restart on the same folder; then the
 * endpoint comes up and gets it all. Every claim about that is checked by number.
 */
export async function outage(options: OutageOptions): Promise<OutageResult> {
  const { folder, records, recordsPerS, onStep } = options;
  const [syslog = 0, http = 0, forward = 0, admin = 0, endpoint = 0] = await freePorts(5);
  const relay = new RelayProcess(folder, {
    data_dir: './data',
    inputs: {
      syslog: { type: 'syslog', listen: `tcp://127.0.0.1:${syslog}` },
      http: { type: 'http', listen: `http://127.0.0.1:${http}` },
      forward: { type: 'forward', listen: `tcp://127.0.0.1:${forward}` },
    },
    endpoints: {
      logstash: {
        type: 'logstash',
        url: `lumberjack://127.0.0.1:${endpoint}`,
        down_after_ms: 1_000,
        backoff_max_ms: 1_000,
      },
    },
    journal: { min_free_bytes: 0 },
    admin: { listen: `127.0.0.1:${admin}` },
  });
  const tcp = [0, 1, 2, 3].map(
    (source) => new TcpSource(syslog, source, Math.round(records * TCP_SHARE), recordsPerS / 4),
  );
  const acknowledged = [4, 5, 6, 7].map(
    (source) =>
      new AcknowledgedSource(
        source < 6 ? 'http' : 'forward',
        source < 6 ? http : forward,
        source,
        Math.round(records * ACKNOWLEDGED_SHARE),
      ),
  );
  const senders: OutageSender[] = [...tcp, ...acknowledged];
  await using receiver = new OutageReceiver(senders.map((sender) => sender.records));
  const problems: string[] = [];

  await relay.start();
  await Promise.all(senders.map((sender) => sender.sendUntil(Math.floor(sender.records * FIRST_PART))));
  await until(() => logged(relay, DOWN) > 0, DOWN_WAIT_MS);
  onStep('the endpoint is down; sending');
  const startedMs = performance.now();
  const storedAtStart = endOf(relay);
  const sending = Promise.all(senders.map((sender) => sender.sendUntil(sender.records)));
  const watch = new InFlightWatch(relay);
  await until(() => tcp.some((sender) => sender.sent >= sender.records * KILL_AT), DRAIN_WAIT_MS);
  const kernelBytesAtKill = kernelBytes(syslog);
  await relay.kill();
  const intakeMs = performance.now() - startedMs;
  await watch.end();
  if (logged(relay, DOWN) !== 1 || logged(relay, BACK) !== 0) problems.push('first process: not one warning "down"');
  const storedBeforeKill = endOf(relay) - 1;
  onStep(`killed with ${storedBeforeKill} records stored; starting again`);
  await relay.start();
  await sending;
  for (const sender of senders) sender.close();
  await until(() => logged(relay, DOWN) > 0, DOWN_WAIT_MS);
  const committed = await settledEnd(relay);
  const diskBytesPerRecord = fileBytes(relay) / (committed - 1);
  onStep(`${committed - 1} records stored; the endpoint comes up`);
  await receiver.listen(endpoint);
  await until(() => logged(relay, BACK) > 0, DOWN_WAIT_MS);
  if (options.killWhileDraining) {
    await until(() => receiver.distinct > committed / 3, DRAIN_WAIT_MS);
    if (logged(relay, DOWN) !== 1 || logged(relay, BACK) !== 1) problems.push('second process: warned more than once');
    await relay.kill();
    onStep(`killed with ${receiver.distinct} records delivered, ${relay.backlog()} owed by the journal`);
    await relay.start();
  }
  await until(() => relay.backlog() === 0, DRAIN_WAIT_MS);
  // A third process finds the endpoint there.
  const warnings = options.killWhileDraining ? 0 : 1;
  if (logged(relay, DOWN) !== warnings || logged(relay, BACK) !== warnings)
    problems.push(`last process: ${logged(relay, DOWN)} × "down", ${logged(relay, BACK)} × "back"`);
  await relay.stop();
  const doctor = doctorOf(relay, problems);
  const lostTcp = checkArrivals(receiver, { tcp, acknowledged, storedBeforeKill, stored: committed - 1 }, problems);
  return {
    records,
    problems,
    lostTcp,
    kernelBytesAtKill,
    inFlightAtKill: watch.last,
    inFlightMost: watch.most,
    repeats: receiver.sources.reduce((sum, source) => sum + source.repeats, 0),
    batchesSentAgain: acknowledged.reduce((sum, sender) => sum + sender.repeatedBatches, 0),
    intakePerS: Math.round(((storedBeforeKill + 1 - storedAtStart) / intakeMs) * 1_000),
    drainPerS: Math.round((receiver.arrivals / Math.max(1, receiver.lastAtMs - receiver.firstAtMs)) * 1_000),
    diskBytesPerRecord: Math.round(diskBytesPerRecord),
    doctor,
  };
}

interface Expected {
  readonly tcp: readonly TcpSource[];
  readonly acknowledged: readonly AcknowledgedSource[];
  readonly storedBeforeKill: number;
  readonly stored: number;
}

/** Returns how many TCP records were lost at the kill; anything that is missing elsewhere is a problem. */
function checkArrivals(receiver: OutageReceiver, expected: Expected, problems: string[]): number {
  const { tcp, acknowledged, storedBeforeKill, stored } = expected;
  let lost = 0;
  for (const { source, sent, connectionsFrom } of tcp) {
    const { distinct, lowest, highest } = receiver.sources[source]!;
    const resumedAt = connectionsFrom.at(-1) ?? 0;
    // More than two where a connection was still taken by the process that was being killed.
    if (connectionsFrom.length < 2) problems.push(`TCP ${source}: was not sending at the kill`);
    // A prefix before the kill, everything after it: so a gap can be at the kill only.
    if (lowest[0] !== 0 || distinct[0] !== highest[0] + 1) problems.push(`TCP ${source}: a gap before the kill`);
    if (lowest[1] !== resumedAt || highest[1] !== sent - 1 || distinct[1] !== sent - resumedAt)
      problems.push(`TCP ${source}: a gap after the kill`);
    lost += resumedAt - (highest[0] + 1);
  }
  for (const { source, sent } of acknowledged) {
    let missing = 0;
    for (let number = 0; number < sent; number++) if (!receiver.has(source, number)) missing++;
    if (missing > 0) problems.push(`source ${source}: ${missing} acknowledged records did not arrive`);
  }
  const ofFirst = receiver.sources.reduce((sum, { distinct }) => sum + distinct[0], 0);
  const arrivedOfFirst = ofFirst + receiver.ownBefore(storedBeforeKill + 1);
  if (arrivedOfFirst !== storedBeforeKill)
    problems.push(`${storedBeforeKill} records were on disk at the kill, ${arrivedOfFirst} of them arrived`);
  const arrived = receiver.distinct + receiver.ownBefore(stored + 1);
  if (arrived !== stored) problems.push(`${stored} records were stored, ${arrived} arrived`);
  if (receiver.unknown > 0) problems.push(`${receiver.unknown} records that nobody sent`);
  if (receiver.sharedIds > 0) problems.push(`${receiver.sharedIds} records share an event.id with another`);
  for (const [source, { outOfOrder, storedTwice }] of receiver.sources.entries()) {
    if (outOfOrder > 0) problems.push(`source ${source}: ${outOfOrder} records out of order`);
    if (storedTwice > 0) problems.push(`source ${source}: ${storedTwice} records came under two ids`);
  }
  return lost;
}

const DOWN = 'endpoint is down; records for it are kept until it is back';
const BACK = 'endpoint is back';

function logged(relay: RelayProcess, message: string): number {
  return relay.log.filter(({ msg }) => msg === message).length;
}

/** Exit code of `spillway doctor`. */
function doctorOf(relay: RelayProcess, problems: string[]): number {
  try {
    execFileSync(process.execPath, [MAIN, 'doctor', '--config', join(relay.folder, 'config.yaml'), '--json']);
    return 0;
  } catch (error) {
    problems.push(`doctor: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function endOf(relay: RelayProcess): number {
  using archive = new Archive(relay.dataFolder);
  return archive.nextSeq();
}

function fileBytes(relay: RelayProcess): number {
  using archive = new Archive(relay.dataFolder);
  return archive.stats().fileBytes;
}

/** The journal's end once it no longer moves. */
async function settledEnd(relay: RelayProcess): Promise<number> {
  for (let before = -1; ;) {
    const now = endOf(relay);
    if (now === before) return now;
    before = now;
    await sleep(1_000);
  }
}

/** Bytes on the way to a port, within the kernel: unread at the receiver, not yet taken over from the sender. See proc(5). */
function kernelBytes(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/);
    const [tx = '0', rx = '0'] = queues.split(':');
    // The state column of a listener's line counts connections, not bytes; its peer's port is 0.
    if (local.endsWith(`:${hex}`) && !remote.endsWith(':0000')) bytes += Number.parseInt(rx, 16);
    else if (remote.endsWith(`:${hex}`)) bytes += Number.parseInt(tx, 16);
  }
  return bytes;
}

/** Asks the relay, over its control socket, how much is not durable yet, for as long as it runs. */
class InFlightWatch {
  last = 0;
  most = 0;
  readonly #relay: RelayProcess;
  readonly #watching: Promise<void>;
  #ended = false;

  constructor(relay: RelayProcess) {
    this.#relay = relay;
    this.#watching = this.#watch();
  }

  end(): Promise<void> {
    this.#ended = true;
    return this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#ended) {
      const status = await statusOf(this.#relay);
      if (status !== undefined) this.last = status.journal.records_in_flight;
      this.most = Math.max(this.most, this.last);
      await sleep(100);
    }
  }
}

function statusOf(relay: RelayProcess): Promise<RelayStatus | undefined> {
  return new Promise((answer) => {
    const socketPath = join(relay.dataFolder, CONTROL_SOCKET);
    const asked = request({ socketPath, path: '/api/v1/status' }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => answer(undefined));
      response.on('end', () => answer(JSON.parse(Buffer.concat(pieces).toString()) as RelayStatus));
    });
    asked.on('error', () => answer(undefined));
    asked.end();
  });
}

async function until(condition: () => boolean, waitMs: number): Promise<void> {
  for (const endMs = performance.now() + waitMs; !condition();) {
    if (performance.now() > endMs) throw new Error(`not within ${waitMs} ms: ${condition.toString()}`);
    await sleep(20);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import type { Contender, Site } from '../contenders/contender.ts';
import { relayCommand } from '../contenders/relay.ts';
import { accepts, datagramsDropped, freePort } from '../network.ts';
import { Program, residentBytes } from '../processes.ts';

export interface Startup {
  readonly ready_ms: number;
  readonly idle_mb: number;
  readonly loaded_mb: number;
}

const POLL_MS = 2;
const IDLE_MS = 3_000;

/** From the start of the process until its inputs are open; then its memory, first idle, then after a load. */
export async function startup(bench: Bench, contender: Contender, records: number): Promise<Startup> {
  const { generator, sink } = bench;
  const site = await bench.site(contender);
  const startedAt = performance.now();
  await using program = await bench.start(contender, site);
  const readyMs = performance.now() - startedAt;
  await sleep(IDLE_MS);
  const idle = residentBytes(program.pid);
  await sink.call('begin', { mode: 'count' });
  await generator.call('open', { port: site.input.port, count: 4 });
  const arriving = sink.call('wait', { records, stallMs: 10_000 });
  await generator.call('blast', { records });
  await arriving;
  const loaded = residentBytes(program.pid);
  await generator.call('close');
  await program.stop();
  return { ready_ms: readyMs, idle_mb: idle / 1e6, loaded_mb: loaded / 1e6 };
}

/** The relay with an input of every kind that needs no certificate: until the last of them is open. */
export async function startupWithEveryInput(bench: Bench, main: string, contender: Contender): Promise<Startup> {
  const site = await bench.site(contender);
  const [udp, http, forward] = await Promise.all(Array.from({ length: 3 }, freePort));
  const tcpPorts = [site.input.port, http!, forward!];
  const command = relayCommand(main, site, everyInput(site, { udp: udp!, http: http!, forward: forward! }));
  const startedAt = performance.now();
  await using program = new Program(command, site.directory);
  for (const port of tcpPorts) await program.ready(() => accepts(port), POLL_MS);
  await program.ready(() => datagramsDropped(udp!) !== undefined, POLL_MS);
  const readyMs = performance.now() - startedAt;
  await sleep(IDLE_MS);
  const idle = residentBytes(program.pid);
  await program.stop();
  return { ready_ms: readyMs, idle_mb: idle / 1e6, loaded_mb: Number.NaN };
}

type Ports = Readonly<Record<'udp' | 'http' | 'forward', number>>;

function everyInput({ input }: Site, ports: Ports): Record<string, object> {
  return {
    syslog_tcp: { type: 'syslog', listen: `tcp://127.0.0.1:${input.port}` },
    syslog_udp: { type: 'syslog', listen: `udp://127.0.0.1:${ports.udp}` },
    http: { type: 'http', listen: `http://127.0.0.1:${ports.http}` },
    forward: { type: 'forward', listen: `tcp://127.0.0.1:${ports.forward}` },
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../crash/relay-process.ts';
import type { Edge } from './edge.ts';
import { type Installation, KeeperProcess } from './installation.ts';

const CONFIG = resolve(import.meta.dirname, '../../../fluent-bit/fluent-bit.yaml');
const MAIN = resolve(import.meta.dirname, '../../../dist/main.js');

export interface FluentBitOptions {
  /** Path of the program. */
  readonly program: string;
  readonly installations: readonly Installation[];
  /** Of the relay's http input. */
  readonly port: number;
  readonly nice: number;
}

interface Running {
  readonly installation: Installation;
  readonly metricsPort: number;
  readonly child: ChildProcess;
}

const START_MS = 30_000;

/** A keeper and a Fluent Bit beside each installation, with the configuration that this repository ships. */
export async function startFluentBit({ program, installations, port, nice }: FluentBitOptions): Promise<Edge> {
  const ports = await freePorts(installations.length);
  const pods = installations.map((installation, index) => ({
    installation,
    metricsPort: ports[index]!,
    keeper: new KeeperProcess(installation, installation.sidecar, nice),
  }));
  await Promise.all(pods.map(({ keeper }) => keeper.ready()));
  const running = pods.map((pod) => ({
    ...pod,
    child: startProgram(program, pod.installation, port, pod.metricsPort),
  }));
  const ended = Promise.all(running.map(({ child }) => once(child, 'exit')));
  await Promise.all(running.map(serving));
  return {
    linesRead: 0,
    async drain(graceMs) {
      const left = await Promise.all(
        running.map(({ installation, metricsPort }) => drain(installation, metricsPort, graceMs)),
      );
      const told = left.filter((text) => text !== undefined);
      return told.length === 0 ? undefined : told.join('; ');
    },
    report: () => ({ warnings: running.flatMap(({ installation }) => warningsOf(installation)).slice(0, 20) }),
    async [Symbol.asyncDispose]() {
      for (const { child } of running) child.kill('SIGTERM');
      await ended;
      await Promise.all(running.map(({ keeper }) => keeper[Symbol.asyncDispose]()));
    },
  };
}

/** Waits until a Fluent Bit answers. One that ends instead has a reason, such as the kernel's limit on watching files. */
async function serving({ child, metricsPort, installation }: Running): Promise<void> {
  const untilMs = Date.now() + START_MS;
  for (;;) {
    const answered = await fetch(`http://127.0.0.1:${metricsPort}/api/v1/uptime`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    if (child.exitCode !== null || Date.now() > untilMs)
      throw new Error(`Fluent Bit of ${installation.name} does not run: ${warningsOf(installation).join('; ')}`);
    await sleep(100);
  }
}

function startProgram(
  program: string,
  { sidecar, name: pod }: Installation,
  port: number,
  metricsPort: number,
): ChildProcess {
  const caFile = join(sidecar, 'ca.pem');
  writeFileSync(caFile, '');
  const child = spawn(program, ['-c', CONFIG], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SPILLWAY_DIR: sidecar,
      SPILLWAY_HOST: '127.0.0.1',
      SPILLWAY_PORT: String(port),
      SPILLWAY_TOKEN: 'none',
      SPILLWAY_TLS: 'off',
      SPILLWAY_CA_FILE: caFile,
      SPILLWAY_METRICS_PORT: String(metricsPort),
      SPILLWAY_RUNNER_NAME: pod,
      SPILLWAY_POD_NAME: pod,
      SPILLWAY_HOST_NAME: pod,
    },
  });
  const log = createWriteStream(join(sidecar, 'fluent-bit.log'));
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}

/** `spillway drain`, as the pod's preStop runs it. Returns what it says where it did not get everything out. */
async function drain(
  { kept, sidecar }: Installation,
  metricsPort: number,
  graceMs: number,
): Promise<string | undefined> {
  const fluentBit = `http://127.0.0.1:${metricsPort}`;
  const places = ['--kept', kept, '--positions', sidecar, '--fluent-bit', fluentBit];
  const words = [MAIN, 'drain', ...places, '--timeout-ms', String(graceMs)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0 ? undefined : said.trim();
}

function warningsOf({ sidecar }: Installation): string[] {
  return readFileSync(join(sidecar, 'fluent-bit.log'), 'utf8')
    .split('\n')
    .filter((line) => /\[ ?(?:warn|error)\]/.test(line));
}

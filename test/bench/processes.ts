import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How to start a program. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Linux counts processor time in this many ticks a second, whatever the kernel's own rate is. */
const TICKS_PER_SECOND = 100;
const STOP_TIMEOUT_MS = 20_000;

const running = new Set<ChildProcess>();

/** Ends what is under test at once: for when the benchmark itself is told to end. */
export function killAllPrograms(): void {
  for (const process of running) process.kill('SIGKILL');
}

/** A program under test, with its output in a file; ended by its own pid, never by name. */
export class Program implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #log: string;

  constructor(command: Command, directory: string) {
    this.#log = join(directory, 'output.log');
    const output = openSync(this.#log, 'a');
    this.#process = spawn(command.file, command.args, {
      cwd: directory,
      env: { PATH: process.env['PATH'], ...command.env },
      stdio: ['ignore', output, output],
    });
    this.#process.on('error', () => {});
    running.add(this.#process);
    this.#process.on('exit', () => running.delete(this.#process));
    closeSync(output);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get ended(): boolean {
    return this.#process.pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to end, and resolves when it has; a program that takes too long is killed. */
  async stop(): Promise<void> {
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#end('SIGTERM');
    clearTimeout(killer);
  }

  /** Polls until `ready`; rejects with the end of its output where it ends first or takes longer than 30 s. */
  async ready(ready: () => Promise<boolean> | boolean, pollMs = 5): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (!(await ready())) {
      if (this.ended || performance.now() > deadline) throw new Error(`did not start:\n${this.lastWords()}`);
      await sleep(pollMs);
    }
  }

  lastWords(): string {
    return readFileSync(this.#log, 'utf8').slice(-1_500);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.ended) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** Processor time, in seconds, that a process and those it started have used. */
export function cpuSeconds(pid: number): number {
  return family(pid).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** Processor time, in seconds, that all processes of the machine have used since it started, with what its host took away. */
export function machineCpuSeconds(): number {
  // proc(5): user, nice, system, idle, iowait, irq, softirq, steal. Interrupts belong to nobody, so they are left out.
  const ticks = readProc('/proc/stat').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  return [0, 1, 2, 7].reduce((sum, field) => sum + (ticks[field] ?? 0), 0) / TICKS_PER_SECOND;
}

/** Memory in RAM, in bytes, of a process and those it started. */
export function residentBytes(pid: number): number {
  return family(pid).reduce((sum, { pid }) => sum + residentOf(pid), 0);
}

function residentOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readProc(`/proc/${pid}/status`));
  return Number(match?.[1] ?? 0) * 1_024;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

function family(pid: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)));
  const members = all.filter((stat) => stat.pid === pid);
  for (let n = 0; n < members.length; n++) members.push(...all.filter(({ parent }) => parent === members[n]?.pid));
  return members;
}

/** Reads `/proc/PID/stat` (proc(5)); the name in it may hold spaces and brackets, so what counts comes after its last bracket. */
function statOf(pid: number): Stat {
  const text = readProc(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, parent: Number(fields[1] ?? 0), ticks: Number(fields[11] ?? 0) + Number(fields[12] ?? 0) };
}

/** Empty where the process has gone meanwhile. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

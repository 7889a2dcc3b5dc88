import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Contender, Site } from './contenders/contender.ts';
import { Child } from './load/child.ts';
import type { GeneratorService } from './load/generator.ts';
import type { SinkService } from './load/sink.ts';
import { accepts, datagramsDropped, freePort } from './network.ts';
import { Program } from './processes.ts';

const MEASUREMENT_TIMEOUT_MS = 240_000;

function startGenerator(): Child<GeneratorService> {
  return new Child(new URL('./load/generator.ts', import.meta.url));
}

function startSink(): Child<SinkService> {
  return new Child(new URL('./load/sink.ts', import.meta.url));
}

/** What every case works with: the load's two processes, and a place for the contenders' files. */
export class Bench implements AsyncDisposable {
  generator = startGenerator();
  sink = startSink();
  readonly #directory: string;

  /** Files go below `directory`, which should be on the disk that is to be measured. */
  constructor(directory: string = tmpdir()) {
    mkdirSync(resolve(directory), { recursive: true });
    this.#directory = mkdtempSync(join(resolve(directory), 'spillway-bench-'));
  }

  /** A site whose endpoint is up, on a port of its own. */
  async site(contender: Contender, protocol: 'tcp' | 'udp' = 'tcp'): Promise<Site> {
    const directory = join(this.#directory, contender.name);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    await this.generator.call('restart');
    await this.sink.call('refuse');
    const endpointPort = await this.sink.call('listen', { port: 0 });
    return { directory, input: { protocol, port: await freePort() }, endpointPort };
  }

  /** Starts the contender, and waits until its input is open. */
  async start(contender: Contender, site: Site): Promise<Program> {
    const program = new Program(contender.command(site), site.directory);
    const { protocol, port } = site.input;
    await program.ready(protocol === 'tcp' ? () => accepts(port) : () => datagramsDropped(port) !== undefined);
    return program;
  }

  /**
   * Runs one measurement, with an end to how long: past it the load's processes are ended and started anew, at which every call to
   * them rejects, and the measurement with it.
   */
  async withDeadline<T>(measurement: () => Promise<T>): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void this.#endLoad();
    }, MEASUREMENT_TIMEOUT_MS);
    try {
      return await measurement();
    } catch (error) {
      if (late) throw new Error(`took longer than ${MEASUREMENT_TIMEOUT_MS / 1_000} s`, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
      if (late) {
        this.generator = startGenerator();
        this.sink = startSink();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endLoad();
    this.removeFiles();
  }

  removeFiles(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #endLoad(): Promise<void> {
    await Promise.all([this.generator[Symbol.asyncDispose](), this.sink[Symbol.asyncDispose]()]);
  }
}

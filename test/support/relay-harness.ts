import { connect } from 'node:net';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineOutput, type Delivery } from '../../relay/component/output.ts';
import type { Config } from '../../relay/config/config.ts';
import { requireConfig } from '../../relay/config/load.ts';
import { registry as realRegistry, type Registry } from '../../relay/config/registry.ts';
import { RelayError } from '../../relay/errors.ts';
import { systemClock, type Clock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { Relay } from '../../relay/runtime/relay.ts';
import type { Log, LogFields } from '../../relay/telemetry/logger.ts';
import { Metrics } from '../../relay/telemetry/metrics.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What a `memory` endpoint does with what it is given. */
export type Behaviour = 'take' | 'fail' | 'hang' | 'refuse';

/** The other side of a `memory` endpoint. */
export class MemoryEndpoint {
  behaviour: Behaviour = 'take';
  /** What it says when it refuses or fails. */
  reason = 'it does not like it';
  trouble = 'nobody answers';
  readonly lines: string[] = [];
  /** Records in each delivery that was taken, and when it was. */
  readonly deliveries: { readonly records: number; readonly atMs: number }[] = [];

  get messages(): string[] {
    return this.lines.map((line) => (JSON.parse(line) as { message: string }).message);
  }

  async deliver({ lines, records }: Delivery, signal: AbortSignal): Promise<void> {
    if (this.behaviour === 'hang') {
      // Ignores what it is told, as a broken output would.
      void signal;
      await new Promise(() => {});
    }
    if (this.behaviour === 'fail') throw new RelayError('OUTPUT_UNREACHABLE', this.trouble);
    const texts = lines.toString('utf8').split('\n').slice(0, -1);
    const bad = this.behaviour === 'refuse' ? texts.findIndex((text) => text.includes('refuse me')) : -1;
    if (bad >= 0) {
      this.lines.push(...texts.slice(0, bad));
      throw new RelayError('OUTPUT_REFUSED_RECORD', this.reason, { recordIndex: bad });
    }
    this.lines.push(...texts);
    this.deliveries.push({ records, atMs: performance.now() });
  }
}

/** A registry with the real components and a `memory` output, whose endpoints are made as they are named. */
export class MemoryEndpoints {
  readonly #named = new Map<string, MemoryEndpoint>();
  readonly registry: Registry = {
    filters: realRegistry.filters,
    inputs: realRegistry.inputs,
    outputs: [
      ...realRegistry.outputs,
      defineOutput({
        type: 'memory',
        stability: 'stable',
        summary: 'Keeps records in memory.',
        notes: [],
        options: z.strictObject({ tag: z.string().default('').describe('Means nothing.') }),
        acknowledgement: () => 'endpoint',
        addresses: () => [],
        create: (_, { name }) => ({
          limits: { recordsMax: 100, bytesMax: 1_000_000, inFlightMax: 1 },
          deliver: (delivery, signal) => this.at(name).deliver(delivery, signal),
          probe: async () => {},
          close: async () => {},
        }),
      }),
    ],
  };

  at(name: string): MemoryEndpoint {
    let endpoint = this.#named.get(name);
    if (endpoint === undefined) this.#named.set(name, (endpoint = new MemoryEndpoint()));
    return endpoint;
  }
}

export interface Logged {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A relay in this process, on a folder of its own, with everything real but `memory` endpoints. */
export class RelayHarness implements AsyncDisposable {
  readonly #folder = temporaryFolder();
  #clock: Clock = systemClock;
  readonly memory = new MemoryEndpoints();
  readonly logged: Logged[] = [];
  metrics = new Metrics();
  relay!: Relay;
  fatal = false;

  /** `prepare` may put something into its folder before. */
  static async start(
    config: object,
    clock: Clock = systemClock,
    prepare: (folder: string) => void = () => {},
  ): Promise<RelayHarness> {
    const harness = new RelayHarness();
    harness.#clock = clock;
    try {
      prepare(harness.folder);
      await harness.start(config);
    } catch (error) {
      harness.#folder[Symbol.dispose]();
      throw error;
    }
    return harness;
  }

  get folder(): string {
    return this.#folder.path;
  }

  get configFile(): string {
    return join(this.folder, 'config.yaml');
  }

  /** Writes the config file and reads it. Whatever is not said is small and quick. */
  config(config: object): Config {
    const quiet = { journal: { min_free_bytes: 0 }, retention: { anchor_interval_ms: 0 } };
    writeFileSync(this.configFile, JSON.stringify({ data_dir: './data', ...quiet, ...config }));
    return requireConfig({
      file: this.configFile,
      workingFolder: this.folder,
      environment: {},
      registry: this.memory.registry,
    });
  }

  async start(config: object): Promise<void> {
    this.metrics = new Metrics();
    this.relay = await Relay.start(this.config(config), {
      clock: this.#clock,
      random: systemRandom,
      log: this.log,
      metrics: this.metrics,
      onFatal: () => (this.fatal = true),
    });
  }

  reload(config: object): ReturnType<Relay['reload']> {
    return this.relay.reload(this.config(config));
  }

  /** Sends lines to an input that listens on TCP, over a connection of their own. */
  async send(input: string, ...messages: string[]): Promise<void> {
    const socket = connect(this.port(input), '127.0.0.1');
    socket.end(messages.map((message) => `<13>1 - host app - - - ${message}\n`).join(''));
    socket.resume();
    await once(socket, 'close');
  }

  port(input: string): number {
    return Number(/:(\d+)$/.exec(this.relay.inputs.get(input)?.address ?? '')?.[1]);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  loggedAt(level: string): string[] {
    return this.logged.filter((entry) => entry.level === level).map(({ message }) => message);
  }

  get log(): Log {
    return this.#bound({});
  }

  #bound(bindings: LogFields): Log {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void this.logged.push({ level, message, fields: { ...bindings, ...fields } });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.#bound({ ...bindings, ...fields }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay.stop(2_000);
    this.#folder[Symbol.dispose]();
  }
}

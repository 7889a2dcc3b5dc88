import type { ConfiguredInput } from '../config/config.ts';
import type { Workplace } from './changeover.ts';
import { Counters, InputHost, type InputWorld } from './input-host.ts';

/** The inputs at work. One that changes goes on counting where it was. */
export class Inputs implements Workplace<ConfiguredInput> {
  readonly #world: InputWorld;
  readonly #hosts = new Map<string, InputHost>();
  readonly #counters = new Map<string, Counters>();

  constructor(world: InputWorld) {
    this.#world = world;
  }

  get hosts(): ReadonlyMap<string, InputHost> {
    return this.#hosts;
  }

  /** Starts several at once. Throws what is wrong with the first of them that cannot start, when each has started or failed. */
  async startAll(configured: readonly ConfiguredInput[]): Promise<void> {
    const outcomes = await Promise.allSettled(configured.map((input) => this.start(input)));
    // In the order of the config, not of what was ready first.
    const order = new Map(configured.map(({ name }) => [name, this.#hosts.get(name)]));
    for (const [name, host] of order) {
      this.#hosts.delete(name);
      if (host !== undefined) this.#hosts.set(name, host);
    }
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async start(configured: ConfiguredInput): Promise<void> {
    const { name } = configured;
    const counters = this.#counters.get(name) ?? new Counters();
    const host = new InputHost(configured, this.#world, counters);
    await host.start();
    this.#counters.set(name, counters);
    this.#hosts.set(name, host);
  }

  async stop(name: string): Promise<void> {
    const host = this.#hosts.get(name);
    this.#hosts.delete(name);
    await host?.stop();
  }

  async forget(name: string): Promise<void> {
    this.#counters.delete(name);
  }

  async stopAll(): Promise<void> {
    await Promise.allSettled([...this.#hosts.values()].map((host) => host.stop()));
  }
}

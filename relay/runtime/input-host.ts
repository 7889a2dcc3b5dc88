import type { Acceptor } from '../accept/acceptor.ts';
import type {
  DropReason,
  HarborCounters,
  Input,
  InputContext,
  InputCounters,
  RefusalReason,
} from '../component/input.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Flag } from '../record/recorder.ts';
import type { Datasets } from './datasets.ts';
import type { RunnerDatasets } from '../record/runner-file.ts';
import type { Log } from '../telemetry/logger.ts';
import type { ConfiguredInput } from '../config/config.ts';

/** What one input has counted since it was configured. */
export class Counters implements InputCounters {
  records = 0;
  bytes = 0;
  connections = 0;
  connectionsTotal = 0;
  repeats = 0;
  readonly harbor: HarborCounters = { records: 0, lastMs: 0, silent: false };
  readonly drops = new Map<DropReason, number>();
  readonly flags = new Map<Flag, number>();
  readonly refusals = new Map<RefusalReason, number>();

  dropped(count: number, reason: DropReason): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + count);
  }

  flagged(flag: Flag): void {
    this.flags.set(flag, (this.flags.get(flag) ?? 0) + 1);
  }

  refused(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}

export interface InputWorld {
  readonly acceptor: Acceptor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly datasets: Pick<Datasets, 'of'>;
  /** Where lines of GitHub's runners go; undefined where jobs are not put together. */
  readonly runner: RunnerDatasets | undefined;
}

/** One configured input at work. */
export class InputHost {
  readonly name: string;
  readonly type: string;
  readonly counters: Counters;
  readonly #input: Input;
  address = '';

  constructor(configured: ConfiguredInput, world: InputWorld, counters = new Counters()) {
    this.name = configured.name;
    this.type = configured.definition.type;
    this.counters = counters;
    this.#input = configured.definition.create(configured.options, contextOf(configured.name, world, counters));
  }

  async start(): Promise<void> {
    this.address = await this.#input.start();
  }

  stop(): Promise<void> {
    return this.#input.stop();
  }
}

function contextOf(name: string, world: InputWorld, counters: Counters): InputContext {
  const { acceptor } = world;
  return {
    name,
    clock: world.clock,
    random: world.random,
    log: world.log.child({ input: name }),
    counters,
    recorder: acceptor.recorder,
    dataset: (dataset) => world.datasets.of(dataset),
    runner: world.runner,
    accept: (write, key) =>
      acceptor.accept(write, key, () => {
        counters.repeats++;
      }),
    get congested() {
      return acceptor.congested;
    },
    relieved: () => acceptor.relieved(),
    flush: () => acceptor.flush(),
  };
}
